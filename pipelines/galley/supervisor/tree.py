"""The process tree: adopt orphans, die with the parent, end every descendant."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Make orphans among the descendants of this process its children instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(parent: int, number: int = signal.SIGTERM) -> None:
    """Let the kernel send signal ``number`` to this process when its parent ends.

    Args:
        parent: pid of the parent; when it is gone already, the signal is sent at once.
    """
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")


def children() -> list[psutil.Process]:
    """Return the living children of this process, adopted ones too."""
    return [child for child in psutil.Process().children() if child.is_running()]


def send(number: int) -> None:
    """Send signal ``number`` to every child of this process, adopted ones too."""
    for child in children():
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(number)


def kill_descendants(
    patience_s: float = 10, others: Callable[[], list[psutil.Process]] = list
) -> list[int]:
    """End every descendant by SIGKILL and reap it; an orphan that appears meanwhile too.

    Args:
        others: returns what else is to be ended, with all descendants.

    Returns:
        pids that are still there after ``patience_s`` (stuck in the kernel).
    """
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        reap()
        left = _families(others())
        if not left:
            return []
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(0.02)
    return [process.pid for process in _families(others())]


def _families(others: list[psutil.Process]) -> list[psutil.Process]:
    """Return the descendants of this process, and the others with theirs."""
    found = psutil.Process().children(recursive=True)
    for other in others:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [other, *other.children(recursive=True)]
    return found


def reap() -> dict[int, int]:
    """Collect ended children; return pid → exit code (negative: the signal that ended it)."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)
