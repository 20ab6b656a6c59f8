"""What is known about each task while the attempt runs."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from galley.domain.runs import TaskState
from galley.domain.usage import Used
from galley.domain.work import MAX_KERNEL, TaskReport
from galley.run.journal import Journal, Report
from galley.run.tasks import TaskEvent, TaskResult


def running(tasks: Iterable[TaskReport]) -> str:
    """Return in words which tasks are running, and how far; empty where none is."""
    return " and ".join(
        f"task {task.name!r} (after {task.cell or 0} of {task.cells or 0} cells)"
        for task in tasks
        if task.state is TaskState.RUNNING
    )


class Progress:
    """Collects events and results, and keeps the journal's report up to date.

    Args:
        graph: task name → names of the tasks it waits for, in topological order.
        cells: task name → how many cells it has, so that the whole is known from the beginning.
    """

    def __init__(
        self,
        journal: Journal,
        graph: Mapping[str, tuple[str, ...]],
        cells: Mapping[str, int] | None = None,
    ) -> None:
        self._journal = journal
        self._lock = threading.Lock()
        self._tasks = {
            name: TaskReport(
                name=name,
                state=TaskState.WAITING,
                upstream=upstream,
                cells=(cells or {}).get(name),
            )
            for name, upstream in graph.items()
        }
        self._tries: dict[str, list[Path]] = {}
        self._mlflow_run_id: str | None = None
        self._phase: str | None = None
        self._write()

    @property
    def tasks(self) -> tuple[TaskReport, ...]:
        """The latest report of each task."""
        with self._lock:
            return tuple(self._tasks.values())

    def tracked(self, mlflow_run_id: str | None) -> None:
        """Note the run's own MLflow run."""
        self._mlflow_run_id = mlflow_run_id
        self._write()

    def enter(self, phase: str | None) -> None:
        """Note what a rehearsal does now beside running the notebook, in words."""
        self._phase = phase
        self._write()

    def on_event(self, event: TaskEvent) -> bool:
        """Take what a task tells; return False where it is from a try that counts no more.

        A second ``started`` means that the cluster began the task anew.
        """
        if not self._counts(event):
            return False
        if event.kind == "text":
            self._journal.write(event.text, task=event.task, at=event.at)
            return True
        if event.kind == "used":
            point = Used(task=event.task, at=event.at, memory=event.memory, cpu_s=event.cpu_s)
            self._journal.used(point)
            return True
        if event.kind == "started":
            again = self._find(event.task).state is TaskState.RUNNING
            self._journal.write("started again" if again else "started", task=event.task)
            self._change(
                event.task,
                state=TaskState.RUNNING,
                started_at=event.at,
                cell=None,
                mlflow_run_id=event.mlflow_run_id,
            )
        else:
            self._change(event.task, cell=event.cell, cells=event.cells)
        self._write()
        return True

    def _counts(self, event: TaskEvent) -> bool:
        """Whether an event is from the latest try of its task; an earlier one came late."""
        tries = self._tries.setdefault(event.task, [])
        if event.output is None or (tries and tries[-1] == event.output):
            return True
        if event.output in tries:
            return False
        tries.append(event.output)
        return True

    def on_result(self, result: TaskResult) -> None:
        """Take a task's end."""
        before = self._find(result.name)
        self._change(
            result.name,
            state=result.state,
            started_at=before.started_at or result.started_at,
            ended_at=result.ended_at,
            cell=result.cell or before.cell,
            cells=result.cells or before.cells,
            peak_memory=result.peak_memory or None,
            mlflow_run_id=result.mlflow_run_id or before.mlflow_run_id,
            error=result.error,
            reused_from=result.reused_from,
            reused_run=result.reused_run,
            kernel=result.kernel[:MAX_KERNEL] or None,
        )
        sentence = f": {result.error.message}" if result.error else ""
        if result.reused_from is None and result.reused_run is None:
            self._journal.write(f"{result.state}{sentence}", task=result.name)
        self._write()

    def close(self, *, cancelled: bool) -> None:
        """Say of each task that never ran why not."""
        for task in self.tasks:
            if task.state is TaskState.WAITING:
                state = TaskState.CANCELLED if cancelled else TaskState.SKIPPED
                self._change(task.name, state=state)
        self._write()

    def _find(self, name: str) -> TaskReport:
        with self._lock:
            return self._tasks[name]

    def _change(self, name: str, **changes: object) -> None:
        with self._lock:
            task = self._tasks[name]
            if task.ended_at is None:
                self._tasks[name] = task.model_copy(update=changes)

    def _write(self) -> None:
        self._journal.report(
            Report(phase=self._phase, tasks=self.tasks, mlflow_run_id=self._mlflow_run_id)
        )
