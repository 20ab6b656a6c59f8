"""What waits for a host of its own: for the loop that starts hosts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.model import Model
from galley.domain.runs import RunState
from galley.store.columns import literally
from galley.store.runs import PERSONAL
from galley.store.tables import RunRow


class WaitingRehearsal(Model):
    """A queued rehearsal or trial; it needs a host of the person who asked for it.

    Attributes:
        attempt: number of the attempt that waits: each has a host of its own.
    """

    run: UUID
    attempt: int
    tenant: str
    author: str


def rehearsals_waiting(session: Session, now: datetime) -> list[WaitingRehearsal]:
    """Return the rehearsals and trials that could be leased now, oldest first."""
    query = (
        select(RunRow.id, RunRow.attempt_count, RunRow.tenant, RunRow.requested_by)
        .where(
            literally(RunRow.state, RunState.QUEUED),
            RunRow.kind.in_(PERSONAL),
            RunRow.requested_by.is_not(None),
            RunRow.not_before <= now,
        )
        .order_by(RunRow.id)
    )
    return [
        WaitingRehearsal(run=run, attempt=attempts + 1, tenant=tenant, author=author)
        for run, attempts, tenant, author in session.execute(query)
    ]
