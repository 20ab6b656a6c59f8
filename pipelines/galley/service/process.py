"""The composition root of the service's process: reads ``GALLEY_SETTINGS``, builds, serves."""

from __future__ import annotations

import gc
import hashlib
import logging
import os
import socket
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from uuid import UUID

import uvicorn
from fastapi import FastAPI
from sqlalchemy.orm import Session

from galley.domain.settings import Settings
from galley.launcher.local import LocalLauncher
from galley.service.app import create_app
from galley.service.auth import hubs
from galley.service.background import LOOPS
from galley.service.context import Context
from galley.service.leading import Leading
from galley.service.oauth_states import StoredStates
from galley.service.tenancy import TenantsFile
from galley.store import Store, tokens
from galley.store.tokens import HostIdentity

SWITCH_S = 0.0005
"""How long a thread may compute while another one waits to, seconds. A request passes through
several threads; with Python's own 5 ms it would wait that long at each while a loop is at work."""

GRACE_S = 3
"""How long open streams and long polls may hold up the end of the process, seconds."""


def compose(settings: Settings) -> FastAPI:
    """Return the service of a deployment, its database migrated."""
    settings.service_state.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(settings.database)
    store.migrate()
    tenants = TenantsFile(settings.tenants_file)

    def now() -> datetime:
        return datetime.now(UTC)

    leading = Leading(store, LOOPS, now, time.monotonic)

    def mint(tenant: str, author: str | None, run: UUID | None, attempt: int | None) -> str:
        identity = HostIdentity(tenant=tenant, author=author, run=run)

        def work(session: Session) -> str:
            leading.require(session, "launcher")
            return tokens.mint_host(session, identity, now(), attempt=attempt)

        return store.write(work)

    hub, mlflow_hub = hubs(settings, StoredStates(store, now))
    return create_app(
        settings,
        tenants=tenants,
        store=store,
        launcher=LocalLauncher(settings, tenants, mint=mint),
        hub=hub,
        mlflow_hub=mlflow_hub,
        secret=_key(settings),
        clock=now,
        leading=leading,
    )


def _key(settings: Settings) -> bytes:
    """Return the key of XSRF tokens, derived from the deployment's secret for cookies."""
    return hashlib.sha256(b"xsrf" + (settings.secrets / "cookie-secret").read_bytes()).digest()


def main() -> None:
    """Serve on loopback until SIGTERM."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    path = Path(os.environ["GALLEY_SETTINGS"])
    settings = Settings.model_validate_json(path.read_text())
    app = compose(settings)
    config = uvicorn.Config(
        app,
        proxy_headers=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
    )
    sys.setswitchinterval(SWITCH_S)
    gc.freeze()  # what is there now stays: no search for garbage has to go through it
    server = _Server(config, app.state.context)
    own = settings.service_socket(os.environ.get("GALLEY_SERVICE_NAME", "service"))
    server.run(sockets=[_listener(settings), _own_listener(own)])
    if not server.started:
        sys.exit(1)


class _Server(uvicorn.Server):
    """Has those answered who wait for something, before it waits for the answers."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to end, upon a signal."""
        self._context.stopping.set()
        self._context.feed.changed.ring()
        self._context.feed.moved.ring()
        super().handle_exit(sig, frame)


def _listener(settings: Settings) -> socket.socket:
    """Return the socket to serve on; several processes share its port, and the kernel deals."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.service_processes > 1:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", settings.service_port))
    return listener


def _own_listener(path: Path) -> socket.socket:
    """Return a socket at which this process answers and no other: who asks it means it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    return listener
