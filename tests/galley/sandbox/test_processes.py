"""Processes that are ended: asked first, killed where they do not listen, and waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

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


@pytest.mark.parametrize("torn", ["", "\0" * 30, '{"pid": 1', '{"pid": 1}'])
def test_a_file_that_cannot_be_read_stands_in_the_way_of_no_other(
    tmp_path: Path, torn: str, caplog: pytest.LogCaptureFixture
) -> None:
    itself = processes.identify(os.getpid())
    processes.save(tmp_path / "winery.pid", itself)
    (tmp_path / "oncology.pid").write_text(torn)
    assert processes.saved(tmp_path) == {"winery": itself}
    assert "oncology.pid is not one" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == ["winery.pid"]


def test_what_is_saved_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def fsync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().read_text())
        assert not (tmp_path / "winery.pid").exists()

    monkeypatch.setattr(os, "fsync", fsync)
    itself = processes.identify(os.getpid())
    processes.save(tmp_path / "winery.pid", itself)
    assert synced == [itself.model_dump_json()]
