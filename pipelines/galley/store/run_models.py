"""How rows of runs, attempts and tasks become the models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.runs import Attempt, Run, RunCause, RunKind, TaskTry
from galley.domain.versions import CellError, TaskNode
from galley.store.run_causes import causes
from galley.store.tables import AttemptRow, PipelineRow, RunRow, TaskTryRow, VersionRow


def models(session: Session, rows: Sequence[RunRow]) -> list[Run]:
    """Return rows as models without attempts, with a fixed number of queries."""
    named = {
        pipeline: (slug, name)
        for pipeline, slug, name in session.execute(
            select(PipelineRow.id, PipelineRow.slug, PipelineRow.name).where(
                PipelineRow.id.in_({row.pipeline_id for row in rows})
            )
        )
    }
    versions = {
        version: (number, analysis, tasks)
        for version, number, analysis, tasks in session.execute(
            select(VersionRow.id, VersionRow.number, VersionRow.analysis, VersionRow.tasks).where(
                VersionRow.id.in_({row.version_id for row in rows})
            )
        )
    }
    known = causes(session, rows)
    return [
        _model(row, *named[row.pipeline_id], *versions[row.version_id], (), known.get(row.id))
        for row in rows
    ]


def with_attempts(session: Session, row: RunRow) -> Run:
    """Return one row as a model with its attempts and their tasks."""
    attempts = session.scalars(
        select(AttemptRow).where(AttemptRow.run_id == row.id).order_by(AttemptRow.number)
    ).all()
    tasks: dict[UUID, list[TaskTry]] = defaultdict(list)
    for task in session.scalars(
        select(TaskTryRow)
        .where(TaskTryRow.attempt_id.in_([attempt.id for attempt in attempts]))
        .order_by(TaskTryRow.position)
    ):
        tasks[task.attempt_id].append(_task(task))
    _take_over(attempts, tasks)
    pipeline = session.get_one(PipelineRow, row.pipeline_id)
    version = session.get_one(VersionRow, row.version_id)
    return _model(
        row,
        pipeline.slug,
        pipeline.name,
        version.number,
        version.analysis,
        version.tasks,
        tuple(_attempt(attempt, tasks[attempt.id]) for attempt in attempts),
        causes(session, [row]).get(row.id),
    )


def _take_over(attempts: Sequence[AttemptRow], tasks: dict[UUID, list[TaskTry]]) -> None:
    """Let a task that was not executed again lead to what it logged when it was."""
    logged = {
        (attempt.number, task.name): task.mlflow_run_id
        for attempt in attempts
        for task in tasks[attempt.id]
    }
    for found in tasks.values():
        found[:] = [
            one
            if one.reused_from is None
            else one.model_copy(update={"mlflow_run_id": logged.get((one.reused_from, one.name))})
            for one in found
        ]


def _model(
    row: RunRow,
    slug: str,
    name: str,
    number: int,
    analysis: dict[str, Any],
    tasks: list[dict[str, Any]] | None,
    attempts: tuple[Attempt, ...],
    cause: RunCause | None,
) -> Run:
    return Run(
        id=row.id,
        tenant=row.tenant,
        pipeline=slug,
        pipeline_name=name,
        version=number,
        version_id=row.version_id,
        kind=row.kind,
        trigger=row.trigger,
        cause=cause,
        requested_by=row.requested_by,
        state=row.state,
        state_reason=row.state_reason,
        cancel_requested=row.cancel_requested,
        logical_date=row.logical_date,
        data_interval_start=row.data_interval_start,
        data_interval_end=row.data_interval_end,
        priority=row.priority,
        deadline=row.deadline,
        incremental=row.incremental,
        parameters=row.parameters,
        metrics=row.metrics,
        goal_met=row.goal_met,
        graph=_graph(row, analysis, tasks),
        attempt_count=row.attempt_count,
        attempts=attempts,
        cell=row.cell,
        cells=row.cells,
        mlflow_url=mlflow_url(row.tenant, row.mlflow_run_id),
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        files_removed_at=row.files_removed_at,
    )


def _graph(
    row: RunRow, analysis: dict[str, Any], tasks: list[dict[str, Any]] | None
) -> tuple[TaskNode, ...]:
    """Return the tasks of a run; a rehearsal runs the notebook unsplit."""
    unsplit = tasks is None or row.kind is RunKind.REHEARSAL
    found = analysis.get("tasks", ()) if unsplit or tasks is None else tasks
    return tuple(TaskNode.model_validate(task) for task in found)


def mlflow_url(tenant: str, mlflow_run_id: str | None) -> str | None:
    """Return the path of a run's page in MLflow."""
    return mlflow_run_id and f"/services/mlflow/{tenant}/#/runs/{mlflow_run_id}"


def _error(value: dict[str, Any] | None) -> CellError | None:
    return None if value is None else CellError.model_validate(value)


def _attempt(row: AttemptRow, tasks: Sequence[TaskTry]) -> Attempt:
    return Attempt(
        id=row.id,
        number=row.number,
        state=row.state,
        host=row.host,
        profile=row.profile,
        failure_class=row.failure_class,
        error=_error(row.error),
        mlflow_run_id=row.mlflow_run_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        tasks=tuple(tasks),
    )


def _task(row: TaskTryRow) -> TaskTry:
    return TaskTry(
        name=row.name,
        state=row.state,
        upstream=tuple(row.upstream),
        cell=row.cell,
        cells=row.cells,
        started_at=row.started_at,
        ended_at=row.ended_at,
        peak_memory=row.peak_memory,
        mlflow_run_id=row.mlflow_run_id,
        notebook=row.notebook_blob is not None,
        reused_from=row.reused_from,
        reused_run=row.reused_run,
        kernel=row.kernel,
        error=_error(row.error),
    )
