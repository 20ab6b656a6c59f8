"""Composition root of the bridge: reads the environment once and adds the routes to a server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from galley.errors import PublicError
from jupyter_server.utils import url_path_join

from galley_lab.connection import Connection, connection
from galley_lab.debugging import Debugging, DebugHandler
from galley_lab.handlers import (
    AnalyseHandler,
    ConnectionHandler,
    FingerprintHandler,
    PublishHandler,
    ServiceHandler,
    UnknownHandler,
)
from galley_lab.notebooks import SavedNotebooks
from galley_lab.service import Service

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def load(server_app: ServerApp, environment: Mapping[str, str] = os.environ) -> None:
    """Add ``{base_url}galley/`` to a server; where Galley is not set up, the routes say so."""
    found = _find(environment)
    service = Service(found)
    notebooks = SavedNotebooks(server_app.contents_manager, service)
    with_service: dict[str, Any] = {"service": service}
    with_notebooks = {**with_service, "notebooks": notebooks}
    debugging = Debugging(server_app.contents_manager, service, environment)
    with_debugging = {**with_service, "debugging": debugging}
    base = url_path_join(server_app.web_app.settings["base_url"], "galley")
    server_app.web_app.add_handlers(  # type: ignore[no-untyped-call]
        ".*$",
        [
            (f"{base}/connection", ConnectionHandler, with_service),
            (f"{base}/fingerprint", FingerprintHandler, with_service),
            (f"{base}/analyse", AnalyseHandler, with_notebooks),
            (f"{base}/debug", DebugHandler, with_debugging),
            (f"{base}/publish", PublishHandler, with_notebooks),
            (f"{base}/api/v1/(.+)", ServiceHandler, with_service),
            (f"{base}/.*", UnknownHandler, with_service),
        ],
    )
    where = f"Galley at {found.url}" if isinstance(found, Connection) else found.detail
    server_app.log.info("galley_lab: %s", where)


def _find(environment: Mapping[str, str]) -> Connection | PublicError:
    try:
        return connection(environment)
    except PublicError as error:
        return error
