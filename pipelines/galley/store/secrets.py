"""Secrets as they are kept: sealed. Values pass through the vault, never through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from galley.domain.secrets import SecretInfo
from galley.errors import NotFound
from galley.store import audit
from galley.store.records import SecretRow

TENANT = ""
"""The owner of what belongs to the tenant itself."""

USES_TOLD = timedelta(hours=1)
"""Uses of a personal value in JupyterLab within this time are one line of the audit trail."""


def put(
    session: Session,
    tenant: str,
    owner: str,
    name: str,
    sealed: bytes,
    *,
    description: str | None,
    by: str,
    now: datetime,
) -> SecretInfo:
    """Keep a value in place of an earlier one; a description of None stays as it was."""
    row = session.get(SecretRow, (tenant, owner, name))
    action = "secret.set" if row is None else "secret.replaced"
    if row is None:
        row = SecretRow(tenant=tenant, owner=owner, name=name, description="")
        session.add(row)
    row.sealed, row.set_by, row.set_at = sealed, by, now
    if description is not None:
        row.description = description
    session.flush()
    _tell(session, tenant, owner, name, action, by, {}, now)
    return _info(row)


def remove(session: Session, tenant: str, owner: str, name: str, *, by: str, now: datetime) -> None:
    """Forget a value.

    Raises:
        NotFound: there is none of that name.
    """
    found = session.execute(delete(SecretRow).where(*_is(tenant, owner, [name])))
    if not found.rowcount:  # type: ignore[attr-defined]
        whose = (
            f"you have no personal value of {name!r}" if owner else f"there is no secret {name!r}"
        )
        raise NotFound(f"{whose} in tenant {tenant!r}: nothing was deleted.")
    _tell(session, tenant, owner, name, "secret.deleted", by, {}, now)


def listing(session: Session, tenant: str, user: str) -> list[SecretInfo]:
    """Return the tenant's secrets and the user's personal values, by name, without values."""
    rows = session.scalars(
        select(SecretRow)
        .where(SecretRow.tenant == tenant, SecretRow.owner.in_((TENANT, user)))
        .order_by(SecretRow.name, SecretRow.owner)
    )
    return [_info(row) for row in rows]


def sealed(session: Session, tenant: str, owner: str, names: Iterable[str]) -> dict[str, bytes]:
    """Return name → sealed value of those that are there."""
    rows = session.scalars(select(SecretRow).where(*_is(tenant, owner, names)))
    return {row.name: row.sealed for row in rows}


def known(session: Session, tenant: str, owner: str) -> frozenset[str]:
    """Return the names that ``owner`` has in a tenant."""
    query = select(SecretRow.name).where(SecretRow.tenant == tenant, SecretRow.owner == owner)
    return frozenset(session.scalars(query))


def used(
    session: Session,
    tenant: str,
    owner: str,
    names: Sequence[str],
    *,
    actor: str,
    by: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Note that values were given away: to a run, or to their owner's JupyterLab.

    Args:
        by: what it was given to, in words.
        detail: more for the audit trail. Empty: uses within an hour are told once.
    """
    for row in session.scalars(select(SecretRow).where(*_is(tenant, owner, names))):
        told = row.last_used_by == by and row.last_used_at is not None
        if not detail and told and row.last_used_at > now - USES_TOLD:  # type: ignore[operator]
            continue
        row.last_used_at, row.last_used_by = now, by
        _tell(session, tenant, owner, row.name, "secret.used", actor, {"by": by, **detail}, now)
    session.flush()


def reseal(session: Session, again: Callable[[str, str, str, bytes], bytes]) -> int:
    """Seal every value anew and return how many there are.

    Args:
        again: takes tenant, owner, name and the sealed value.
    """
    rows = session.scalars(select(SecretRow)).all()
    for row in rows:
        row.sealed = again(row.tenant, row.owner, row.name, row.sealed)
    session.flush()
    return len(rows)


def _is(tenant: str, owner: str, names: Iterable[str]) -> tuple[Any, ...]:
    wanted = list(names)
    return SecretRow.tenant == tenant, SecretRow.owner == owner, SecretRow.name.in_(wanted)


def _tell(
    session: Session,
    tenant: str,
    owner: str,
    name: str,
    action: str,
    actor: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    audit.append(
        session,
        tenant=tenant,
        actor=actor,
        action=action,
        subject=f"secret/{name}",
        detail={**({"personal": owner} if owner else {}), **detail},
        now=now,
    )


def _info(row: SecretRow) -> SecretInfo:
    return SecretInfo(
        name=row.name,
        personal=bool(row.owner),
        description=row.description,
        set_by=row.set_by,
        set_at=row.set_at,
        last_used_at=row.last_used_at,
        last_used_by=row.last_used_by,
    )
