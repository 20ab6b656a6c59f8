"""The audit trail: who did what to which thing, when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from galley.domain.events import AuditEntry
from galley.domain.model import Page
from galley.store import cursors
from galley.store.many import insert_all
from galley.store.records import AuditRow
from galley.store.tables import Base

PLATFORM = "galley"
"""The actor of what no person asked for."""


_AUDIT = Base.metadata.tables[AuditRow.__tablename__]
_INSERT = insert(_AUDIT)


def append(
    session: Session,
    *,
    tenant: str,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Append one line, in the transaction of the change that it tells of."""
    line = {"tenant": tenant, "actor": actor, "action": action, "subject": subject}
    session.execute(_INSERT, {**line, "detail": detail, "at": now})


def append_all(session: Session, lines: Sequence[Mapping[str, Any]]) -> None:
    """Append lines, as :func:`append` takes them, in one statement."""
    insert_all(session, _AUDIT, lines)


def page(
    session: Session, tenant: str, *, cursor: str | None = None, limit: int = 50
) -> Page[AuditEntry]:
    """Return the trail of ``tenant``, newest first."""
    query = select(AuditRow).where(AuditRow.tenant == tenant).order_by(AuditRow.id.desc())
    if cursor is not None:
        query = query.where(AuditRow.id < cursors.decode_number(cursor))
    limit = cursors.clamp(limit)
    rows = session.scalars(query.limit(limit + 1)).all()
    return cursors.page_of(rows, limit, _entries, lambda row: row.id)


def _entries(rows: Sequence[AuditRow]) -> list[AuditEntry]:
    return [
        AuditEntry(
            id=row.id,
            tenant=row.tenant,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            detail=row.detail,
            at=row.at,
        )
        for row in rows
    ]
