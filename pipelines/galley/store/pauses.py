"""Pauses of schedules, with their history: what fell into one was never asked for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from galley.store.records import PauseRow


def begin(session: Session, pipeline_id: UUID, by: str, now: datetime) -> None:
    """Remember that the schedule rests from ``now`` on; flushed with the caller's change."""
    session.add(PauseRow(pipeline_id=pipeline_id, since=now, by=by))


def end(session: Session, pipeline_id: UUID, now: datetime) -> None:
    """Remember that it rests no longer; nothing happens where it did not."""
    session.execute(
        update(PauseRow)
        .where(PauseRow.pipeline_id == pipeline_id, PauseRow.until.is_(None))
        .values(until=now)
    )


def overlapping(
    session: Session, pipeline_ids: Sequence[UUID], start: datetime, end: datetime
) -> list[PauseRow]:
    """Return the pauses that touch [start, end), in order."""
    query = (
        select(PauseRow)
        .where(
            PauseRow.pipeline_id.in_(pipeline_ids),
            PauseRow.since < end,
            or_(PauseRow.until.is_(None), PauseRow.until >= start),
        )
        .order_by(PauseRow.since)
    )
    return list(session.scalars(query))
