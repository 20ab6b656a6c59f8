"""Processes that are ended: asked first, killed where they do not listen, and waited for."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading

import pytest
from galley.sandbox import processes
from galley.sandbox.processes import ProcessId

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True)"


@pytest.mark.parametrize("takes_s", [0.0, 0.5])
def test_what_does_not_listen_is_gone_afterwards(
    takes_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the machine is busy, and takes a while to end what is killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"{DEAF}; time.sleep(600)"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"on\n"
    known, at_once = processes.identify(child.pid), ProcessId.signal

    def late(process: ProcessId, number: int) -> None:
        delay = takes_s if number == signal.SIGKILL else 0.0
        threading.Timer(delay, at_once, (process, number)).start()

    monkeypatch.setattr(ProcessId, "signal", late)
    processes.stop_all([known], patience=0.1)
    assert not known.alive()
    child.wait(timeout=10)
