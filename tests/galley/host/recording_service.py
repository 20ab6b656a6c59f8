"""A service that hands out one assignment after another and records what hosts report.

It speaks ``/internal/v1`` with the real wire models over real HTTP.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

from galley.domain.runs import RunKind
from galley.domain.tenants import Profile
from galley.domain.work import (
    Assignment,
    Heartbeat,
    HeartbeatReply,
    LeaseRequest,
    Outcome,
    TrackedRuns,
)
from galley.project.archive import pack

from tests.galley.tracking.mlflow_process import MlflowProcess

MLFLOW = "/services/mlflow/oncology"
PREFIX = "/services/galley/internal/v1"


def archive(folder: Path) -> bytes:
    """Return the files of a project as the service would send them."""
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return pack(files)


def assignment(
    *,
    kind: RunKind = RunKind.PIPELINE,
    parameters: dict[str, Any] | None = None,
    timeout_s: int = 120,
    number: int = 1,
    memory: int = 2**30,
    gpus: int = 0,
    scratch: int = 10**9,
    tracking_path: str = "/services/mlflow/oncology",
) -> Assignment:
    """Return an assignment as the dispatcher would lease it."""
    attempt = uuid.uuid4()
    return Assignment(
        attempt=attempt,
        run=uuid.uuid4(),
        number=number,
        fencing=1,
        kind=kind,
        tenant="oncology",
        pipeline="survival",
        version=3,
        parameters=parameters or {},
        profile=Profile(display_name="Small", cpu=1, memory=memory, gpus=gpus),
        profile_name="cpu-small",
        timeout_s=timeout_s,
        scratch=scratch,
        project_url=f"{PREFIX}/attempts/{attempt}/project",
        run_token=f"run-token-{attempt}",
        task_token=f"task-token-{attempt}",
        tracking_path=tracking_path,
        experiment="survival",
        lease_until=datetime.now(UTC) + timedelta(seconds=30),
        heartbeat_s=1,
    )


class RecordingService:
    """What hosts asked for and told; ``moved`` is notified at each change."""

    HOST_TOKEN = "host-token"

    def __init__(self) -> None:
        self.moved = threading.Condition()
        self.work: list[Assignment] = []
        self.projects: dict[str, bytes] = {}
        self.heartbeats: dict[str, list[Heartbeat]] = defaultdict(list)
        self.logs: dict[str, bytes] = defaultdict(bytes)
        self.notebooks: dict[tuple[str, str], bytes] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.tracked: dict[str, TrackedRuns] = {}
        self.started: dict[str, datetime] = {}
        self.leased: dict[str, datetime] = {}
        self.hosts: set[str] = set()
        self.cancelled: set[str] = set()
        self.refused: set[str] = set()
        self.full: set[str] = set()
        self.away = False
        self.withholds_project: set[str] = set()
        self.withholds_start: set[str] = set()
        self.unheard: list[Assignment] = []
        self.loses_a_lease = False
        self.held: list[tuple[UUID, ...]] = []
        self.mlflow: MlflowProcess | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/galley"

    def give(self, work: Assignment, project: Path) -> str:
        """Offer an assignment; returns its attempt's id."""
        attempt = str(work.attempt)
        with self.moved:
            self.projects[attempt] = archive(project)
            self.work.append(work)
            self.moved.notify_all()
        return attempt

    def wait_for(self, condition: Any, timeout: float = 240) -> None:
        """Wait until ``condition(self)`` is true."""
        with self.moved:
            assert self.moved.wait_for(lambda: condition(self), timeout), "it never came to pass"

    def outcome_of(self, attempt: str) -> Outcome:
        """Wait for an attempt's outcome."""
        self.wait_for(lambda service: attempt in service.outcomes)
        return self.outcomes[attempt]

    def tracked_of(self, attempt: str) -> TrackedRuns:
        """Wait until all that an attempt logged was sent to MLflow."""
        self.wait_for(lambda service: attempt in service.tracked)
        return self.tracked[attempt]

    def log_of(self, attempt: str) -> str:
        return self.logs[attempt].decode()

    def answer(self, method: str, path: str, token: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body of one request."""
        if path.startswith(MLFLOW):
            return self._track(method, path.removeprefix(MLFLOW), token, body)
        with self.moved:
            if self.away:
                return 503, b"away"
            if path == f"{PREFIX}/leases":
                return self._lease(token, LeaseRequest.model_validate_json(body))
            _, _, rest = path.partition(f"{PREFIX}/attempts/")
            attempt, _, what = rest.partition("/")
            if what == "tracked" and token == self.HOST_TOKEN:
                self.tracked[attempt] = TrackedRuns.model_validate_json(body)
                self.moved.notify_all()
                return 204, b""
            if attempt not in self.projects or token != f"run-token-{attempt}":
                return 404, b"{}"
            if attempt in self.refused and what != "project":
                return 409, json.dumps({"code": "conflict", "detail": "superseded"}).encode()
            status, answer = self._attempt(method, attempt, what, body)
            self.moved.notify_all()
            return status, answer

    def _lease(self, token: str, request: LeaseRequest) -> tuple[int, bytes]:
        self.hosts.add(request.host)
        if token != self.HOST_TOKEN:
            return 401, json.dumps({"code": "not-signed-in", "detail": "unknown host"}).encode()
        if request.holds is not None:
            self.held.append(request.holds)
            self.work, self.unheard = self.unheard + self.work, []
        self.moved.wait_for(lambda: bool(self.work), min(request.wait_s, 1))
        if not self.work:
            return 204, b""
        work = self.work.pop(0)
        if self.loses_a_lease:
            self.loses_a_lease = False
            self.unheard.append(work)
            return 503, b"away"
        self.leased[str(work.attempt)] = datetime.now(UTC)
        return 200, work.model_dump_json().encode()

    def _attempt(self, method: str, attempt: str, what: str, body: bytes) -> tuple[int, bytes]:
        if what == "project":
            if attempt in self.withholds_project:
                self.withholds_project.discard(attempt)
                return 503, b"away"
            return 200, self.projects[attempt]
        if what == "start":
            if attempt in self.withholds_start:
                self.withholds_start.discard(attempt)
                return 503, b"away"
            self.started[attempt] = datetime.now(UTC)
            return 200, self._reply(attempt)
        if what == "heartbeat":
            beat = Heartbeat.model_validate_json(body)
            assert beat.log_offset <= len(self.logs[attempt]), "a hole in the log"
            self.logs[attempt] = self.logs[attempt][: beat.log_offset] + beat.log.encode()
            self.heartbeats[attempt].append(beat)
            return 200, self._reply(attempt)
        if what == "outcome":
            self.outcomes[attempt] = Outcome.model_validate_json(body)
            return 204, b""
        assert method == "PUT"
        if attempt in self.full:
            return 413, json.dumps({"code": "too-large", "detail": "no room is left"}).encode()
        self.notebooks[attempt, what.split("/")[1]] = body
        return 204, b""

    def _track(self, method: str, path: str, token: str, body: bytes) -> tuple[int, bytes]:
        """Pass on to MLflow what comes with a task's token, as the platform's proxy does."""
        if self.mlflow is None:
            return 503, b"away"
        if token != self.HOST_TOKEN and not token.startswith("task-token-"):
            return 404, b"{}"
        kind = "application/json" if "mlflow-artifacts" not in path else "application/octet-stream"
        return self.mlflow.answer(method, path, body, kind)

    def _reply(self, attempt: str) -> bytes:
        reply = HeartbeatReply(
            cancel=attempt in self.cancelled,
            lease_until=datetime.now(UTC) + timedelta(seconds=30),
        )
        return reply.model_dump_json().encode()


@contextmanager
def recording_service() -> Iterator[RecordingService]:
    """Serve on a free loopback port."""
    service = RecordingService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, answer = service.answer(self.command, self.path, token, body)
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    service.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
