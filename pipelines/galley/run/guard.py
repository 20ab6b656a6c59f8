"""The guard of a running kernel: deadlines, cancellation and memory.

It looks at the task's processes every 0.1 s, and more often near the memory limit. A kernel that
has to stop is interrupted first, so that the cell can end by itself and the notebook is saved, and
killed after the grace time. A task over its memory limit is killed at once: interrupting would let
it go on allocating.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import psutil

from galley.domain.model import Instant
from galley.run.family import Family
from galley.run.processes import signal_group
from galley.sandbox.cgroup import ControlGroup

INTERVAL_S = 0.1
NEAR_INTERVAL_S = 0.02
_NEAR = 0.7
"""Part of the memory limit from which on the guard looks more often."""


class Stop(StrEnum):
    """Why a kernel was stopped from outside."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    CELL_DEADLINE = "cell_deadline"
    MEMORY = "memory"


class Guard(threading.Thread):
    """Watches one kernel until :meth:`close`.

    Args:
        family: the task's processes; the first, the kernel, leads its own process group.
        memory: limit of them together, bytes.
        deadline: when they must have ended.
        grace_s: seconds between interrupt and kill.
        cancelled: asked every 0.1 s.
        group: the control group that they are in; None: the guard alone limits them.
        on_sample: given the processes and their resident memory, bytes, at each look.

    Attributes:
        reason: why the kernel was stopped; None while it was not.
        peak: largest memory seen, bytes.
        last: latest memory, bytes.
        cell_limit_s: time limit of the present cell; None: it has none of its own.
        failed: why it cannot look any more, so that it has ended the task; None: it can.
        killed_for_memory: whether the system killed one of the task's processes at the limit of
            their control group; known once closed.
    """

    def __init__(
        self,
        family: Family,
        *,
        memory: int,
        deadline: Instant,
        grace_s: float,
        cancelled: Callable[[], bool],
        group: ControlGroup | None = None,
        on_sample: Callable[[Sequence[psutil.Process], int], None] = lambda _processes, _memory: (
            None
        ),
    ) -> None:
        super().__init__(name=f"guard-{family.root}", daemon=True)
        self.memory = memory
        self.deadline = deadline
        self.grace_s = grace_s
        self.reason: Stop | None = None
        self.peak = 0
        self.last = 0
        self.cell_limit_s: float | None = None
        self.failed: Exception | None = None
        self.killed_for_memory = False
        self._cell_until: float | None = None
        self._family = family
        self._group = group
        self._cancelled = cancelled
        self._on_sample = on_sample
        self._closed = threading.Event()
        self._kill_at: float | None = None

    def cell_began(self, limit_s: float | None) -> None:
        """Note that a cell begins, which may take ``limit_s`` seconds; None: any time."""
        self._cell_until = None
        self.cell_limit_s = limit_s
        if limit_s is not None:
            self._cell_until = time.monotonic() + limit_s

    def run(self) -> None:
        """Look, act, wait; ends when closed, or with the task when it can look no more."""
        try:
            while not self._closed.wait(self._interval()):
                self._look()
        except Exception as error:  # nobody else would end the task
            self.failed = error
            self._family.kill()

    def measure(self) -> None:
        """Look at the memory: of a task that ends before the first look there is no other."""
        try:
            self.last = self._family.memory(self.memory)
            self.peak = max(self.peak, self.last)
            self._on_sample(self._family.members(), self.last)
        except Exception as error:  # whichever thread it is that looks
            self.failed = error
            raise

    def close(self) -> None:
        """Stop watching and kill whatever is left."""
        self._closed.set()
        if self.is_alive():
            self.join()
        self._family.kill()
        self._family.close()
        if self._group is not None:
            self._was_killed()
            self._group.close()

    def _was_killed(self) -> bool:
        """Whether the system killed one of the processes, which may have been any of them."""
        if self._group is not None and self._group.new_kills() > 0:
            self.killed_for_memory = True
            self.peak = max(self.peak, self.memory)  # no look was in time to see it
        return self.killed_for_memory

    def _interval(self) -> float:
        return INTERVAL_S if self.last < _NEAR * self.memory else NEAR_INTERVAL_S

    def _look(self) -> None:
        self.measure()
        now = time.monotonic()
        until = self._cell_until
        over = self.last > self.memory or self._was_killed()
        if over and self.reason is not Stop.MEMORY:
            self.reason = Stop.MEMORY
            self._family.kill()
        elif self._kill_at is not None:
            if now >= self._kill_at:
                self._family.kill()
        elif self._cancelled():
            self._interrupt(Stop.CANCELLED)
        elif datetime.now(UTC) >= self.deadline:
            self._interrupt(Stop.DEADLINE)
        elif until is not None and now >= until:
            self._interrupt(Stop.CELL_DEADLINE)

    def _interrupt(self, reason: Stop) -> None:
        self.reason = reason
        self._kill_at = time.monotonic() + self.grace_s
        signal_group(self._family.root, signal.SIGINT)
