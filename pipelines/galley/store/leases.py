"""Leases: which process does the work of a loop, when several may.

Glossary
    beat    grows while the holder lives; who sees it stand still takes over
    token   grows with each holder; a transaction that names an older one is refused
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import CursorResult, bindparam, select, tuple_, update
from sqlalchemy.orm import Session

from galley.domain.model import Model
from galley.errors import GalleyError
from galley.store.records import LeaseRow
from galley.store.tables import Base

_LEASES = Base.metadata.tables[LeaseRow.__tablename__]
_SEEN = select(_LEASES.c.name, _LEASES.c.holder, _LEASES.c.token, _LEASES.c.beat)
_RENEW = (
    update(_LEASES)
    .where(tuple_(_LEASES.c.name, _LEASES.c.token).in_(bindparam("held", expanding=True)))
    .values(beat=_LEASES.c.beat + 1, renewed_at=bindparam("now"))
    .returning(_LEASES.c.name)
)
"""Made once, and without the ORM: they run each second in a service that has nothing to do."""

NOBODY = ""
"""The holder of a lease that was given back."""


class Lease(Model):
    """A lease as it was seen."""

    name: str
    holder: str
    token: int
    beat: int


class LostLease(GalleyError):
    """Another process has taken over; whatever this one had in hand is not done."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"another process has taken over the loop {self.name!r}"


def seen(session: Session) -> dict[str, Lease]:
    """Return every lease that somebody ever held, by name."""
    return {
        name: Lease(name=name, holder=holder, token=token, beat=beat)
        for name, holder, token, beat in session.execute(_SEEN)
    }


def claim(
    session: Session, name: str, holder: str, last: Lease | None, now: datetime
) -> int | None:
    """Take a lease that is still as it was ``last`` seen (None: never held); return its token.

    None: somebody else was faster, or its holder lives. It lives where it is in a transaction of
    the loop (PostgreSQL): that is not waited for.
    """
    row = session.scalar(
        select(LeaseRow).where(LeaseRow.name == name).with_for_update(skip_locked=True)
    )
    if last is None:
        if row is not None:
            return None
        session.add(LeaseRow(name=name, holder=holder, token=1, beat=0, renewed_at=now))
        session.flush()
        return 1
    if row is None:
        return None
    taken = _set(session, last, holder=holder, token=last.token + 1, beat=0, renewed_at=now)
    return last.token + 1 if taken else None


def renew(session: Session, held: Mapping[str, int], now: datetime) -> set[str]:
    """Show that the holder of these leases, name → token, lives; return those it still holds."""
    return set(session.scalars(_RENEW, {"held": list(held.items()), "now": now}))


def release(session: Session, name: str, token: int, now: datetime) -> bool:
    """Give a lease back, so that the next process need not wait; False: it was lost already."""
    return _changed(
        session,
        update(LeaseRow)
        .where(LeaseRow.name == name, LeaseRow.token == token)
        .values(holder=NOBODY, token=token + 1, beat=0, renewed_at=now),
    )


def require(session: Session, name: str, token: int) -> None:
    """Go on only while ``token`` is the current one: call it in the transaction of the work.

    It is a beat, too. Renewals wait until the transaction ends, and others cannot take over before:
    else a transaction longer than a lease would be refused each time, and grow from time to time.

    Raises:
        LostLease: another process has taken over.
    """
    held = update(LeaseRow).where(LeaseRow.name == name, LeaseRow.token == token)
    if not _changed(session, held.values(beat=LeaseRow.beat + 1)):
        raise LostLease(name)


def _set(session: Session, last: Lease, **values: object) -> bool:
    return _changed(
        session,
        update(LeaseRow)
        .where(
            LeaseRow.name == last.name,
            LeaseRow.token == last.token,
            LeaseRow.beat == last.beat,
            LeaseRow.holder == last.holder,
        )
        .values(**values),
    )


def _changed(session: Session, statement: object) -> bool:
    result = session.execute(
        statement,  # type: ignore[call-overload]
        execution_options={"synchronize_session": False},
    )
    assert isinstance(result, CursorResult)
    return bool(result.rowcount == 1)
