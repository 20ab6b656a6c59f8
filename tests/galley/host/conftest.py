"""A real host process against a recording service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.galley.host.recording_service import RecordingService, recording_service
from tests.galley.tracking.mlflow_process import MlflowProcess

ROOM = {
    "GALLEY_HOST_SLOTS": "2",
    "GALLEY_HOST_WORKERS": "2",
    "GALLEY_HOST_MEMORY": str(2 * 2**30),
}
"""Two attempts, two Dask workers, and memory for two notebooks of 1 GiB."""


@contextmanager
def host_process(
    service: RecordingService, home: Path, **variables: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``python -m galley.host`` and end it."""
    home.mkdir(exist_ok=True)
    token = home / "token"
    token.write_text(service.HOST_TOKEN)
    process = subprocess.Popen(
        [sys.executable, "-m", "galley.host"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "GALLEY_SERVICE_URL": service.url,
            "GALLEY_HOST_TOKEN_FILE": str(token),
            "GALLEY_TENANT": "oncology",
            "GALLEY_HOST_NAME": "oncology@test",
            **variables,
        },
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def service(mlflow: MlflowProcess) -> Iterator[RecordingService]:
    with recording_service() as served:
        served.mlflow = mlflow
        yield served


@pytest.fixture(scope="module")
def host(
    service: RecordingService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[subprocess.Popen[bytes]]:
    """A tenant's host with room for two attempts and two Dask workers."""
    home = tmp_path_factory.mktemp("host")
    with host_process(service, home, **ROOM) as process:
        yield process
