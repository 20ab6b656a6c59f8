"""Backfills: finding them, their dates, and how far they are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, case, exists, false, func, or_, select, update
from sqlalchemy.orm import Session

from galley.domain.backfills import Backfill, BackfillDate, BackfillState
from galley.domain.model import Page
from galley.domain.runs import RunState, TriggerKind
from galley.errors import NotFound
from galley.store import cursors, pipelines
from galley.store.backfill_tables import BackfillDateRow, BackfillRow
from galley.store.columns import literally
from galley.store.runs import OPEN_RUNS
from galley.store.tables import PipelineRow, RunRow, VersionRow

_FAILED = [state for state in RunState if state.ended and state is not RunState.SUCCEEDED]


class Counts(NamedTuple):
    """How many dates of a backfill stand how."""

    waiting: int = 0
    open: int = 0
    succeeded: int = 0
    failed: int = 0


def require(session: Session, backfill_id: UUID) -> BackfillRow:
    """Return the row, locked where the database can; raises NotFound."""
    row = session.get(BackfillRow, backfill_id, with_for_update=True)
    if row is None:
        raise NotFound(f"There is no backfill {backfill_id}.")
    return row


def get(session: Session, backfill_id: UUID) -> Backfill:
    """Return one backfill; raises NotFound."""
    row = session.get(BackfillRow, backfill_id)
    if row is None:
        raise NotFound(f"There is no backfill {backfill_id}.")
    return models(session, [row])[0]


def active(session: Session, pipeline_id: UUID) -> BackfillRow | None:
    """Return the backfill of a pipeline that has not ended, or None."""
    return session.scalar(
        select(BackfillRow).where(
            BackfillRow.pipeline_id == pipeline_id,
            BackfillRow.state.in_([BackfillState.RUNNING, BackfillState.PAUSED]),
        )
    )


def running(session: Session, tenants: Collection[str]) -> Sequence[BackfillRow]:
    """Return the backfills of ``tenants`` that start runs, oldest first."""
    return session.scalars(
        select(BackfillRow)
        .where(BackfillRow.state == BackfillState.RUNNING, BackfillRow.tenant.in_(tenants))
        .order_by(BackfillRow.id)
    ).all()


class Progress(NamedTuple):
    """What a running backfill has to do next.

    Attributes:
        open: runs that are queued or under way.
        waiting: a date has no run yet.
        stopped: a date did not succeed, and the backfill is to stop there.
    """

    open: int
    waiting: bool
    stopped: bool


def progress(session: Session, ids: Collection[UUID]) -> dict[UUID, Progress]:
    """Return what backfills have to do next, without a look at each date that is done."""
    if not ids:
        return {}
    open_ = dict(
        session.execute(
            select(RunRow.trigger_id, func.count())
            .where(
                RunRow.trigger_id.in_(ids),
                literally(RunRow.state, *OPEN_RUNS),
                RunRow.trigger == TriggerKind.BACKFILL,
            )
            .group_by(RunRow.trigger_id)
        ).all()
    )
    date, run = (BackfillDateRow.backfill_id == BackfillRow.id), RunRow.trigger_id == BackfillRow.id
    failed = or_(
        exists().where(run, RunRow.trigger == TriggerKind.BACKFILL, RunRow.state.in_(_FAILED)),
        exists().where(date, BackfillDateRow.end_state.in_(_FAILED)),
    )
    rows = session.execute(
        select(
            BackfillRow.id,
            exists().where(date, BackfillDateRow.run_id.is_(None)),
            case((BackfillRow.stop_at_first_failure, failed), else_=false()),
        ).where(BackfillRow.id.in_(ids))
    )
    return {one: Progress(open_.get(one, 0), waiting, stopped) for one, waiting, stopped in rows}


def counts(session: Session, ids: Collection[UUID]) -> dict[UUID, Counts]:
    """Return how far backfills are."""
    state = _state()
    query = (
        select(BackfillDateRow.backfill_id, state, func.count())
        .outerjoin(RunRow, RunRow.id == BackfillDateRow.run_id)
        .where(BackfillDateRow.backfill_id.in_(ids))
        .group_by(BackfillDateRow.backfill_id, state)
    )
    found = {one: Counts() for one in ids}
    for backfill, came_to, number in session.execute(query):
        name, before = _standing(came_to), found[backfill]
        found[backfill] = before._replace(**{name: getattr(before, name) + number})
    return found


def _state() -> ColumnElement[RunState | None]:
    """Return the state of a date's run, as it was at the end where the run is forgotten."""
    return func.coalesce(RunRow.state, BackfillDateRow.end_state)


