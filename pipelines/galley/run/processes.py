"""Processes of this machine: protecting our own, finding and ending those of a task."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time

import psutil

from galley.errors import GalleyError

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_LIBC = ctypes.CDLL(None, use_errno=True)

TASK_MARK = "GALLEY_TASK_TRY"
"""Variable in the environment of all that a task starts: what outlives the task is found by it."""


def hide_from_own_uid() -> None:
    """Make environment and memory of this process unreadable to processes of the same uid.

    Raises:
        GalleyError: the system refuses.
    """
    if _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise GalleyError(f"prctl(PR_SET_DUMPABLE) failed: {os.strerror(ctypes.get_errno())}")


def die_with_parent() -> None:
    """Have the kernel end this process when the thread that started it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def tree_of(pid: int) -> list[psutil.Process]:
    """Return the living process ``pid`` and all its descendants; empty when it has ended."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def resident_memory(processes: list[psutil.Process]) -> int:
    """Return the resident memory of the processes together, bytes."""
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += process.memory_info().rss
    return total


def signal_group(pgid: int, number: int) -> None:
    """Send a signal to a process group; nothing happens when it has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill processes and wait until they have ended, two seconds at most.

    They are not collected: whoever started them still learns their exit code.
    """
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    latest = time.monotonic() + 2
    while any(_lives(process) for process in processes) and time.monotonic() < latest:
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def marked(name: str, value: str) -> list[psutil.Process]:
    """Return the processes whose environment, as they were started, has ``name=value``."""
    found = []
    own = os.getpid()
    for process in psutil.process_iter():
        if process.pid == own:
            continue
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            if process.environ().get(name) == value:
                found.append(process)
    return found
