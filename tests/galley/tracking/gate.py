"""The platform's proxy in front of a real MLflow, reduced to its forwarding; it can fail.

It takes any token, counts calls, and may be away, lose answers after the effect, or be slow.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from tests.galley.tracking.mlflow_process import MlflowProcess

PLACE = "x-mlflow-experiment-id"
"""Header of spans, which name their experiment there."""


class Gate:
    """What passes.

    Attributes:
        calls: of each request, the method and the path below ``/api``.
        away: answer 503 as the proxy does while MLflow is restarted.
        lose: ends of paths of which the next answer is lost, after MLflow has acted.
        hold: set it aside to let requests wait until it is set.
    """

    def __init__(self, mlflow: MlflowProcess) -> None:
        self.mlflow = mlflow
        self.calls: list[str] = []
        self.away = False
        self.lose: set[str] = set()
        self.hold = threading.Event()
        self.hold.set()
        self.uri = ""

    def answer(
        self, method: str, path: str, kind: str, body: bytes, **headers: str
    ) -> tuple[int, bytes] | None:
        """Return status and body; None: the answer is lost."""
        name = f"{method} {path.partition('?')[0].partition('/api/')[2]}"
        self.calls.append(name)
        self.hold.wait(60)
        if self.away:
            return 503, b'{"code": "unavailable", "detail": "MLflow does not answer"}'
        try:
            answered = self.mlflow.answer(method, path.removeprefix("/m"), body, kind, **headers)
        except httpx.HTTPError:
            return 503, b'{"code": "unavailable", "detail": "MLflow does not answer"}'
        for end in list(self.lose):
            if name.endswith(end):
                self.lose.discard(end)
                return None
        return answered

    def count(self, end: str) -> int:
        """Return how many calls there were whose path ends so."""
        return sum(call.endswith(end) for call in self.calls)


@contextmanager
def gate_to(mlflow: MlflowProcess) -> Iterator[Gate]:
    """Serve on a free loopback port."""
    gate = Gate(mlflow)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = self.headers.get("Content-Type", "application/json")
            place = self.headers.get(PLACE)
            headers = {} if place is None else {PLACE: place}
            answered = gate.answer(self.command, self.path, kind, body, **headers)
            if answered is None:
                self.close_connection = True
                return
            self.send_response(answered[0])
            self.send_header("Content-Length", str(len(answered[1])))
            self.end_headers()
            self.wfile.write(answered[1])

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    gate.uri = f"http://127.0.0.1:{server.server_address[1]}/m"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield gate
    finally:
        gate.hold.set()
        server.shutdown()
        server.server_close()
