"""A real MLflow server on its unix socket, with a workspace for one tenant."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from galley.domain.settings import Settings
from galley.tracking.server import ALLOWED_HOST, mlflow_command

WORKSPACE = "oncology"


class MlflowProcess:
    """The server; ``http`` sends requests to it as the platform's proxy would.

    ``kill`` ends it as it is, ``restart`` starts it again; only for a server of one's own.
    """

    kill: Callable[[], None]
    restart: Callable[[], None]

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.http = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)),
            base_url=f"http://{ALLOWED_HOST}",
            timeout=60,
        )

    def answer(
        self, method: str, path: str, body: bytes, content_type: str, **more: str
    ) -> tuple[int, bytes]:
        """Return status and body of one request; ``path`` is as below the server's address."""
        headers = {"Content-Type": content_type, **more}
        response = self.http.request(method, path, content=body, headers=headers)
        return response.status_code, response.content

    def runs(self, experiment: str) -> list[dict[str, object]]:
        """Return all runs of an experiment as MLflow tells them."""
        found = self.http.get(
            "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": experiment}
        ).json()
        body = {"experiment_ids": [found["experiment"]["experiment_id"]], "max_results": 100}
        runs: list[dict[str, object]] = (
            self.http.post("/api/2.0/mlflow/runs/search", json=body).json().get("runs", [])
        )
        return runs


def tags_of(run: dict[str, object]) -> dict[str, str]:
    """Return a run's tags."""
    data = run["data"]
    assert isinstance(data, dict)
    return {tag["key"]: tag["value"] for tag in data.get("tags", [])}


@contextmanager
def mlflow_process() -> Iterator[MlflowProcess]:
    """Start the server in a folder of its own and wait until it answers."""
    with tempfile.TemporaryDirectory(prefix="mlflow-") as folder:
        process = _start(Path(folder))
        server = MlflowProcess(_settings(Path(folder)).mlflow_socket)

        def restart() -> None:
            nonlocal process
            process = _start(Path(folder))
            _wait(server, process, Path(folder) / "mlflow.log")

        server.kill = lambda: _end(process, signal.SIGKILL)
        server.restart = restart
        try:
            _wait(server, process, Path(folder) / "mlflow.log")
            made = server.http.post("/api/3.0/mlflow/workspaces", json={"name": WORKSPACE})
            made.raise_for_status()
            server.http.headers["X-MLFLOW-WORKSPACE"] = WORKSPACE
            yield server
        finally:
            if process.poll() is None:
                _end(process, signal.SIGTERM)


def _settings(folder: Path) -> Settings:
    return Settings(
        home=folder,
        tenants_file=folder / "tenants.yaml",
        hub_port=1,
        proxy_api_port=2,
        service_port=3,
        isolation="none",
    )


def _start(folder: Path) -> subprocess.Popen[bytes]:
    argv, environment = mlflow_command(_settings(folder))
    with (folder / "mlflow.log").open("ab") as output:
        return subprocess.Popen(
            argv,
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    os.killpg(process.pid, number)
    process.wait(timeout=30)


def _wait(server: MlflowProcess, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            if server.http.get("/health").is_success:
                return
        except httpx.HTTPError:
            pass
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)
