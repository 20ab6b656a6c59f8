"""Measuring what a running task uses, seldom enough that a long run stays small."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence

import psutil

EVERY_S = 1.0
PACE = 300
"""A task is measured each second in its first 300, then in steps of a 300th of its age: some 300
points and 300 more each time that its age grows 2.7-fold."""


class Meter:
    """Given what a guard sees; tells ``(memory, cpu_s)`` at most once a second.

    Args:
        tell: takes the largest resident memory since the last time, bytes, and the CPU time of all
            processes since the beginning, seconds.
        monotonic: a clock in seconds.
    """

    def __init__(
        self,
        tell: Callable[[int, float], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._monotonic = monotonic
        self._began = monotonic()
        self._next = self._began
        self._peak = 0
        self._cpu = 0.0

    def __call__(self, processes: Sequence[psutil.Process], memory: int) -> None:
        """Take a look at the task's processes, of which ``memory`` is the resident memory."""
        self._peak = max(self._peak, memory)
        now = self._monotonic()
        if now < self._next or not processes:
            return
        self._next = now + max(EVERY_S, (now - self._began) / PACE)
        # A process that ends takes its time out of the sum where nobody waited for it.
        self._cpu = max(self._cpu, cpu_time(processes))
        self._tell(self._peak, self._cpu)
        self._peak = 0


def cpu_time(processes: Sequence[psutil.Process]) -> float:
    """Return the CPU time of processes and of the children they have waited for, seconds."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            spent = process.cpu_times()
            total += spent.user + spent.system + spent.children_user + spent.children_system
    return total
