"""Processes of this machine: protecting our own, finding and ending those of a task."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from galley.errors import GalleyError
from galley.inside import walls
from galley.sandbox import landlock
from galley.sandbox.namespaces import adopt_orphans, die_with_parent

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


def enter_task(told: int | None = None, around: Mapping[str, Any] | None = None) -> None:
    """Make this process the first of a task: it ends with the thread that started it.

    What its descendants leave behind becomes its own child, so that nothing leaves its tree. In a
    sandbox it can trace and signal only its own descendants, where the system has Landlock.

    Args:
        told: file descriptor of a pipe, to which goes, as JSON, what stands in the way of that,
            and in the way of its walls.
        around: its walls, as :func:`galley.inside.walls.enclose` takes them; None: it has none.
    """
    die_with_parent(signal.SIGKILL)
    adopt_orphans()
    unwalled = "" if around is None else walls.enclose_alone(around)
    obstacle = landlock.enter()
    if told is not None:
        os.write(told, json.dumps((obstacle, unwalled)).encode())


def signal_group(pgid: int, number: int) -> None:
    """Send a signal to a process group; nothing happens when it has ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def signal_all(processes: list[psutil.Process], number: int = signal.SIGKILL) -> None:
    """Send a signal to processes, as far as they are there."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.send_signal(number)


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill processes and wait until they have ended, two seconds at most.

    They are not collected: whoever started them still learns their exit code.
    """
    signal_all(processes)
    latest = time.monotonic() + 2
    while any(lives(process) for process in processes) and time.monotonic() < latest:
        time.sleep(0.01)


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def marked(name: str, value: str) -> list[psutil.Process]:
    """Return the processes whose environment, as they were started, has ``name=value``."""
    found = []
    own = os.getpid()
    wanted = f"\0{name}={value}\0".encode()
    for pid in psutil.pids():
        if pid == own:
            continue
        with contextlib.suppress(psutil.NoSuchProcess, OSError):
            if wanted in b"\0" + Path(f"/proc/{pid}/environ").read_bytes():
                found.append(psutil.Process(pid))
    return found
