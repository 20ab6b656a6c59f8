"""Progress of an attempt: its tasks, its cells and its log, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.events import EventKind
from galley.domain.runs import AttemptState, RunKind, TaskState
from galley.domain.usage import Usage
from galley.domain.work import TaskReport, TrackedRuns
from galley.store import events, runs, versions
from galley.store.tables import AttemptRow, PipelineRow, RunRow, TaskTryRow, VersionRow

_ENDED = {TaskState.SUCCEEDED, TaskState.FAILED, TaskState.SKIPPED, TaskState.CANCELLED}


def take_progress(
    session: Session,
    attempt: AttemptRow,
    run: RunRow,
    reports: Sequence[TaskReport],
    mlflow_run_id: str | None,
    now: datetime,
    *,
    phase: str | None = None,
) -> None:
    """Keep the latest report of each task; tell of it where something moved.

    Args:
        phase: what a rehearsal does beside running the notebook.
    """
    moved = [_take_task(session, attempt, report) for report in reports]
    if mlflow_run_id is not None and attempt.mlflow_run_id != mlflow_run_id:
        attempt.mlflow_run_id = run.mlflow_run_id = mlflow_run_id
        moved.append(True)
    if run.kind is RunKind.REHEARSAL:
        known = session.get_one(VersionRow, run.version_id).progress or {}
        moved.append(known.get("phase") != phase)
    session.flush()
    if any(moved):
        _tell(session, attempt, run, phase, now)


def _take_task(session: Session, attempt: AttemptRow, report: TaskReport) -> bool:
    """Return whether the report says something new."""
    row = session.get(TaskTryRow, (attempt.id, report.name))
    if row is None:
        row = runs.new_task_try(session, attempt.id, report.name)
    elif row.state in _ENDED and report.state not in _ENDED:
        return False
    news: dict[str, Any] = {
        "state": report.state,
        "upstream": list(report.upstream) or row.upstream,
        "error": None if report.error is None else report.error.model_dump(mode="json"),
    }
    for name in (
        "cell",
        "cells",
        "started_at",
        "ended_at",
        "peak_memory",
        "mlflow_run_id",
        "reused_from",
        "reused_run",
        "kernel",
    ):
        value = getattr(report, name)
        if value is not None:
            news[name] = value
    changed = {name: value for name, value in news.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    session.flush()
    if "reused_from" in changed:
        _credit_maker(session, attempt, report)
    return bool(changed)


def _credit_maker(session: Session, attempt: AttemptRow, report: TaskReport) -> None:
    """Say of the earlier attempt that executed a task that it did.

    Its runner may have been killed between the task's end and the next heartbeat.
    """
    maker = session.scalar(
        select(AttemptRow).where(
            AttemptRow.run_id == attempt.run_id,
            AttemptRow.number == report.reused_from,
            AttemptRow.number < attempt.number,
        )
    )
    if maker is None:
        return
    row = session.get(TaskTryRow, (maker.id, report.name))
    if row is None or row.state is not TaskState.SUCCEEDED:
        own = {"reused_from": None, "mlflow_run_id": None}
        _take_task(session, maker, report.model_copy(update=own))


def _tell(
    session: Session, attempt: AttemptRow, run: RunRow, phase: str | None, now: datetime
) -> None:
    tasks = session.scalars(
        select(TaskTryRow).where(TaskTryRow.attempt_id == attempt.id).order_by(TaskTryRow.position)
    ).all()
    known = [task for task in tasks if task.cells is not None]
    run.cell = sum(task.cell or 0 for task in known) if known else None
    run.cells = sum(task.cells or 0 for task in known) if known else None
    session.flush()
    slug = session.get_one(PipelineRow, run.pipeline_id).slug
    events.append(
        session,
        tenant=run.tenant,
        kind=EventKind.RUN_PROGRESS,
        subject=run.id,
        pipeline=slug,
        data={
            "attempt": attempt.number,
            "cell": run.cell,
            "cells": run.cells,
            "tasks": {
                task.name: {"state": str(task.state), "cell": task.cell, "cells": task.cells}
                for task in tasks
            },
        },
        now=now,
    )
    if run.kind is RunKind.REHEARSAL:
        _tell_version(session, run, tasks, phase, slug, now)


def _tell_version(
    session: Session,
    run: RunRow,
    tasks: Sequence[TaskTryRow],
    phase: str | None,
    slug: str,
    now: datetime,
) -> None:
    running = [task.name for task in tasks if task.state is TaskState.RUNNING]
    progress = {
        "cell": run.cell,
        "cells": run.cells,
        "task": running[0] if running else None,
        "phase": phase,
    }
    version = versions.set_progress(session, run.version_id, progress, now)
    events.append(
        session,
        tenant=run.tenant,
        kind=EventKind.VERSION_PROGRESS,
        subject=version.id,
        pipeline=slug,
        data={"number": version.number, **progress},
        now=now,
    )


def take_tracked(session: Session, attempt_id: UUID, tracked: TrackedRuns, now: datetime) -> None:
    """Keep which MLflow runs belong to an attempt, which may have ended; raises NotFound.

    A task that an attempt which succeeded does not have is left out. Of another one the runner may
    have been killed before it could tell of the task. How far the run is, its latest attempt says:
    news of an earlier one change that in nothing.
    """
    attempt = runs.require_attempt(session, attempt_id)
    run = session.get_one(RunRow, attempt.run_id)
    latest = attempt.number == run.attempt_count
    if tracked.mlflow_run_id is not None:
        attempt.mlflow_run_id = tracked.mlflow_run_id
        if latest:
            run.mlflow_run_id = tracked.mlflow_run_id
    for name, mlflow_run_id in tracked.tasks.items():
        row = session.get(TaskTryRow, (attempt.id, name))
        if row is None and attempt.state is not AttemptState.SUCCEEDED:
            row = runs.new_task_try(session, attempt.id, name)
            if attempt.state not in runs.OPEN_ATTEMPTS:
                row.state = TaskState.CANCELLED
        if row is not None:
            row.mlflow_run_id = mlflow_run_id
    session.flush()
    if latest and run.kind is not RunKind.REHEARSAL:
        _tell(session, attempt, run, None, now)


def take_log_size(
    session: Session, attempt: AttemptRow, run: RunRow, size: int | None, now: datetime
) -> None:
    """Remember how many bytes of log are kept; tell of it where it grew."""
    if size is None or size <= attempt.log_size:
        return
    attempt.log_size = size
    session.flush()
    events.append(
        session,
        tenant=run.tenant,
        kind=EventKind.LOG_GREW,
        subject=run.id,
        pipeline=session.get_one(PipelineRow, run.pipeline_id).slug,
        data={"attempt": attempt.number, "size": size},
        now=now,
    )


def take_usage(
    session: Session,
    attempt: AttemptRow,
    run: RunRow,
    newest: Mapping[str, Usage],
    now: datetime,
) -> None:
    """Tell what tasks use at this moment; the points themselves lie in files."""
    if not newest:
        return
    events.append(
        session,
        tenant=run.tenant,
        kind=EventKind.RESOURCES_GREW,
        subject=run.id,
        pipeline=session.get_one(PipelineRow, run.pipeline_id).slug,
        data={
            "attempt": attempt.number,
            "tasks": {
                task: {"memory": point.memory, "cpu_s": point.cpu_s}
                for task, point in newest.items()
            },
        },
        now=now,
    )
