"""Credentials minted by the service: shown once, kept as SHA-256.

An attempt has two. Its tasks' follows from its runner's, and nothing leads back, so one row stands
for both.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import case, insert, select, update
from sqlalchemy.orm import Session

from galley.domain.model import Instant, Model
from galley.domain.runs import experiment_of
from galley.store.many import insert_all
from galley.store.records import TokenKind, TokenRow
from galley.store.tables import AttemptRow, Base, PipelineRow, RunRow

LATE_REPORTS = timedelta(hours=1)
"""How long a runner's token is still known after its attempt, so that it hears why it is late."""

_TOKENS = Base.metadata.tables[TokenRow.__tablename__]
_INSERT = insert(_TOKENS)


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
    """A credential that was found; ``kind`` is whose it is, never ``ATTEMPT``."""

    kind: TokenKind
    tenant: str
    host: HostIdentity | None
    attempt: UUID | None
    rehearsal: bool
    expires_at: Instant | None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def mint_host(
    session: Session,
    identity: HostIdentity,
    now: datetime,
    *,
    attempt: int | None = None,
    replace: bool = True,
) -> str:
    """Return a new credential for a host.

    Args:
        attempt: for which attempt of its run a host is started. The host of the one before keeps
            its credential: it may still have something to send to MLflow.
        replace: the earlier ones of the same identity and attempt end now.
    """
    if replace:
        revoke_host(session, identity, now, attempt=attempt)
    secret = _new(TokenKind.HOST)
    session.flush()
    session.execute(
        _INSERT,
        {
            "secret_hash": _hash(secret),
            "kind": TokenKind.HOST,
            "tenant": identity.tenant,
            "identity": _key(identity, attempt),
            "author": identity.author,
            "run_id": identity.run,
            "rehearsal": identity.author is not None,
            "created_at": now,
        },
    )
    return secret


def revoke_host(
    session: Session, identity: HostIdentity, now: datetime, *, attempt: int | None = None
) -> None:
    """End every credential of a host."""
    key = _key(identity, attempt)
    session.execute(
        update(TokenRow)
        .where(TokenRow.identity == key, TokenRow.expires_at.is_(None))
        .values(expires_at=now)
    )


def _key(identity: HostIdentity, attempt: int | None) -> str:
    return identity.key if attempt is None else f"{identity.key}/{attempt}"


class AttemptTokens(NamedTuple):
    """The credentials of an attempt: its runner's and its tasks'."""

    run: str
    task: str


def mint_attempts(
    session: Session, tenant: str, attempts: Mapping[UUID, bool], now: datetime
) -> dict[UUID, AttemptTokens]:
    """Return new credentials for attempts.

    Args:
        attempts: attempt → whether it is a rehearsal's or a trial's.
    """
    minted: dict[UUID, AttemptTokens] = {}
    for attempt in attempts:
        of_runner = _new(TokenKind.RUN)
        minted[attempt] = AttemptTokens(of_runner, _of_tasks(of_runner))
    rows = [
        {
            "secret_hash": _hash(minted[attempt].task),
            "kind": TokenKind.ATTEMPT,
            "tenant": tenant,
            "attempt_id": attempt,
            "rehearsal": rehearsal,
            "created_at": now,
        }
        for attempt, rehearsal in attempts.items()
    ]
    insert_all(session, _TOKENS, rows)
    return minted


def _of_tasks(of_runner: str) -> str:
    """Return the secret of an attempt's tasks: who has it cannot know the runner's."""
    digest = hashlib.sha256(f"{TokenKind.TASK} {of_runner}".encode()).digest()
    return f"galley-{TokenKind.TASK}-{urlsafe_b64encode(digest).decode().rstrip('=')}"


def _new(kind: TokenKind) -> str:
    return f"galley-{kind}-{secrets.token_urlsafe(32)}"


def end_attempt(session: Session, attempt_id: UUID, now: datetime) -> None:
    """End the credentials of an attempt that ended: the tasks' now, the runner's a little later."""
    session.execute(
        update(TokenRow)
        .where(TokenRow.attempt_id == attempt_id)
        .values(expires_at=case((TokenRow.kind == TokenKind.TASK, now), else_=now + LATE_REPORTS))
    )


def find(session: Session, secret: str, now: datetime) -> Token | None:
    """Return what ``secret`` stands for; None for an unknown or expired one."""
    own, of_tasks = _hash(secret), _hash(_of_tasks(secret))
    row = session.query(TokenRow).filter(TokenRow.secret_hash.in_((own, of_tasks))).one_or_none()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    kind = row.kind
    if kind is TokenKind.ATTEMPT:
        kind = TokenKind.TASK if row.secret_hash == own else TokenKind.RUN
        if kind is TokenKind.TASK and row.expires_at is not None:
            return None  # the attempt has ended; only its runner's is known a little longer
    elif row.secret_hash != own:
        return None
    host = (
        HostIdentity(tenant=row.tenant, author=row.author, run=row.run_id)
        if kind is TokenKind.HOST
        else None
    )
    return Token(
        kind=kind,
        tenant=row.tenant,
        host=host,
        attempt=row.attempt_id,
        rehearsal=row.rehearsal,
        expires_at=row.expires_at,
    )


def experiment(session: Session, token: Token) -> str | None:
    """Return the name of the MLflow experiment of the run that a credential is for.

    None: it is for no single run, or the run is not kept any more.
    """
    run = token.host.run if token.host is not None else None
    if token.attempt is not None:
        run = session.scalar(select(AttemptRow.run_id).where(AttemptRow.id == token.attempt))
    found = session.execute(
        select(RunRow.kind, PipelineRow.slug)
        .join(PipelineRow, PipelineRow.id == RunRow.pipeline_id)
        .where(RunRow.id == run)
    ).one_or_none()
    return None if found is None else experiment_of(found.kind, found.slug)
