"""Tables beside the runs: events, the audit trail, credentials, and small memories of a service."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from galley.domain.events import EventKind
from galley.store.columns import enum_column, new_id
from galley.store.tables import Base

COUNTER = BigInteger().with_variant(Integer, "sqlite")
"""Ids that count up; SQLite counts INTEGER keys only, which have 64 bits there."""


class TokenKind(StrEnum):
    """Whose credential it is: a worker host's, a runner's or a task's.

    Those of one attempt, its runner's and its tasks', are one row, of kind ``ATTEMPT``; rows of
    each alone are those of attempts that an earlier release began.
    """

    HOST = "host"
    RUN = "run"
    TASK = "task"
    ATTEMPT = "attempt"


class EventRow(Base):
    """One thing that moved; the only source of live pages."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "tenant", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(COUNTER, primary_key=True, autoincrement=True)
    tenant: Mapped[str] = mapped_column(String(48))
    kind: Mapped[EventKind] = mapped_column(enum_column(EventKind))
    subject: Mapped[UUID]
    pipeline: Mapped[str] = mapped_column(String(48))
    data: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class AuditRow(Base):
    """One line of the audit trail; never changed, never deleted."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "tenant", "id"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(COUNTER, primary_key=True, autoincrement=True)
    tenant: Mapped[str] = mapped_column(String(48))
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(Text)
    detail: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class TokenRow(Base):
    """A credential that the service minted; only the SHA-256 of its secret is kept.

    Of an attempt's two it is that of the tasks' secret, which follows from the runner's.

    ``identity`` is set for hosts: ``TENANT``, ``TENANT/AUTHOR``, ``TENANT/AUTHOR/RUN`` or
    ``TENANT/AUTHOR/RUN/ATTEMPT``, the attempt's number.
    """

    __tablename__ = "tokens"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    kind: Mapped[TokenKind] = mapped_column(enum_column(TokenKind))
    tenant: Mapped[str] = mapped_column(String(48))
    identity: Mapped[str | None] = mapped_column(Text, index=True)
    author: Mapped[str | None] = mapped_column(Text)
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("runs.id"))
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("attempts.id"), index=True)
    rehearsal: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]


class OAuthStateRow(Base):
    """State of a browser sign-in under way."""

    __tablename__ = "oauth_states"

    state: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[dict[str, Any]]
    expires_at: Mapped[datetime]


class IdempotencyRow(Base):
    """The answer to a request that was made under an ``Idempotency-Key``."""

    __tablename__ = "idempotency_keys"

    caller: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[Any] = mapped_column(JSON)
    created_at: Mapped[datetime]


class SecretRow(Base):
    """One secret; ``owner`` is empty for the tenant's own, else the user of a personal value.

    ``sealed`` is opened by the vault only; nothing else tells anything of the value.
    """

    __tablename__ = "secrets"

    tenant: Mapped[str] = mapped_column(String(48), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    description: Mapped[str] = mapped_column(Text)
    set_by: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    last_used_by: Mapped[str | None] = mapped_column(Text)


class PauseRow(Base):
    """A time in which the schedule of a pipeline rested; ``until`` None: it still does."""

    __tablename__ = "schedule_pauses"
    __table_args__ = (Index(None, "pipeline_id", "since"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    by: Mapped[str] = mapped_column(Text)


class DrainRow(Base):
    """Hosts that are given no new work: one host, those of a machine, or ``*`` for all."""

    __tablename__ = "drains"

    host: Mapped[str] = mapped_column(String(300), primary_key=True)
    since: Mapped[datetime]
    by: Mapped[str] = mapped_column(Text)


class HostRow(Base):
    """A host that has asked for work, and when it did so last, to half a minute."""

    __tablename__ = "hosts"

    name: Mapped[str] = mapped_column(String(300), primary_key=True)
    tenant: Mapped[str] = mapped_column(String(48))
    seen_at: Mapped[datetime]


class RetentionRow(Base):
    """What is particular to a pipeline about keeping its runs.

    ``policy`` None: its tenant's holds. ``removed_until`` is the latest date of its schedule
    whose run is not kept any more; None: none was removed.
    """

    __tablename__ = "retention"

    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"), primary_key=True)
    policy: Mapped[dict[str, Any] | None]
    set_by: Mapped[str | None] = mapped_column(Text)
    set_at: Mapped[datetime | None]
    removed_until: Mapped[datetime | None]


class RemovalRow(Base):
    """Files of an attempt that no record tells of any more and that still are to be removed."""

    __tablename__ = "removals"

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID]
    tenant: Mapped[str] = mapped_column(String(48))


class TrackedRemovalRow(Base):
    """A run that is not kept any more and whose MLflow runs still are to be deleted."""

    __tablename__ = "tracked_removals"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant: Mapped[str] = mapped_column(String(48))
    experiment: Mapped[str] = mapped_column(Text)


class LivenessRow(Base):
    """When a loop of the service last ran."""

    __tablename__ = "liveness"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime]


class LeaseRow(Base):
    """Which process does a loop's work; ``token`` grows with each holder, ``beat`` while it lives.

    ``renewed_at`` is for people: clocks may jump, so nothing is decided by it.
    """

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(Text)
    token: Mapped[int] = mapped_column(BigInteger)
    beat: Mapped[int] = mapped_column(BigInteger)
    renewed_at: Mapped[datetime]
