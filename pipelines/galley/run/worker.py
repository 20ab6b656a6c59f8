"""Execute one task where it was sent to: in a Dask worker, or in the runner itself.

Ploomber is not imported here. The task makes its own MLflow run, so that a task which the cluster
starts again after a lost worker gets a fresh one and nothing is counted twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from galley.domain.runs import FailureClass, TaskState
from galley.run import failures
from galley.run.environment import tracking_environment
from galley.run.lines import Lines
from galley.run.notebook import Execution, Limits, execute
from galley.run.tasks import Emit, TaskEvent, TaskResult, TaskSpec
from galley.tracking.client import TrackedRun, TrackingClient
from galley.tracking.parent import milliseconds
from galley.tracking.tracker import Tracker

MAX_TEXT = 112 * 2**20
"""Printed characters of one task that go to the log; the executed notebook keeps all."""

_STATUS = {
    TaskState.SUCCEEDED: "FINISHED",
    TaskState.FAILED: "FAILED",
    TaskState.CANCELLED: "KILLED",
}


def run_task(spec: TaskSpec, emit: Emit, cancelled: Callable[[], bool]) -> TaskResult:
    """Execute the task and return how it ended; a failing notebook is a result, not an exception.

    Args:
        emit: takes what the task tells while it runs.
        cancelled: asked every 0.2 s.
    """
    teller = _Teller(spec.name, emit)
    started_at = datetime.now(UTC)
    tracker = _tracker(spec, teller.say)
    tracked = _start_tracking(spec, tracker, started_at)
    teller.tell("started", mlflow_run_id=tracked.id if tracked else None)
    try:
        execution = execute(
            spec.notebook,
            spec.output,
            task=spec.name,
            environment=_environment(spec, tracked),
            cwd=spec.cwd,
            python=spec.python,
            limits=Limits(
                memory=spec.memory,
                profile=spec.profile,
                deadline=spec.deadline,
                timeout_s=spec.timeout_s,
                grace_s=spec.grace_s,
            ),
            cancelled=cancelled,
            on_cell=lambda cell, cells: teller.tell("cell", cell=cell, cells=cells),
            on_text=teller.printed,
            on_used=teller.used,
        )
        teller.flush()
        state = _state_of(execution)
        metrics = _end_tracking(spec, tracker, tracked, state)
    finally:
        if tracker is not None:
            tracker.client.close()
    return TaskResult(
        name=spec.name,
        state=state,
        failure_class=execution.failure_class,
        error=execution.error,
        started_at=started_at,
        ended_at=datetime.now(UTC),
        cell=execution.cell,
        cells=execution.cells,
        peak_memory=execution.peak_memory,
        mlflow_run_id=tracked.id if tracked else None,
        metrics=metrics,
    )


class _Teller:
    """Turns what happens into events; text into whole lines."""

    def __init__(self, task: str, emit: Emit) -> None:
        self._task = task
        self._emit = emit
        self._lines = {"stdout": Lines(), "stderr": Lines()}
        self._room = MAX_TEXT

    def tell(
        self,
        kind: Literal["started", "cell", "text"],
        *,
        cell: int | None = None,
        cells: int | None = None,
        text: str = "",
        mlflow_run_id: str | None = None,
    ) -> None:
        """Emit one event."""
        self._emit(
            TaskEvent(
                task=self._task,
                kind=kind,
                at=datetime.now(UTC),
                cell=cell,
                cells=cells,
                text=text,
                mlflow_run_id=mlflow_run_id,
            )
        )

    def printed(self, stream: str, text: str) -> None:
        """Take text of a cell; emit the lines that are complete."""
        if self._room <= 0:
            return
        self._room -= len(text)
        if complete := self._lines[stream].feed(text):
            self.tell("text", text=complete)
        if self._room <= 0:
            self.say(
                f"the log of task {self._task!r} is cut here, after {MAX_TEXT // 2**20} MiB of "
                "printed text; the executed notebook has the rest"
            )

    def used(self, memory: int, cpu_s: float) -> None:
        """Tell what the task uses at this moment."""
        now = datetime.now(UTC)
        self._emit(
            TaskEvent(task=self._task, kind="used", at=now, memory=memory, cpu_s=round(cpu_s, 2))
        )

    def say(self, line: str) -> None:
        """Emit one line of our own."""
        self.tell("text", text=line + "\n")

    def flush(self) -> None:
        """Emit the lines that never ended."""
        for lines in self._lines.values():
            if rest := lines.rest():
                self.tell("text", text=rest)


def _state_of(execution: Execution) -> TaskState:
    if execution.error is None:
        return TaskState.SUCCEEDED
    return TaskState.CANCELLED if execution.cancelled else TaskState.FAILED


def _environment(spec: TaskSpec, tracked: TrackedRun | None) -> dict[str, str]:
    if spec.tracking is None:
        return spec.environment
    return {
        **spec.environment,
        **tracking_environment(spec.tracking, tracked.id if tracked else None),
    }


def _tracker(spec: TaskSpec, say: Callable[[str], None]) -> Tracker | None:
    if spec.tracking is None:
        return None
    return Tracker(TrackingClient(spec.tracking.uri, spec.tracking.token), say)


def _start_tracking(
    spec: TaskSpec, tracker: Tracker | None, started_at: datetime
) -> TrackedRun | None:
    if tracker is None or spec.tracking is None:
        return None
    tracking = spec.tracking
    experiment = tracking.experiment_id or tracker.attempt(
        "find the experiment", lambda client: client.experiment(tracking.experiment)
    )
    if experiment is None:
        return None
    parent = {"mlflow.parentRunId": tracking.parent} if tracking.parent else {}
    return tracker.create_once(
        experiment,
        key=f"{spec.key}-{uuid.uuid4().hex}",
        name=spec.name,
        start_ms=milliseconds(started_at),
        tags={**tracking.tags, **parent, "galley.task": spec.name},
    )


def _end_tracking(
    spec: TaskSpec, tracker: Tracker | None, run: TrackedRun | None, state: TaskState
) -> dict[str, float]:
    """Store the executed notebook, set the status and read back what the notebook logged."""
    if tracker is None or run is None:
        return {}
    if spec.output.exists():
        content = spec.output.read_bytes()
        tracker.attempt(
            "store the executed notebook",
            lambda client: client.upload(run, f"{spec.name}.ipynb", content),
        )
    tracker.attempt(
        "set the final status",
        lambda client: client.end(
            run.id, status=_STATUS[state], end_ms=milliseconds(datetime.now(UTC))
        ),
    )
    logged = tracker.attempt("read the metrics", lambda client: client.get(run.id))
    return logged.metrics if logged else {}


def lost(spec: TaskSpec, error: BaseException, message: str) -> TaskResult:
    """Return the result of a task whose place of execution went away."""
    now = datetime.now(UTC)
    return TaskResult(
        name=spec.name,
        state=TaskState.FAILED,
        failure_class=FailureClass.INFRASTRUCTURE,
        error=failures.infrastructure(spec.name, error, message),
        started_at=now,
        ended_at=now,
    )


def cancelled_result(spec: TaskSpec) -> TaskResult:
    """Return the result of a task that was withdrawn from its place of execution."""
    now = datetime.now(UTC)
    return TaskResult(name=spec.name, state=TaskState.CANCELLED, started_at=now, ended_at=now)
