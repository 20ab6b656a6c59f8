"""When each loop of the service last ran: that tells "was down" from "nothing to do"."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from galley.store.records import LivenessRow


def last(session: Session, name: str) -> datetime | None:
    """Return when the loop ``name`` last ran; None: never."""
    row = session.get(LivenessRow, name)
    return None if row is None else row.at


def tick(session: Session, name: str, now: datetime) -> datetime | None:
    """Remember that the loop ran; return when it ran before."""
    before = last(session, name)
    session.merge(LivenessRow(name=name, at=now))
    session.flush()
    return before
