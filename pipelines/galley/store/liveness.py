"""When each loop of the service last ran: that tells "was down" from "nothing to do"."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from galley.store.records import LivenessRow
from galley.store.tables import Base

_LIVENESS = Base.metadata.tables[LivenessRow.__tablename__]
_LAST = select(_LIVENESS.c.at).where(_LIVENESS.c.name == bindparam("of"))
_TICK = update(_LIVENESS).where(_LIVENESS.c.name == bindparam("of")).values(at=bindparam("now"))
_FIRST = insert(_LIVENESS)


def last(session: Session, name: str) -> datetime | None:
    """Return when the loop ``name`` last ran; None: never."""
    return session.scalar(_LAST, {"of": name})


def tick(session: Session, name: str, now: datetime) -> datetime | None:
    """Remember that the loop ran; return when it ran before."""
    before = last(session, name)
    if before is None:
        session.execute(_FIRST, {"name": name, "at": now})
    else:
        session.execute(_TICK, {"of": name, "now": now})
    return before
