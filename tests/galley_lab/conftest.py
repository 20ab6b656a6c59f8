"""A real Jupyter server with the bridge, in front of a service that records."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.galley.locking.wheels import write_platform, write_wheel
from tests.galley_lab.recording_service import RecordingService

TOKEN = "token-of-the-browser"
SERVER_TOKEN = "token-of-the-server"
START = (
    "import sys\n"
    "sys.modules['rfc3987_syntax'] = None\n"  # or jsonschema compiles it, two seconds of CPU
    "from jupyter_server.serverapp import main\n"
    "sys.exit(main())"
)


class Lab(NamedTuple):
    """A running Jupyter server."""

    url: str
    folder: Path
    http: httpx.Client


def start(folder: Path, environment: dict[str, str]) -> Iterator[Lab]:
    """Start a server on ``folder``; end it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GALLEY_", "JUPYTERHUB_"))
    }
    command = [
        sys.executable,
        "-c",
        START,
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.jpserver_extensions={'galley_lab': True}",
        "--ServerApp.open_browser=False",
    ]
    process = subprocess.Popen(
        command,
        env={**inherited, "JUPYTER_CONFIG_DIR": str(folder / ".jupyter"), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )
    url = f"http://127.0.0.1:{port}/"
    http = httpx.Client(
        base_url=url, headers={"Authorization": f"token {TOKEN}"}, timeout=30, trust_env=False
    )
    try:
        _wait(http, process)
        yield Lab(url, folder, http)
    finally:
        http.close()
        process.terminate()
        process.communicate(timeout=30)


def _wait(http: httpx.Client, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1])
        try:
            if http.get("api/status").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the Jupyter server did not answer")


@pytest.fixture(scope="module")
def service() -> Iterator[RecordingService]:
    """The service behind the bridge."""
    recording = RecordingService()
    yield recording
    recording.close()


@pytest.fixture(scope="module")
def lab(
    tmp_path_factory: pytest.TempPathFactory, service: RecordingService, wheels: Path
) -> Iterator[Lab]:
    """A server that the platform started."""
    yield from start(
        tmp_path_factory.mktemp("lab"),
        {
            "GALLEY_URL": service.url,
            "GALLEY_TENANT": "oncology",
            "JUPYTERHUB_API_TOKEN": SERVER_TOKEN,
            "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache")),
            "UV_FIND_LINKS": str(wheels / "wheels"),
            "UV_OFFLINE": "true",
        },
    )


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose ``wheels`` are all that uv knows in the platform's server."""
    folder = tmp_path_factory.mktemp("index")
    write_platform(folder / "wheels")
    write_wheel(folder / "wheels", "greeting", "1.0")
    return folder


@pytest.fixture(scope="module")
def lone_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server that somebody started by hand."""
    yield from start(tmp_path_factory.mktemp("lone"), {})


@pytest.fixture(scope="module")
def down_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A server of the platform whose service does not listen any more."""
    gone = RecordingService()
    gone.close()
    yield from start(
        tmp_path_factory.mktemp("down"),
        {
            "GALLEY_URL": gone.url,
            "GALLEY_TENANT": "oncology",
            "JUPYTERHUB_API_TOKEN": SERVER_TOKEN,
        },
    )
