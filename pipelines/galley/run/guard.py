"""The guard of a running kernel: deadline, cancellation and memory.

It looks at the kernel's process tree every 0.2 s. A kernel that has to stop is interrupted first,
so that the cell can end by itself and the notebook is saved, and killed after the grace time. A
kernel over its memory limit is killed at once: interrupting would let it go on allocating.
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
from galley.run.processes import kill_all, resident_memory, signal_group, tree_of

INTERVAL_S = 0.2


class Stop(StrEnum):
    """Why a kernel was stopped from outside."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    MEMORY = "memory"


class Guard(threading.Thread):
    """Watches one kernel until :meth:`close`.

    Args:
        pid: the kernel; it leads its own session and process group.
        memory: limit of its process tree, bytes.
        deadline: when it must have ended.
        grace_s: seconds between interrupt and kill.
        cancelled: asked every 0.2 s.
        on_sample: given the processes and their resident memory, bytes, at each look.

    Attributes:
        reason: why the kernel was stopped; None while it was not.
        peak: largest resident memory seen, bytes.
        last: latest resident memory, bytes.
    """

    def __init__(
        self,
        pid: int,
        *,
        memory: int,
        deadline: Instant,
        grace_s: float,
        cancelled: Callable[[], bool],
        on_sample: Callable[[Sequence[psutil.Process], int], None] = lambda _processes, _memory: (
            None
        ),
    ) -> None:
        super().__init__(name=f"guard-{pid}", daemon=True)
        self.pid = pid
        self.memory = memory
        self.deadline = deadline
        self.grace_s = grace_s
        self.reason: Stop | None = None
        self.peak = 0
        self.last = 0
        self._cancelled = cancelled
        self._on_sample = on_sample
        self._closed = threading.Event()
        self._kill_at: float | None = None

    def run(self) -> None:
        """Look, act, wait; ends when closed."""
        while not self._closed.wait(INTERVAL_S):
            self._look()

    def close(self) -> None:
        """Stop watching and kill whatever of the tree is left."""
        self._closed.set()
        self.join()
        kill_all(tree_of(self.pid))

    def _look(self) -> None:
        processes = tree_of(self.pid)
        self.last = resident_memory(processes)
        self.peak = max(self.peak, self.last)
        self._on_sample(processes, self.last)
        if self.last > self.memory and self.reason is not Stop.MEMORY:
            self.reason = Stop.MEMORY
            self._kill()
        elif self._kill_at is not None:
            if time.monotonic() >= self._kill_at:
                self._kill()
        elif self._cancelled():
            self._interrupt(Stop.CANCELLED)
        elif datetime.now(UTC) >= self.deadline:
            self._interrupt(Stop.DEADLINE)

    def _interrupt(self, reason: Stop) -> None:
        self.reason = reason
        self._kill_at = time.monotonic() + self.grace_s
        signal_group(self.pid, signal.SIGINT)

    def _kill(self) -> None:
        kill_all(tree_of(self.pid))
        signal_group(self.pid, signal.SIGKILL)
