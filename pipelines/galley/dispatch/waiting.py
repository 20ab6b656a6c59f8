"""What waits: for the loops that start hosts, and for how long they may sleep."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from galley.domain.model import Model
from galley.domain.runs import RunKind, RunState
from galley.store.runs import OPEN_ATTEMPTS, OPEN_RUNS, PERSONAL
from galley.store.tables import AttemptRow, RunRow


class WaitingRehearsal(Model):
    """A queued rehearsal or trial; it needs a host of the person who asked for it."""

    run: UUID
    tenant: str
    author: str


def rehearsals_waiting(session: Session, now: datetime) -> list[WaitingRehearsal]:
    """Return the rehearsals and trials that could be leased now, oldest first."""
    query = (
        select(RunRow.id, RunRow.tenant, RunRow.requested_by)
        .where(
            RunRow.state == RunState.QUEUED,
            RunRow.kind.in_(PERSONAL),
            RunRow.requested_by.is_not(None),
            RunRow.not_before <= now,
        )
        .order_by(RunRow.id)
    )
    return [
        WaitingRehearsal(run=run, tenant=tenant, author=author)
        for run, tenant, author in session.execute(query)
    ]


def tenants_with_work(session: Session) -> set[str]:
    """Return the tenants whose host has something to do."""
    query = (
        select(RunRow.tenant)
        .where(RunRow.state.in_(OPEN_RUNS), RunRow.kind == RunKind.PIPELINE)
        .distinct()
    )
    return set(session.scalars(query))


def next_due(session: Session, now: datetime) -> datetime | None:
    """Return when the next lease, time limit or back-off ends; None: not before a change."""
    ends = session.execute(
        select(func.min(AttemptRow.lease_until), func.min(AttemptRow.deadline)).where(
            AttemptRow.state.in_(OPEN_ATTEMPTS)
        )
    ).one()
    backoff = session.scalar(
        select(func.min(RunRow.not_before)).where(
            RunRow.state == RunState.QUEUED, RunRow.not_before > now
        )
    )
    return min((instant for instant in (*ends, backoff) if instant is not None), default=None)
