"""`galley up` for real: proxy, hub, service, MLflow and worker hosts, started and ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from galley.run.processes import lives
from galley.supervisor.plan import read_settings
from galley.supervisor.status import Status, read_status

from tests.journey import platform as platforms
from tests.journey.platform import Platform

pytestmark = pytest.mark.integration

PATIENCE_S = 60


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return value


def ready(platform: Platform) -> Status:
    def found() -> Status | None:
        status = read_status(platform.home)
        return status if status and status.ready else None

    status: Status = until(found, "every child ready")
    return status


def processes(platform: Platform) -> list[psutil.Process]:
    """Return the whole tree, the foreground process too."""
    root = psutil.Process(platform.process.pid)
    return [root, *root.children(recursive=True)]


def hosts(platform: Platform) -> list[psutil.Process]:
    """Return the worker hosts: they do not end with the service, so they must be ended by us."""
    return [one for one in processes(platform) if one.cmdline()[-1:] == ["galley.host"]]


def alive(tree: list[psutil.Process]) -> list[psutil.Process]:
    return [one for one in tree if lives(one)]


def test_start_stop_start_kill(tmp_path: Path) -> None:
    platform = platforms.start(tmp_path / "home")
    try:
        status = ready(platform)
        assert [one.name for one in status.processes] == ["proxy", "hub", "service", "mlflow"]
        assert httpx.get(f"{platform.url}/hub/api/").status_code == 200
        accounts = (platform.home / "accounts.txt").read_text()
        until(lambda: hosts(platform), "a worker host")
        tree = processes(platform)
    finally:
        platform.stop()
    assert platform.process.returncode == 0
    assert alive(tree) == []
    assert read_status(platform.home) is None
    assert "New accounts" in platform.output.read_text()

    first = read_settings(platform.home)
    again = platforms.start(platform.home)
    try:
        ready(again)
        second = read_settings(platform.home)
        assert first is not None
        assert second is not None
        assert second.service_port == first.service_port
        assert (again.home / "accounts.txt").read_text() == accounts
        assert "New accounts" not in again.output.read_text()
        until(lambda: hosts(again), "a worker host")
        tree = processes(again)
        again.process.send_signal(signal.SIGKILL)
        until(lambda: alive(tree) == [], "the end of every process")
    finally:
        again.stop()


def test_a_taken_port_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "galley.cli", "up"],
            env=os.environ | {"GALLEY_HOME": str(tmp_path / "home"), "GALLEY_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"galley: port {port} of 127.0.0.1 is taken by process {os.getpid()} (" in done.stderr
    assert "GALLEY_PORT=" in done.stderr
    assert not (tmp_path / "home" / "logs").exists()
