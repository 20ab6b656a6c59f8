"""What asked for runs that neither a person nor their schedule asked for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.runs import RunCause, TriggerKind
from galley.store.tables import RunRow
from galley.store.trigger_tables import TriggerFiringRow, TriggerRow

_OF_TRIGGERS = (TriggerKind.UPSTREAM, TriggerKind.FILE, TriggerKind.WEBHOOK)


def causes(session: Session, rows: Sequence[RunRow]) -> dict[UUID, RunCause]:
    """Return run → cause of those that have one, with one query at most."""
    found = {
        row.id: RunCause(id=row.trigger_id) for row in rows if row.trigger is TriggerKind.BACKFILL
    }
    fired = [row.id for row in rows if row.trigger in _OF_TRIGGERS]
    if fired:
        query = (
            select(TriggerFiringRow, TriggerRow.name)
            .join(TriggerRow, TriggerRow.id == TriggerFiringRow.trigger_id)
            .where(TriggerFiringRow.run_id.in_(fired))
        )
        for firing, name in session.execute(query):
            assert firing.run_id is not None  # it was asked for by it
            found[firing.run_id] = RunCause(id=firing.series, name=name, detail=firing.cause)
    return found
