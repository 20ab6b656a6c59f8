"""Where tasks are executed: one interface, two places."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from galley.cluster.gpus import Gpus
from galley.run.tasks import Emit, TaskResult, TaskSpec, seeing
from galley.run.worker import lost, run_task

logger = logging.getLogger(__name__)


class Compute(Protocol):
    """A place that executes tasks; used by one thread."""

    @property
    def slots(self) -> int:
        """How many tasks to have there at the same time."""

    def submit(self, spec: TaskSpec) -> Future[TaskResult]:
        """Have a task executed; an infrastructure failure is a result as well."""

    def cancel(self) -> None:
        """End running tasks soon, never start waiting ones. May be called from a signal handler."""

    def close(self) -> None:
        """Wait until no task of ours is running any more, and let go of the place."""


class InlineCompute:
    """Executes tasks one after another in this process; what a rehearsal uses.

    Args:
        gpus: of the machine; a task sees as many as it asks for. None: it sees what this process
            does.
    """

    slots = 1

    def __init__(self, emit: Emit, gpus: Gpus | None = None) -> None:
        self._emit = emit
        self._gpus = gpus
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="task")

    def submit(self, spec: TaskSpec) -> Future[TaskResult]:
        """Queue a task."""
        return self._pool.submit(self._run, spec)

    def _run(self, spec: TaskSpec) -> TaskResult:
        try:
            if self._gpus is None:
                return run_task(spec, self._emit, self._cancelled.is_set)
            with self._gpus.some(spec.gpus) as seen:
                return run_task(seeing(spec, seen), self._emit, self._cancelled.is_set)
        except Exception as error:
            logger.exception("task %r", spec.name)
            return lost(spec, error, f"task {spec.name!r} could not be executed: {error!r}")

    def cancel(self) -> None:
        """Interrupt the running task; the executor submits no more."""
        self._cancelled.set()

    def close(self) -> None:
        """Wait for the running task."""
        self._pool.shutdown(wait=True, cancel_futures=True)
