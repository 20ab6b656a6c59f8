"""Processes that are ended: asked first, killed where they do not listen, and waited for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from galley.sandbox import processes

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True)"


@pytest.mark.parametrize("kills", ["at once", "late"])
def test_what_does_not_listen_is_gone_afterwards(
    kills: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", f"{DEAF}; time.sleep(600)"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"on\n"
    known = processes.identify(child.pid)
    if kills == "late":  # as on a busy machine, which takes a while to end what is killed
        alive, looks = processes.ProcessId.alive, iter([True] * 4)
        monkeypatch.setattr(
            processes.ProcessId, "alive", lambda one: next(looks, None) or alive(one)
        )
    processes.stop_all([known], patience=0.1)
    assert not known.alive()
    child.wait(timeout=10)
