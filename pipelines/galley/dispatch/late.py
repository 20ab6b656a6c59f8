"""Queued runs whose deadline has passed: recorded as skipped, so that none starts in vain."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from galley.domain.runs import RunState
from galley.store import run_arrows, series
from galley.store.columns import literally
from galley.store.tables import RunRow

BATCH = 50
"""Runs skipped in one transaction at most; the rest follows with the next call."""

_LATE = (
    select(RunRow)
    .where(literally(RunRow.state, RunState.QUEUED), RunRow.deadline <= bindparam("now"))
    .order_by(RunRow.deadline)
    .limit(BATCH)
)


def skip_late(session: Session, now: datetime) -> list[UUID]:
    """Skip the queued runs whose deadline has passed; return their ids."""
    late = session.scalars(_LATE, {"now": now}).all()
    for run in late:
        again = " again" if run.attempt_count else ""
        waited = f" ({run.state_reason})" if run.state_reason else ""
        reason = f"it could not start{again} before its deadline, {run.deadline:%Y-%m-%d %H:%M} UTC"
        row = run_arrows.skip(session, run.id, f"{reason}{waited}", now)
        series.tell_successor(session, row, now)
    return [run.id for run in late]
