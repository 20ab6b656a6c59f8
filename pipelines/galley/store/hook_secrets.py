"""Secrets of webhooks: kept sealed among the other secrets, so that a new key reseals them too."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.orm import Session

from galley.store.records import SecretRow

NAME = "webhook"


def owner_of(series: UUID) -> str:
    """Return the owner of a trigger's secret; no user can be called so."""
    return f"trigger:{series}"


def put(session: Session, tenant: str, series: UUID, sealed: bytes, by: str, now: datetime) -> None:
    """Keep a trigger's secret in place of an earlier one."""
    row = session.get(SecretRow, (tenant, owner_of(series), NAME))
    if row is None:
        row = SecretRow(tenant=tenant, owner=owner_of(series), name=NAME, description="")
        session.add(row)
    row.sealed, row.set_by, row.set_at = sealed, by, now
    session.flush()


def sealed(session: Session, tenant: str, series: UUID) -> bytes | None:
    """Return a trigger's secret as it is kept, or None."""
    row = session.get(SecretRow, (tenant, owner_of(series), NAME))
    return None if row is None else row.sealed


def forget(session: Session, tenant: str, series: UUID) -> None:
    """Forget a trigger's secret."""
    session.execute(
        delete(SecretRow).where(SecretRow.tenant == tenant, SecretRow.owner == owner_of(series))
    )
