"""Drains: which hosts are given no new work, since when, and what they still have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from galley.domain.drains import ALL, Drain, selectors_of
from galley.domain.events import EventKind
from galley.errors import Conflict, NotFound
from galley.store import audit, events, hosts
from galley.store.records import DrainRow
from galley.store.runs import OPEN_ATTEMPTS
from galley.store.tables import AttemptRow

WHOLE = UUID(int=0)
"""The subject of an event that is of the whole tenant."""


def stopped(session: Session, hosts: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those of ``hosts``, each a name and its tenant, that are to be given nothing."""
    drained = set(session.scalars(select(DrainRow.host)))
    return {host for host in hosts if not drained.isdisjoint(selectors_of(*host))}


def all_drained(session: Session) -> bool:
    """Return whether no host is to be given anything."""
    return session.get(DrainRow, ALL) is not None


def listed(session: Session, now: datetime) -> list[Drain]:
    """Return every drain that holds, by host."""
    rows = session.scalars(select(DrainRow).order_by(DrainRow.host)).all()
    return [_model(session, row, now) for row in rows]


def number(session: Session) -> int:
    """Return how many drains hold."""
    return session.scalar(select(func.count()).select_from(DrainRow)) or 0


def get(session: Session, host: str, now: datetime) -> Drain:
    """Return one drain; raises NotFound."""
    row = session.get(DrainRow, host)
    if row is None:
        raise NotFound(f"{host!r} is not drained.")
    return _model(session, row, now)


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
    return _model(session, row, now)


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


def _model(session: Session, row: DrainRow, now: datetime) -> Drain:
    query = select(AttemptRow.host, AttemptRow.tenant).where(AttemptRow.state.in_(OPEN_ATTEMPTS))
    running = [one for one in session.execute(query) if row.host in selectors_of(*one)]
    living = [one for one in hosts.living(session, now) if row.host in selectors_of(*one)]
    return Drain(
        host=row.host,
        since=row.since,
        by=row.by,
        running=len(running),
        hosts=tuple(sorted({name for name, _ in (*running, *living)})),
    )
