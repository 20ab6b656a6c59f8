"""Credentials minted by the service: shown once, kept as SHA-256."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from galley.domain.model import Instant, Model
from galley.store.records import TokenKind, TokenRow
from galley.store.tables import Base

LATE_REPORTS = timedelta(hours=1)
"""How long a runner's token is still known after its attempt, so that it hears why it is late."""

_INSERT = insert(Base.metadata.tables[TokenRow.__tablename__])


class HostIdentity(Model):
    """Which work a host may lease.

    Attributes:
        author: None: approved versions, as the tenant; else rehearsals of this author.
        run: only this rehearsal.
    """

    tenant: str
    author: str | None = None
    run: UUID | None = None

    @property
    def key(self) -> str:
        """One text per identity."""
        return "/".join(
            str(part) for part in (self.tenant, self.author, self.run) if part is not None
        )


class Token(Model):
    """A credential that was found."""

    kind: TokenKind
    tenant: str
    host: HostIdentity | None
    attempt: UUID | None
    rehearsal: bool
    expires_at: Instant | None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def mint_host(
    session: Session, identity: HostIdentity, now: datetime, *, replace: bool = True
) -> str:
    """Return a new credential for a host.

    Args:
        replace: the earlier ones of the same identity end now.
    """
    if replace:
        revoke_host(session, identity, now)
    return _mint(
        session,
        TokenKind.HOST,
        tenant=identity.tenant,
        identity=identity.key,
        author=identity.author,
        run_id=identity.run,
        rehearsal=identity.author is not None,
        created_at=now,
    )


def revoke_host(session: Session, identity: HostIdentity, now: datetime) -> None:
    """End every credential of a host."""
    session.execute(
        update(TokenRow)
        .where(TokenRow.identity == identity.key, TokenRow.expires_at.is_(None))
        .values(expires_at=now)
    )


def mint_attempt(
    session: Session,
    kind: TokenKind,
    *,
    tenant: str,
    attempt_id: UUID,
    rehearsal: bool,
    now: datetime,
) -> str:
    """Return a new credential for the runner or the tasks of an attempt."""
    return _mint(
        session,
        kind,
        tenant=tenant,
        attempt_id=attempt_id,
        rehearsal=rehearsal,
        created_at=now,
    )


def end_attempt(session: Session, attempt_id: UUID, now: datetime) -> None:
    """End the credentials of an attempt that ended: the tasks' now, the runner's a little later."""
    for kind, until in ((TokenKind.TASK, now), (TokenKind.RUN, now + LATE_REPORTS)):
        session.execute(
            update(TokenRow)
            .where(TokenRow.attempt_id == attempt_id, TokenRow.kind == kind)
            .values(expires_at=until)
        )


def _mint(session: Session, kind: TokenKind, **values: Any) -> str:
    secret = f"galley-{kind}-{secrets.token_urlsafe(32)}"
    session.flush()
    session.execute(_INSERT, {**values, "kind": kind, "secret_hash": _hash(secret)})
    return secret


def find(session: Session, secret: str, now: datetime) -> Token | None:
    """Return what ``secret`` stands for; None for an unknown or expired one."""
    row = session.query(TokenRow).filter_by(secret_hash=_hash(secret)).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    host = (
        HostIdentity(tenant=row.tenant, author=row.author, run=row.run_id)
        if row.kind is TokenKind.HOST
        else None
    )
    return Token(
        kind=row.kind,
        tenant=row.tenant,
        host=host,
        attempt=row.attempt_id,
        rehearsal=row.rehearsal,
        expires_at=row.expires_at,
    )
