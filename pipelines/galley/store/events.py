"""The append-only table that live pages read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from galley.domain.events import Event, EventKind
from galley.store.many import insert_all
from galley.store.records import EventRow
from galley.store.settled import EVERYTHING
from galley.store.tables import Base
from galley.store.writer import MOVED

# Rows that nobody looks at again need not be the session's, which costs several times as much.
_EVENTS = Base.metadata.tables[EventRow.__tablename__]
_INSERT = insert(_EVENTS).returning(_EVENTS.c.id)


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
    session.flush()
    session.info[MOVED] = True
    row = {"tenant": tenant, "kind": kind, "subject": subject, "pipeline": pipeline}
    number: int = session.execute(_INSERT, {**row, "data": data, "at": now}).scalar_one()
    return number


def append_all(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append events, as :func:`append` takes them, in one statement."""
    session.flush()
    session.info[MOVED] = True
    insert_all(session, _EVENTS, rows)


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
