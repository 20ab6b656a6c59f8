"""The platform as `galley up` starts it, with a home of its own and a free port."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 60


def free_port() -> int:
    """Return a loopback port that nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass
class Platform:
    """A running `galley up`.

    Attributes:
        home: its GALLEY_HOME.
        url: the public address, without a trailing slash.
        passwords: user → password, as printed for the demo accounts.
    """

    home: Path
    url: str
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def passwords(self) -> dict[str, str]:
        """Read the generated passwords of the demo accounts."""
        text = (self.home / "accounts.txt").read_text()
        return dict(re.findall(r"^\s*([a-z]+)\s+(\S+)\s*(?:.*)$", text, re.MULTILINE))

    def stop(self) -> None:
        """End it as Ctrl-C would and wait until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait(STOP_TIMEOUT_S)


def start(home: Path, tenants: Path | None = None) -> Platform:
    """Start `galley up` and wait until it is healthy.

    Raises:
        RuntimeError: with its output, when it ends or is not healthy in time.
    """
    port = free_port()
    output = home.parent / f"{home.name}.out"
    environment = os.environ | {"GALLEY_HOME": str(home), "GALLEY_PORT": str(port)}
    if tenants is not None:
        environment["GALLEY_TENANTS"] = str(tenants)
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "galley.cli", "up"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    platform = Platform(home, f"http://127.0.0.1:{port}", process, output)
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            answer = httpx.get(f"{platform.url}/services/galley/healthz")
            if answer.status_code == 200 and answer.json()["status"] == "ok":
                return platform
        except (httpx.TransportError, ValueError):
            pass
        time.sleep(0.3)
    platform.stop()
    raise RuntimeError(f"`galley up` did not become healthy:\n{output.read_text()[-8000:]}")
