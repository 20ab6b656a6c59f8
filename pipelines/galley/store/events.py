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
    """Append one event; return its id, which is larger than every earlier one."""
    row = EventRow(tenant=tenant, kind=kind, subject=subject, pipeline=pipeline, data=data, at=now)
    session.add(row)
    session.flush()
    return row.id


def after(session: Session, tenants: Collection[str], after: int, limit: int = 500) -> list[Event]:
    """Return the events of ``tenants`` with an id above ``after``, oldest first."""
    rows = session.scalars(
        select(EventRow)
        .where(EventRow.id > after, EventRow.tenant.in_(tenants))
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


def latest(session: Session) -> int:
    """Return the id of the newest event; 0 where there is none."""
    return session.scalar(select(func.max(EventRow.id))) or 0
