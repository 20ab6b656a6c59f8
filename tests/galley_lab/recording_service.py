"""A service that records what it is asked and answers what the bridge's tests need."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

ANALYSIS: dict[str, Any] = {"title": "A notebook", "missing_modules": [], "modules": ["helpers"]}


class Recorded(NamedTuple):
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class RecordingService:
    """Listens on a free port of the loopback; ``requests`` holds what arrived."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.kits: dict[str, dict[str, Any]] = {}
        self.go_on = threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service._get(self)

            def do_POST(self) -> None:
                service._post(self)

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address to be given as GALLEY_URL."""
        return f"http://127.0.0.1:{self._server.server_port}/services/galley"

    def close(self) -> None:
        """Stop listening."""
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _record(self, handler: BaseHTTPRequestHandler) -> Recorded:
        size = int(handler.headers.get("Content-Length", 0))
        text = handler.rfile.read(size)
        prefix = "/services/galley/api/v1/"
        assert handler.path.startswith(prefix), handler.path
        recorded = Recorded(
            handler.command,
            handler.path.removeprefix(prefix),
            {key.lower(): value for key, value in handler.headers.items()},
            json.loads(text) if text else {},
        )
        self.requests.append(recorded)
        return recorded

    def _get(self, handler: BaseHTTPRequestHandler) -> None:
        path = self._record(handler).path
        if path.startswith("events"):
            _begin(handler, 200, "text/event-stream")
            handler.wfile.write(b"id: 1\nevent: run.changed\ndata: {}\n\n")
            handler.wfile.flush()
            assert self.go_on.wait(30), "nobody read the first event"
            handler.wfile.write(b"id: 2\nevent: run.changed\ndata: {}\n\n")
        elif path.endswith("rehearsal"):
            _begin(handler, 200, "text/html", {"Content-Security-Policy": "sandbox"})
            handler.wfile.write(b"<p>user content</p>")
        elif path.endswith("/debug"):
            kit = self.kits.get(path.split("/")[1])
            if kit is None:
                _problem(handler, 404, "not-found", "there is no such run")
            else:
                _json(handler, 200, kit)
        elif path == "runs/unknown":
            _problem(handler, 404, "not-found", "there is no run 'unknown'")
        else:
            _json(handler, 200, {"path": path})

    def _post(self, handler: BaseHTTPRequestHandler) -> None:
        recorded = self._record(handler)
        if recorded.path.endswith("/analyses"):
            known = "helpers.py" in recorded.body["modules"]
            missing = [] if known else ["helpers", "nowhere"]
            _json(handler, 200, {**ANALYSIS, "missing_modules": missing})
        elif recorded.path.endswith("/versions"):
            _problem(handler, 409, "conflict", "version 3 has the same content and is live")
        else:
            _json(handler, 200, recorded.body)


def _begin(
    handler: BaseHTTPRequestHandler, status: int, kind: str, headers: dict[str, str] | None = None
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    for key, value in (headers or {}).items():
        handler.send_header(key, value)
    handler.end_headers()


def _json(handler: BaseHTTPRequestHandler, status: int, value: object) -> None:
    _begin(handler, status, "application/json")
    handler.wfile.write(json.dumps(value).encode())


def _problem(handler: BaseHTTPRequestHandler, status: int, code: str, detail: str) -> None:
    _begin(handler, status, "application/problem+json")
    body = {"code": code, "detail": detail, "status": status}
    handler.wfile.write(json.dumps(body).encode())
