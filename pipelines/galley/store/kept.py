"""The runs of a pipeline that stay at any age, because later runs or people look back at them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.store.columns import literally
from galley.store.series import OPEN, PASSED_OVER
from galley.store.tables import RunRow

_Waiting = aliased(RunRow, name="waiting")


def kept(session: Session, pipeline_id: UUID, latest: int, now: datetime) -> set[UUID]:
    """Return the latest runs, the last successes, and what ``depends_on_past`` looks at.

    The last success is that of the latest logical date, which templates ask for as the previous
    success, and that which was asked for last.
    """
    of = RunRow.pipeline_id == pipeline_id, RunRow.kind == RunKind.PIPELINE
    successes = select(RunRow.id).where(*of, literally(RunRow.state, RunState.SUCCEEDED))
    by_date = successes.order_by(RunRow.logical_date.desc(), RunRow.id.desc())
    found = {
        *session.scalars(select(RunRow.id).where(*of).order_by(RunRow.id.desc()).limit(latest)),
        *session.scalars(successes.order_by(RunRow.id.desc()).limit(1)),
        *session.scalars(by_date.limit(1)),
        *session.scalars(by_date.where(RunRow.logical_date <= now).limit(1)),
    }
    for run, date in _predecessors(session, pipeline_id):
        found.add(run)
        of_date = successes.where(RunRow.logical_date == date).order_by(RunRow.id.desc())
        found.update(session.scalars(of_date.limit(1)))
    return found


def _predecessors(session: Session, pipeline_id: UUID) -> list[tuple[UUID, datetime]]:
    """Return what the next run of the schedule waits for, and what those that wait now do."""
    scheduled = (
        RunRow.pipeline_id == pipeline_id,
        RunRow.trigger == TriggerKind.SCHEDULE,
        RunRow.state.not_in(PASSED_OVER),
    )
    series = session.scalars(
        select(RunRow.trigger_id)
        .where(RunRow.pipeline_id == pipeline_id, RunRow.trigger == TriggerKind.SCHEDULE)
        .order_by(RunRow.id.desc())
        .limit(1)
    ).first()
    if series is None:
        return []
    query = select(RunRow.id, RunRow.logical_date).where(*scheduled, RunRow.trigger_id == series)
    last = query.order_by(RunRow.scheduled_at.desc()).limit(1)
    before = (
        select(func.max(RunRow.scheduled_at))
        .where(
            *scheduled,
            RunRow.trigger_id == series,
            RunRow.scheduled_at < _Waiting.scheduled_at,
        )
        .correlate(_Waiting)
        .scalar_subquery()
    )
    waiting = select(before).where(
        _Waiting.trigger_id == series,
        literally(_Waiting.state, *OPEN),
        _Waiting.depends_on_past,
    )
    statements = last, query.where(RunRow.scheduled_at.in_(waiting))
    return [(run, date) for one in statements for run, date in session.execute(one)]
