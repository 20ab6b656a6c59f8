"""Cancelling a run: at once while it waits, by asking its host once it is under way."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from galley.domain.runs import AttemptState, RunState
from galley.errors import Conflict
from galley.store import run_arrows, series
from galley.store.tables import AttemptRow, RunRow

CANCEL_GRACE = timedelta(seconds=60)
"""How long a host may take to end an attempt; then the service ends it without the host."""


def cancel(
    session: Session, row: RunRow, by: str, now: datetime, reason: str | None = None
) -> None:
    """Cancel a run, or ask its host to; asking twice is the same as asking once.

    Args:
        reason: in one sentence; None: that ``by`` cancelled it.

    Raises:
        Conflict: the run has ended.
    """
    if row.state.ended:
        raise Conflict(f"The run {row.id} has ended ({row.state}): there is nothing to cancel.")
    if row.state is RunState.QUEUED:
        row.cancelled_by = by
        session.flush()
        why = reason or f"cancelled by {by}"
        run_arrows.cancel(session, row.id, RunState.QUEUED, by, why, now)
        series.tell_successor(session, row, now)
    elif not row.cancel_requested:
        run_arrows.ask_to_cancel(session, row, by, now, reason)
        session.execute(
            update(AttemptRow)
            .where(
                AttemptRow.run_id == row.id,
                AttemptRow.state.in_([AttemptState.LEASED, AttemptState.RUNNING]),
                AttemptRow.deadline > now + CANCEL_GRACE,
            )
            .values(deadline=now + CANCEL_GRACE)
        )
