"""Waiting for something only as long as somebody wants it."""

from __future__ import annotations

import fcntl
import math
import time
from collections.abc import Callable

from galley.errors import GalleyError
from galley.forks import readable

LOOK_S = 0.1
LOCK_S = 0.02
"""How soon it is seen that a lock is free."""
Wanted = Callable[[], bool]


class Unwanted(GalleyError):
    """Nobody wants any more what was waited for."""


def always() -> bool:
    """Want something however long it takes."""
    return True


def awaited(look: Callable[[float], bool], *, seconds: float, wanted: Wanted) -> bool:
    """Wait for something; returns False where it has not come in so many seconds.

    Args:
        look: returns whether it has come; waits for so many seconds at most.
        wanted: asked every 0.1 s, for the first time after that.

    Raises:
        Unwanted: it is not wanted any more.
    """
    latest = time.monotonic() + seconds
    while not look(max(0.0, min(LOOK_S, latest - time.monotonic()))):
        if not wanted():
            raise Unwanted("nobody waits for it any more")
        if time.monotonic() >= latest:
            return False
    return True


def readable_in_time(file: int, *, seconds: float, wanted: Wanted) -> bool:
    """Wait until there is something to read, or the other side is gone; as :func:`awaited`."""
    return awaited(lambda wait_s: readable(file, wait_s), seconds=seconds, wanted=wanted)


def lock(file: int, wanted: Wanted) -> None:
    """Take the lock of a file when whoever holds it lets go.

    Raises:
        Unwanted: it is not wanted any more.
    """
    awaited(lambda wait_s: _locked(file, wait_s), seconds=math.inf, wanted=wanted)


def _locked(file: int, wait_s: float) -> bool:
    latest = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= latest:
                return False
            time.sleep(LOCK_S)
        else:
            return True
