"""Runs: recording, finding and listing them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from galley.domain.model import Model, Page
from galley.domain.runs import AttemptState, Run, RunKind, RunState, TaskState
from galley.errors import Conflict, NotFound
from galley.store import cursors, pipelines, run_arrows
from galley.store.columns import literally
from galley.store.run_models import models, with_attempts
from galley.store.tables import AttemptRow, PipelineRow, RunRow, TaskTryRow, VersionRow

OPEN_ATTEMPTS = (AttemptState.LEASED, AttemptState.RUNNING)
OPEN_RUNS = (RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING)

PERSONAL = tuple(kind for kind in RunKind if kind.personal)


class AttemptRef(Model):
    """An attempt and what belongs to it, for reports and downloads."""

    id: UUID
    run: UUID
    number: int
    fencing: int
    tenant: str
    pipeline: str
    version_id: UUID
    version: int
    kind: RunKind
    state: AttemptState
    project: str
    log_size: int
    cpu: float
    memory: int
    ended: bool


def record(session: Session, row: RunRow, now: datetime) -> bool:
    """Insert a run under its unique key; return False if that key is there already."""
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        key = (RunRow.trigger, RunRow.trigger_id, RunRow.scheduled_at)
        values = (row.trigger, row.trigger_id, row.scheduled_at)
        same = [column == value for column, value in zip(key, values, strict=True)]
        if session.scalar(select(RunRow.id).where(*same)) is None:
            raise
        return False
    run_arrows.recorded(session, row, now)
    return True


def require(session: Session, run_id: UUID) -> RunRow:
    """Return the row of a run; raises NotFound."""
    row = session.get(RunRow, run_id)
    if row is None:
        raise NotFound(f"There is no run {run_id}.")
    return row


def require_attempt(session: Session, attempt_id: UUID) -> AttemptRow:
    """Return the row of an attempt; raises NotFound."""
    row = session.get(AttemptRow, attempt_id)
    if row is None:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return row


def get(session: Session, run_id: UUID) -> Run:
    """Return one run with its attempts and their tasks; raises NotFound."""
    return with_attempts(session, require(session, run_id))


def page(
    session: Session,
    tenant: str,
    *,
    pipeline: str | None = None,
    state: RunState | None = None,
    kind: RunKind | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Run]:
    """Return the runs of ``tenant`` without their attempts: those asked for last come first.

    Args:
        start, end: only logical dates in [start, end); then the latest date comes first.

    Raises:
        NotFound: ``pipeline`` names none of the tenant's.
    """
    query = select(RunRow).where(RunRow.tenant == tenant)
    if pipeline is not None:
        row = pipelines.require(session, tenant, pipeline)
        query = query.where(RunRow.pipeline_id == row.id)
    if state is not None:
        query = query.where(RunRow.state == state)
    if kind is not None:
        query = query.where(RunRow.kind == kind)
    dated = start is not None or end is not None
    if start is not None:
        query = query.where(RunRow.logical_date >= start)
    if end is not None:
        query = query.where(RunRow.logical_date < end)
    query = _after(query, cursor, dated=dated)
    limit = cursors.clamp(limit)
    rows = session.scalars(query.limit(limit + 1)).all()
    return cursors.page_of(
        rows,
        limit,
        lambda kept: models(session, kept),
        lambda run: f"{run.logical_date.isoformat()} {run.id}" if dated else run.id,
    )


def _after(query: Select[RunRow], cursor: str | None, *, dated: bool) -> Select[RunRow]:
    """Return the rest of the list after ``cursor``, in the order of an index."""
    if not dated:
        if cursor is not None:
            query = query.where(RunRow.id < cursors.decode_id(cursor))
        return query.order_by(RunRow.id.desc())
    if cursor is not None:
        date, run = cursors.decode_dated(cursor)
        query = query.where(tuple_(RunRow.logical_date, RunRow.id) < tuple_(date, run))
    return query.order_by(RunRow.logical_date.desc(), RunRow.id.desc())


def attempt(session: Session, attempt_id: UUID) -> AttemptRef:
    """Return an attempt and what belongs to it; raises NotFound."""
    return _reference(session, require_attempt(session, attempt_id))


def attempt_by_number(session: Session, run_id: UUID, number: int | None = None) -> AttemptRef:
    """Return attempt ``number`` of a run, or its latest; raises NotFound."""
    return _reference(session, _numbered(session, run_id, number))


def _numbered(session: Session, run_id: UUID, number: int | None) -> AttemptRow:
    query = select(AttemptRow).where(AttemptRow.run_id == require(session, run_id).id)
    if number is not None:
        query = query.where(AttemptRow.number == number)
    row = session.scalar(query.order_by(AttemptRow.number.desc()).limit(1))
    if row is None:
        which = "no attempt yet" if number is None else f"no attempt {number}"
        raise NotFound(f"The run {run_id} has {which}.")
    return row


def _reference(session: Session, row: AttemptRow) -> AttemptRef:
    run = session.get_one(RunRow, row.run_id)
    version = session.get_one(VersionRow, run.version_id)
    return AttemptRef(
        id=row.id,
        run=run.id,
        number=row.number,
        fencing=row.fencing,
        tenant=row.tenant,
        pipeline=session.get_one(PipelineRow, run.pipeline_id).slug,
        version_id=version.id,
        version=version.number,
        kind=run.kind,
        state=row.state,
        project=version.project_blob,
        log_size=row.log_size,
        cpu=row.cpu,
        memory=row.memory,
        ended=row.state not in OPEN_ATTEMPTS,
    )


def attach_notebook(
    session: Session, attempt_id: UUID, task: str, blob: str, now: datetime
) -> None:
    """Remember the executed notebook of a task, complete or partial.

    Raises:
        NotFound: there is no such attempt.
        Conflict: the attempt has ended.
    """
    row = require_attempt(session, attempt_id)
    if row.state not in OPEN_ATTEMPTS:
        raise Conflict(f"The attempt {attempt_id} has ended ({row.state}): nothing is added to it.")
    task_try = session.get(TaskTryRow, (attempt_id, task))
    if task_try is None:
        task_try = new_task_try(session, attempt_id, task)
        task_try.state, task_try.started_at = TaskState.RUNNING, now
    task_try.notebook_blob = blob
    session.flush()


def new_task_try(session: Session, attempt_id: UUID, name: str) -> TaskTryRow:
    """Add a task to an attempt, after those that are there."""
    position = session.scalar(
        select(func.count()).select_from(TaskTryRow).where(TaskTryRow.attempt_id == attempt_id)
    )
    row = TaskTryRow(
        attempt_id=attempt_id,
        name=name,
        position=position or 0,
        state=TaskState.WAITING,
        upstream=[],
    )
    session.add(row)
    return row


def notebook(session: Session, run_id: UUID, task: str, number: int | None = None) -> str | None:
    """Return the key of the notebook that ``task`` executed, or None where none is kept.

    Raises:
        NotFound: there is no such run or attempt.
    """
    row = _numbered(session, run_id, number)
    found = session.get(TaskTryRow, (row.id, task))
    return None if found is None else found.notebook_blob


def log_bytes(session: Session, tenant: str) -> int:
    """Return the size of all logs of a tenant, bytes."""
    query = select(func.coalesce(func.sum(AttemptRow.log_size), 0))
    return session.scalar(query.where(AttemptRow.tenant == tenant)) or 0


def success_before(session: Session, run_id: UUID) -> UUID | None:
    """Return the latest successful run of the pipeline that was asked for before this one.

    Of the same kind; None where there is none. Raises NotFound.
    """
    row = require(session, run_id)
    return session.scalar(
        select(RunRow.id)
        .where(
            RunRow.pipeline_id == row.pipeline_id,
            RunRow.kind == row.kind,
            RunRow.state == RunState.SUCCEEDED,
            RunRow.id < row.id,
        )
        .order_by(RunRow.id.desc())
        .limit(1)
    )


def last_success(session: Session, pipeline_id: UUID, before: datetime) -> datetime | None:
    """Return the latest logical date earlier than ``before`` of which a run succeeded."""
    return session.scalar(
        select(func.max(RunRow.logical_date)).where(
            RunRow.pipeline_id == pipeline_id,
            literally(RunRow.state, RunState.SUCCEEDED),
            RunRow.kind == RunKind.PIPELINE,
            RunRow.logical_date < before,
        )
    )


def counts(session: Session) -> dict[tuple[str, RunState], int]:
    """Return how many runs each tenant has in each state."""
    query = select(RunRow.tenant, RunRow.state, func.count()).group_by(RunRow.tenant, RunRow.state)
    return {(tenant, state): number for tenant, state, number in session.execute(query)}


def rehearsal_author(session: Session, run_id: UUID) -> str | None:
    """Return whose rehearsal a run is; None for a pipeline run. Raises NotFound."""
    row = require(session, run_id)
    if row.kind is not RunKind.REHEARSAL:
        return None
    return session.get_one(VersionRow, row.version_id).author
