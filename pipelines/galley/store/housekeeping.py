"""Forgetting what served its purpose: old events, answers, sign-ins, credentials and firings."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from galley.store import trigger_firings
from galley.store.records import EventRow, HostRow, IdempotencyRow, OAuthStateRow, TokenRow

EVENTS_KEPT = timedelta(days=7)
ANSWERS_KEPT = timedelta(days=1)


def tidy(session: Session, now: datetime) -> None:
    """Delete what is past its time; runs have policies of their own, see ``retention``."""
    session.execute(delete(EventRow).where(EventRow.at < now - EVENTS_KEPT))
    session.execute(delete(IdempotencyRow).where(IdempotencyRow.created_at < now - ANSWERS_KEPT))
    session.execute(delete(OAuthStateRow).where(OAuthStateRow.expires_at < now))
    session.execute(delete(HostRow).where(HostRow.seen_at < now - ANSWERS_KEPT))
    session.execute(delete(TokenRow).where(TokenRow.expires_at < now))
    trigger_firings.tidy(session, now)
