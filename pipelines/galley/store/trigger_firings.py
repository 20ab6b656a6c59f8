"""When triggers fired: the log, what is open of it, and how far back it goes.

A firing goes when its run is forgotten, and one without a run after a time; the last one of each
trigger stays. So what is asked for here costs the same however long a trigger has been firing.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session, aliased

from galley.domain.model import Page
from galley.domain.triggers import TriggerFiring
from galley.store import cursors
from galley.store.columns import literally
from galley.store.runs import OPEN_RUNS
from galley.store.tables import RunRow
from galley.store.trigger_tables import TriggerFiringRow, TriggerRow

KEPT_WITHOUT_RUN = timedelta(days=90)


def page(
    session: Session, series: UUID, *, cursor: str | None = None, limit: int = 50
) -> Page[TriggerFiring]:
    """Return when a trigger fired, newest first."""
    query = (
        select(TriggerFiringRow, TriggerRow.name, RunRow.state)
        .join(TriggerRow, TriggerRow.id == TriggerFiringRow.trigger_id)
        .outerjoin(RunRow, RunRow.id == TriggerFiringRow.run_id)
        .where(TriggerFiringRow.series == series)
        .order_by(TriggerFiringRow.id.desc())
    )
    if cursor is not None:
        query = query.where(TriggerFiringRow.id < cursors.decode_id(cursor))
    limit = cursors.clamp(limit)
    rows = session.execute(query.limit(limit + 1)).all()
    return cursors.page_of(
        rows,
        limit,
        lambda kept: [
            TriggerFiring(
                id=row.id,
                trigger=row.series,
                name=name,
                at=row.at,
                run=row.run_id,
                state=state,
                reason=row.reason,
                cause=row.cause,
            )
            for row, name, state in kept
        ],
        lambda one: one[0].id,
    )


def last(session: Session, triggers: Collection[UUID]) -> dict[UUID, datetime]:
    """Return series → when it fired last, of the wordings ``triggers`` that did."""
    at = (
        select(TriggerFiringRow.at)
        .where(TriggerFiringRow.series == TriggerRow.series)
        .order_by(TriggerFiringRow.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    found = session.execute(select(TriggerRow.series, at).where(TriggerRow.id.in_(triggers)))
    return {series: fired for series, fired in found if fired is not None}


def open_runs(session: Session, row: TriggerRow) -> int:
    """Return how many runs that a trigger started are queued or under way.

    It goes from the open runs to their firings, because those are few.
    """
    series = (
        select(TriggerFiringRow.series)
        .where(TriggerFiringRow.run_id == RunRow.id)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(func.count())
        .select_from(RunRow)
        .where(
            RunRow.tenant == row.tenant,
            RunRow.pipeline_id == row.pipeline_id,
            literally(RunRow.state, *OPEN_RUNS),
            series == row.series,
        )
    )
    return session.scalar(query) or 0


def run_forgotten(session: Session, run_id: UUID) -> None:
    """Forget the firing of a run that is about to be forgotten."""
    _forget(session, TriggerFiringRow.run_id == run_id)


def tidy(session: Session, now: datetime) -> None:
    """Forget old firings of which no run came."""
    before = TriggerFiringRow.at < now - KEPT_WITHOUT_RUN
    _forget(session, TriggerFiringRow.run_id.is_(None) & before)


def _forget(session: Session, which: ColumnElement[bool]) -> None:
    later = aliased(TriggerFiringRow)
    newer = select(later.id).where(
        later.series == TriggerFiringRow.series, later.id > TriggerFiringRow.id
    )
    session.execute(
        delete(TriggerFiringRow)
        .where(which, newer.exists())
        .execution_options(synchronize_session=False)
    )
