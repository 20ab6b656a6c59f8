"""State of browser sign-ins under way: kept here, so that any process can finish them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from galley.store.records import OAuthStateRow

LIFETIME = timedelta(minutes=10)


def put(session: Session, state: str, value: dict[str, Any], now: datetime) -> None:
    """Remember ``value`` under ``state`` for :data:`LIFETIME`."""
    session.merge(OAuthStateRow(state=state, value=value, expires_at=now + LIFETIME))
    session.flush()


def get(session: Session, state: str, now: datetime) -> dict[str, Any] | None:
    """Return what was put under ``state``; None if nothing or too long ago."""
    row = session.get(OAuthStateRow, state)
    return row.value if row is not None and row.expires_at > now else None


def pop(session: Session, state: str, now: datetime) -> dict[str, Any] | None:
    """Return what was put under ``state`` and forget it: a state is good for one sign-in."""
    row = session.get(OAuthStateRow, state)
    if row is None:
        return None
    session.delete(row)
    session.flush()
    return row.value if row.expires_at > now else None
