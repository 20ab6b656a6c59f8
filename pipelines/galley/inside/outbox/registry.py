"""The model registry as a task sees it: the server's, with ids that the server knows.

What is written there has no values of secrets.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from mlflow.store.model_registry.rest_store import RestStore
from mlflow.utils.credentials import get_default_host_creds

from .cleaning import Cleaning
from .redact import given
from .server import Server


class OutboxRegistry(RestStore):  # type: ignore[misc]
    """MLflow's registry over REST; always asks the server."""

    def __init__(self, uri: str) -> None:
        self._server = Server(uri)
        self._cleaning = Cleaning(given())
        super().__init__(partial(get_default_host_creds, self._server.address))

    def _call_endpoint(self, api: Any, json_body: Any, *more: Any, **options: Any) -> Any:
        self._server.check()
        body = json_body and self._cleaning.body(self._server.translated(json_body))
        return super()._call_endpoint(api, body, *more, **options)
