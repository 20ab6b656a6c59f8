"""Naming a process so that it can be found again after a restart, and never mistaken."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from galley.domain.model import Model

logger = logging.getLogger(__name__)

KILLED_S = 10.0
"""How long a killed process may take to be gone."""


class ProcessId(Model):
    """A process: its pid and when it started, since pids are reused."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return _stat(self.pid) == (self.started, True)

    def signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def identify(pid: int) -> ProcessId:
    """Return the name of a running process.

    Raises:
        ProcessLookupError: there is none.
    """
    stat = _stat(pid)
    if stat is None:
        raise ProcessLookupError(f"no process {pid}")
    return ProcessId(pid=pid, started=stat[0])


def _stat(pid: int) -> tuple[int, bool] | None:
    """Return (start time in clock ticks since boot, not a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(fields[19]), fields[0] not in {"Z", "X"}


def save(path: Path, process: ProcessId) -> None:
    """Write a pid file; not even a loss of power leaves half of one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    with temporary.open("w") as file:
        file.write(process.model_dump_json())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def saved(folder: Path) -> dict[str, ProcessId]:
    """Return the processes of all pid files (``NAME.pid``) in a folder that still run.

    A file that cannot be read, as a disk may have it after a loss of power, names nobody: it is
    removed, so that it stands in the way of no other.
    """
    found = {}
    for path in sorted(folder.glob("*.pid")):
        try:
            process = ProcessId.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            continue
        except ValueError as error:
            logger.warning("the pid file %s is not one, and is removed: %s", path, error)
            path.unlink(missing_ok=True)
            continue
        if process.alive():
            found[path.stem] = process
    return found


def stop_all(processes: Iterable[ProcessId], *, patience: float = 15.0) -> None:
    """Ask processes to end, wait, and kill what is left after ``patience`` seconds.

    What is killed is waited for as well: it may take the system a moment to end it.
    """
    left = list(processes)
    for process in left:
        process.signal(signal.SIGTERM)
    for process in _living(left, patience):
        process.signal(signal.SIGKILL)
    _living(left, KILLED_S)


def _living(processes: Iterable[ProcessId], patience: float) -> list[ProcessId]:
    """Wait until none runs, ``patience`` seconds at most; return those that still do."""
    deadline = time.monotonic() + patience
    left = list(processes)
    while (left := [process for process in left if process.alive()]) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    return left
