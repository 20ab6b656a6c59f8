"""Execute one task where it was sent to: in a Dask worker, or in the runner itself.

Ploomber is not imported here. Each try of a task has an MLflow run of its own, so that a task which
the cluster starts again after a lost worker gets a fresh one and nothing is counted twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from galley.domain.runs import FailureClass, TaskState
from galley.domain.versions import CellError
from galley.run import failures
from galley.run.lines import Lines
from galley.run.notebook import Execution, execute
from galley.run.observer import FORKED, Limits
from galley.run.redaction import Redactor
from galley.run.staging import restore
from galley.run.task_tracking import TrackedTask
from galley.run.tasks import Emit, TaskEvent, TaskResult, TaskSpec
from galley.run.zygotes import Zygotes

ABANDONED_S = 2.0
"""A host that is killed takes its zygotes, cluster and runners along, in any order."""
MAX_TEXT = 112 * 2**20
"""Printed characters of one task that go to the log; the executed notebook keeps all."""


def run_task(spec: TaskSpec, emit: Emit, cancelled: Callable[[], bool]) -> TaskResult:
    """Execute the task and return how it ended; a failing notebook is a result, not an exception.

    Args:
        emit: takes what the task tells while it runs.
        cancelled: asked every 0.1 s.
    """
    teller = _Teller(spec.name, emit, spec.output)
    started_at = datetime.now(UTC)
    tracked = TrackedTask(spec, teller.say, started_at)
    teller.tell("started", mlflow_run_id=tracked.run)
    execution = execute(
        spec.notebook,
        spec.output,
        task=spec.name,
        environment={
            **spec.environment,
            **tracked.environment,
            **spec.secrets.environment,
        },
        secrets=spec.secrets.values,
        cwd=spec.cwd,
        python=spec.python,
        zygotes=Zygotes(spec.zygotes) if spec.zygotes else None,
        walls=spec.walls,
        limits=_limits(spec),
        cancelled=cancelled,
        on_cell=lambda cell, cells: teller.tell("cell", cell=cell, cells=cells),
        on_text=teller.printed,
        on_note=teller.say,
        kept=spec.kept,
        redactor=Redactor(spec.secrets.values),
        on_used=teller.used,
    )
    restore(spec)
    teller.flush()
    if spec.zygotes is not None and execution.kernel != FORKED:
        teller.say(f"the kernel of task {spec.name!r} was {execution.kernel}")
    state = _state_of(execution)
    if execution.failure_class is FailureClass.INFRASTRUCTURE and _abandoned(cancelled):
        state = TaskState.CANCELLED  # its kernel and this worker go with the host
    metrics = tracked.end(state)
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
        mlflow_run_id=tracked.run,
        staged=spec.staged,
        staged_as=spec.staged_as,
        output=spec.output,
        metrics=metrics,
        kernel=execution.kernel,
    )


def _abandoned(cancelled: Callable[[], bool]) -> bool:
    """Whether nobody waits for a task whose kernel went away, or will not in a moment."""
    latest = time.monotonic() + ABANDONED_S
    while not cancelled():
        if time.monotonic() >= latest:
            return False
        time.sleep(0.05)
    return True


def _limits(spec: TaskSpec) -> Limits:
    return Limits(
        memory=spec.memory,
        memory_tag=spec.memory_tag,
        profile=spec.profile,
        deadline=spec.deadline,
        timeout_s=spec.timeout_s,
        grace_s=spec.grace_s,
        next_profile=spec.next_profile,
        cell_timeout_s=spec.cell_timeout_s,
        cpu=spec.cpu,
        output=spec.max_output,
        cell_outputs=spec.max_cell,
    )


class _Teller:
    """Turns what happens into events; text into whole lines."""

    def __init__(self, task: str, emit: Emit, output: Path) -> None:
        self._task = task
        self._emit = emit
        self._output = output
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
                output=self._output,
            )
        )

    def printed(self, stream: str, text: str) -> None:
        """Take text of a cell; emit the lines that are complete."""
        if self._room <= 0:
            return
        text = text[: self._room]
        self._room -= len(text)
        if complete := self._lines[stream].feed(text):
            self.tell("text", text=complete)
        if self._room <= 0:
            self.say(
                f"the log of task {self._task!r} is cut here, after {MAX_TEXT // 2**20} MiB of "
                "printed text; the executed notebook has more, and names the file of the whole"
            )

    def used(self, memory: int, cpu_s: float) -> None:
        """Tell what the task uses at this moment."""
        now = datetime.now(UTC)
        self._emit(
            TaskEvent(
                task=self._task,
                kind="used",
                at=now,
                memory=memory,
                cpu_s=round(cpu_s, 2),
                output=self._output,
            )
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


def refused(spec: TaskSpec, why: str) -> TaskResult:
    """Return the result of a task that could never be executed where it was sent."""
    error = CellError(
        task=spec.name,
        ename="TooLarge",
        evalue=why,
        message=f"task {spec.name!r} with profile {spec.profile!r} fits on no worker: {why}",
    )
    now = datetime.now(UTC)
    return TaskResult(
        name=spec.name,
        state=TaskState.FAILED,
        failure_class=FailureClass.USER,
        error=error,
        started_at=now,
        ended_at=now,
    )


def not_begun(spec: TaskSpec, *, cancelled: bool) -> TaskResult:
    """Return the result of a task that waited in vain for its part of the cluster."""
    if cancelled:
        return cancelled_result(spec)
    error = CellError(
        task=spec.name,
        ename="TimeoutError",
        evalue=f"{spec.timeout_s:g} s",
        message=(
            f"the run reached its time limit of {spec.timeout_s:g} s while task {spec.name!r} "
            "waited for CPU, memory or a GPU that other tasks of the tenant held"
        ),
    )
    now = datetime.now(UTC)
    return TaskResult(
        name=spec.name,
        state=TaskState.FAILED,
        failure_class=FailureClass.TIMEOUT,
        error=error,
        started_at=now,
        ended_at=now,
    )


def cancelled_result(spec: TaskSpec) -> TaskResult:
    """Return the result of a task that was withdrawn from its place of execution."""
    now = datetime.now(UTC)
    return TaskResult(name=spec.name, state=TaskState.CANCELLED, started_at=now, ended_at=now)
