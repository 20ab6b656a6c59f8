"""The append-only table that live pages read."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from galley.domain.events import Event, EventKind
from galley.store.records import EventRow
from galley.store.settled import EVERYTHING
from galley.store.writer import MOVED


def append(
    session: Session,
    *,
    tenant: str,
    kind: EventKind,
    subject: UUID,
    pipeline: str,
    data: dict[str, Any],
    now: datetime,
) -> int:
    """Append one event; return its id, which is larger than every one that was committed."""
    row = EventRow(tenant=tenant, kind=kind, subject=subject, pipeline=pipeline, data=data, at=now)
    session.add(row)
    session.flush()
    session.info[MOVED] = True
    return row.id


def after(
    session: Session,
    tenants: Collection[str],
    after: int,
    limit: int = 500,
    *,
    until: int = EVERYTHING,
) -> list[Event]:
    """Return the events of ``tenants`` with an id above ``after``, oldest first.

    Args:
        until: the last id that is looked at: a reader that goes on from what it got takes no
            more than is settled.
    """
    rows = session.scalars(
        select(EventRow)
        .where(
            EventRow.id > min(after, EVERYTHING), EventRow.id <= until, EventRow.tenant.in_(tenants)
        )
        .order_by(EventRow.id)
        .limit(limit)
    )
    return [
        Event(
            id=row.id,
            tenant=row.tenant,
            kind=row.kind,
            subject=row.subject,
            pipeline=row.pipeline,
            data=row.data,
            at=row.at,
        )
        for row in rows
    ]


def latest(session: Session, *, until: int = EVERYTHING) -> int:
    """Return the id of the newest event up to ``until``; 0 where there is none."""
    return session.scalar(select(func.max(EventRow.id)).where(EventRow.id <= until)) or 0
