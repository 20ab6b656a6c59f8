"""Drains: which hosts are given no new work, since when, and what they still have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from galley.domain.drains import ALL, Drain, selectors_of
from galley.domain.events import EventKind
from galley.errors import Conflict, NotFound
from galley.store import audit, events
from galley.store.records import DrainRow
from galley.store.runs import OPEN_ATTEMPTS
from galley.store.tables import AttemptRow

WHOLE = UUID(int=0)
"""The subject of an event that is of the whole tenant."""


def stops(session: Session, host: str) -> bool:
    """Return whether the host of this name is to be given nothing."""
    query = select(DrainRow.host).where(DrainRow.host.in_(selectors_of(host))).limit(1)
    return session.scalar(query) is not None


def all_drained(session: Session) -> bool:
    """Return whether no host is to be given anything."""
    return session.get(DrainRow, ALL) is not None


def listed(session: Session) -> list[Drain]:
    """Return every drain that holds, by host."""
    rows = session.scalars(select(DrainRow).order_by(DrainRow.host)).all()
    return [_model(session, row) for row in rows]


def get(session: Session, host: str) -> Drain:
    """Return one drain; raises NotFound."""
    row = session.get(DrainRow, host)
    if row is None:
        raise NotFound(f"{host!r} is not drained.")
    return _model(session, row)


def begin(session: Session, host: str, tenants: Sequence[str], by: str, now: datetime) -> Drain:
    """Give no new work to ``host`` from now on; it is told in the trail of ``tenants``.

    Raises:
        Conflict: it is drained already.
    """
    row = DrainRow(host=host, since=now, by=by)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        before = session.get_one(DrainRow, host)
        raise Conflict(f"{host!r} is drained already, by {before.by}.") from None
    _tell(session, "hosts.drained", host, tenants, by, now)
    return _model(session, row)


def end(session: Session, host: str, tenants: Sequence[str], by: str, now: datetime) -> None:
    """Give work to ``host`` again; raises NotFound where it is not drained."""
    ended = session.scalars(
        delete(DrainRow).where(DrainRow.host == host).returning(DrainRow.host)
    ).all()
    if not ended:
        raise NotFound(f"{host!r} is not drained.")
    _tell(session, "hosts.undrained", host, tenants, by, now)


def _tell(
    session: Session, action: str, host: str, tenants: Sequence[str], by: str, now: datetime
) -> None:
    for tenant in tenants:
        audit.append(
            session,
            tenant=tenant,
            actor=by,
            action=action,
            subject=f"host/{host}",
            detail={},
            now=now,
        )
        events.append(
            session,
            tenant=tenant,
            kind=EventKind.HOSTS_CHANGED,
            subject=WHOLE,
            pipeline="",
            data={"host": host, "change": action.removeprefix("hosts.")},
            now=now,
        )


def _model(session: Session, row: DrainRow) -> Drain:
    running = select(func.count()).where(AttemptRow.state.in_(OPEN_ATTEMPTS), _means(row.host))
    return Drain(host=row.host, since=row.since, by=row.by, running=session.scalar(running) or 0)


def _means(selector: str) -> ColumnElement[bool]:
    if selector == ALL:
        return true()
    return or_(
        AttemptRow.host == selector, AttemptRow.host.endswith(f"@{selector}", autoescape=True)
    )
