"""Which hosts ask for work: who drains one wants to know that he has named one that there is."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.store.records import HostRow

NOTED_EVERY = timedelta(seconds=30)
"""How often it is written down that a host is there; it asks more often."""

GONE_AFTER = timedelta(minutes=2)


def is_noted(session: Session, name: str, now: datetime) -> bool:
    """Return whether it was written down lately that the host is there."""
    row = session.get(HostRow, name)
    return row is not None and now - NOTED_EVERY < row.seen_at <= now


def note(session: Session, name: str, tenant: str, now: datetime) -> None:
    """Write down that the host has just asked for work."""
    session.merge(HostRow(name=name, tenant=tenant, seen_at=now))
    session.flush()


def living(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return the hosts that asked for work lately, as (name, tenant), by name."""
    query = select(HostRow.name, HostRow.tenant).where(HostRow.seen_at > now - GONE_AFTER)
    return [(name, tenant) for name, tenant in session.execute(query.order_by(HostRow.name))]
