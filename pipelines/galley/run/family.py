"""The processes of one task: the tree below its kernel, and whatever left that tree.

What a task starts stays below its kernel, which adopts its orphans (``enter_task``). What is left
when the kernel is gone is known from an earlier look, or carries the task's mark in its
environment.
"""

from __future__ import annotations

import math
import threading
import time

import psutil

from galley.run.held import OwnSharedMemory, shared_memory
from galley.run.processes import TASK_MARK, lives, marked, signal_all
from galley.sandbox.memory import divided, resident, resident_shared
from galley.sandbox.namespaces import children

SCAN_S = 1.0
"""How often the whole machine is searched for the mark; it costs a file read per process."""
_SHARE = 10
"""Measuring what is shared may take one part in this many of the time."""
_HELD_SHARE = 50
"""Looking through open files may: a process with 1000 of them takes 5 ms."""


class Family:
    """Finds the processes of one task, measures them and ends them. Used by several threads.

    Args:
        root: the task's first process.
        mark: value of the variable ``GALLEY_TASK_TRY`` in the environment of the task; None of a
            fork, whose descendants cannot leave its tree.
        baseline: bytes of each process that it shares with the interpreter it was forked from,
            and that nobody has to pay for.
        held: count shared memory that is open, mapped or not; needless where the system counts.
        own_shm: size of the ``/dev/shm`` that the task has for itself, all of which counts then,
            bytes; 0: it has none.
    """

    def __init__(
        self,
        root: int,
        mark: str | None,
        *,
        baseline: int = 0,
        held: bool = True,
        own_shm: int = 0,
    ) -> None:
        self.root = root
        self.mark = mark
        self.baseline = baseline
        self._own_shm = OwnSharedMemory(root, own_shm) if own_shm else None
        self._lock = threading.Lock()
        self._members: dict[int, psutil.Process] = {}
        self._scan_at = 0.0
        self._measure_at = 0.0
        self._used = 0
        self._held = 0
        self._hold_at = 0.0 if held else math.inf
        self._take(root)

    def members(self, *, thorough: bool = False) -> list[psutil.Process]:
        """Return the living processes.

        Args:
            thorough: search the whole machine for the mark now, whenever that was done last.
        """
        with self._lock:
            now = time.monotonic()
            if self.mark is not None and (thorough or now >= self._scan_at):
                self._scan_at = now + SCAN_S
                for process in marked(TASK_MARK, self.mark):
                    self._members.setdefault(process.pid, process)
            self._members = {pid: one for pid, one in self._members.items() if lives(one)}
            found = list(self._members)
            for pid in found:
                found += [child for child in children(pid) if self._take(child)]
            return list(self._members.values())

    def memory(self, limit: int) -> int:
        """Return the memory that the task uses, bytes.

        That is the resident memory without the baseline, and the shared memory that the task has
        open as far as it is not resident. Where several processes share pages, and where it would
        be over ``limit``, each page counts once, as far as the system tells.
        """
        pids = [one.pid for one in self.members()]
        held = self._holds(pids)
        use = sum(max(0, resident(pid) - self.baseline) for pid in pids)
        if held:
            use += max(0, held - sum(map(resident_shared, pids)))
        if use <= limit and len(pids) == 1:
            self._used = use
        elif use > limit or time.monotonic() >= self._measure_at:
            began = time.monotonic()
            held = self._holds(pids, anew=use > limit)
            parts = [divided(pid) for pid in pids]
            whole = sum(part for part, _ in parts)
            beyond = max(0, held - sum(shared for _, shared in parts))
            self._used = min(use, whole + beyond)
            took = time.monotonic() - began
            self._measure_at = began + _SHARE * took
        return self._used

    def _holds(self, pids: list[int], *, anew: bool = False) -> int:
        """Return the shared memory that the processes have open, bytes."""
        began = time.monotonic()
        if began >= self._hold_at or (anew and self._hold_at < math.inf):
            self._held = shared_memory(pids, self._own_shm)
            self._hold_at = began + _HELD_SHARE * (time.monotonic() - began)
        return self._held

    def kill(self) -> None:
        """Kill all, also what is started meanwhile; returns when none is alive, or after 2 s."""
        latest = time.monotonic() + 2
        while (alive := self.members(thorough=True)) and time.monotonic() < latest:
            signal_all(alive)
            time.sleep(0.01)

    def close(self) -> None:
        """Let go of what was held of it."""
        if self._own_shm is not None:
            self._own_shm.close()

    def _take(self, pid: int) -> bool:
        if pid in self._members:
            return False
        try:
            self._members[pid] = psutil.Process(pid)
        except psutil.NoSuchProcess:
            return False
        return True