def run_forgotten(session: Session, run: RunRow) -> None:
    """Keep for its backfill what a run came to that is about to be forgotten."""
    if run.trigger is TriggerKind.BACKFILL:
        session.execute(
            update(BackfillDateRow)
            .where(
                BackfillDateRow.backfill_id == run.trigger_id,
                BackfillDateRow.logical_date == run.logical_date,
            )
            .values(end_state=run.state)
        )


def _standing(state: RunState | None) -> str:
    if state is None:
        return "waiting"
    if not state.ended:
        return "open"
    return "succeeded" if state is RunState.SUCCEEDED else "failed"


def waiting(session: Session, backfill_id: UUID, limit: int) -> Sequence[BackfillDateRow]:
    """Return the next dates without a run, at most ``limit``."""
    return session.scalars(
        select(BackfillDateRow)
        .where(BackfillDateRow.backfill_id == backfill_id, BackfillDateRow.run_id.is_(None))
        .order_by(BackfillDateRow.position)
        .limit(limit)
    ).all()


def open_runs(session: Session, backfill_id: UUID) -> Sequence[RunRow]:
    """Return the runs of a backfill that are queued or under way."""
    return session.scalars(
        select(RunRow)
        .join(BackfillDateRow, BackfillDateRow.run_id == RunRow.id)
        .where(BackfillDateRow.backfill_id == backfill_id, RunRow.state.in_(OPEN_RUNS))
        .order_by(RunRow.id)
    ).all()


def page(
    session: Session,
    tenant: str,
    *,
    pipeline: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Backfill]:
    """Return the backfills of ``tenant``, newest first.

    Raises:
        NotFound: ``pipeline`` names none of the tenant's.
    """
    query = select(BackfillRow).where(BackfillRow.tenant == tenant).order_by(BackfillRow.id.desc())
    if pipeline is not None:
        row = pipelines.require(session, tenant, pipeline)
        query = query.where(BackfillRow.pipeline_id == row.id)
    if cursor is not None:
        query = query.where(BackfillRow.id < cursors.decode_id(cursor))
    limit = cursors.clamp(limit)
    rows = session.scalars(query.limit(limit + 1)).all()
    return cursors.page_of(rows, limit, lambda kept: models(session, kept), lambda one: one.id)


def dates(
    session: Session, backfill_id: UUID, *, cursor: str | None = None, limit: int = 50
) -> Page[BackfillDate]:
    """Return the dates of a backfill in the order in which they are run."""
    query = (
        select(BackfillDateRow, _state())
        .outerjoin(RunRow, RunRow.id == BackfillDateRow.run_id)
        .where(BackfillDateRow.backfill_id == backfill_id)
        .order_by(BackfillDateRow.position)
    )
    if cursor is not None:
        query = query.where(BackfillDateRow.position > cursors.decode_number(cursor))
    limit = cursors.clamp(limit)
    rows = session.execute(query.limit(limit + 1)).all()
    return cursors.page_of(
        rows,
        limit,
        lambda kept: [
            BackfillDate(logical_date=date.logical_date, run=date.run_id, state=state)
            for date, state in kept
        ],
        lambda one: one[0].position,
    )


def models(session: Session, rows: Sequence[BackfillRow]) -> list[Backfill]:
    """Return rows as models, with a fixed number of queries."""
    slugs = dict(
        session.execute(
            select(PipelineRow.id, PipelineRow.slug).where(
                PipelineRow.id.in_({row.pipeline_id for row in rows})
            )
        ).all()
    )
    numbers = dict(
        session.execute(
            select(VersionRow.id, VersionRow.number).where(
                VersionRow.id.in_({row.version_id for row in rows})
            )
        ).all()
    )
    found = counts(session, [row.id for row in rows])
    return [
        Backfill(
            id=row.id,
            tenant=row.tenant,
            pipeline=slugs[row.pipeline_id],
            version=numbers[row.version_id],
            state=row.state,
            state_reason=row.state_reason,
            cron=row.cron,
            timezone=row.timezone,
            start=row.start,
            end=row.end,
            order=row.order,
            parallel=row.parallel,
            only=row.only,
            parameters=row.parameters,
            stop_at_first_failure=row.stop_at_first_failure,
            deadline_s=row.deadline_s,
            total=row.total,
            **found[row.id]._asdict(),
            requested_by=row.requested_by,
            created_at=row.created_at,
            ended_at=row.ended_at,
        )
        for row in rows
    ]
