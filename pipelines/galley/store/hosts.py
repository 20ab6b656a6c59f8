"""Which hosts ask for work: who drains one wants to know that he has named one that there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.store.records import HostRow

NOTED_EVERY = timedelta(seconds=30)
"""How often it is written down that a host is there; it asks more often."""

GONE_AFTER = timedelta(minutes=2)


def lately(at: datetime, now: datetime) -> bool:
    """Whether what was noted ``at`` need not be noted again."""
    return now - NOTED_EVERY < at <= now


def not_noted(session: Session, names: Collection[str], now: datetime) -> list[str]:
    """Return the hosts of which it was not written down lately that they are there."""
    query = select(HostRow.name, HostRow.seen_at).where(HostRow.name.in_(names))
    seen = {name: at for name, at in session.execute(query) if lately(at, now)}
    return [name for name in names if name not in seen]


def note(session: Session, hosts: Mapping[str, str], now: datetime) -> None:
    """Write down that ``hosts``, name → tenant, have just asked for work."""
    for name, tenant in hosts.items():
        session.merge(HostRow(name=name, tenant=tenant, seen_at=now))
    session.flush()


def living(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Return the hosts that asked for work lately, as (name, tenant), by name."""
    query = select(HostRow.name, HostRow.tenant).where(HostRow.seen_at > now - GONE_AFTER)
    return [(name, tenant) for name, tenant in session.execute(query.order_by(HostRow.name))]
