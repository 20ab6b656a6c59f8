"""Tables of triggers: their wordings, what they watch, what waits for them, and when they fired.

Runs are named without a foreign key: the last firing of a trigger may outlive its run.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from galley.domain.triggers import TriggerType
from galley.store.columns import enum_column, new_id
from galley.store.tables import Base

_IN_FORCE = text("until IS NULL")


class TriggerRow(Base):
    """One wording of a trigger; ``until`` None: in force. ``series`` is its identity."""

    __tablename__ = "triggers"
    __table_args__ = (
        Index(
            "uq_triggers_current",
            "pipeline_id",
            "name",
            unique=True,
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
        Index(
            "ix_triggers_tenant",
            "tenant",
            sqlite_where=_IN_FORCE,
            postgresql_where=_IN_FORCE,
        ),
        Index(None, "series"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    series: Mapped[UUID]
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    tenant: Mapped[str] = mapped_column(String(48))
    name: Mapped[str] = mapped_column(String(48))
    type: Mapped[TriggerType] = mapped_column(enum_column(TriggerType))
    source: Mapped[dict[str, Any]]
    parameters: Mapped[dict[str, Any]]
    deadline_s: Mapped[int | None]
    paused: Mapped[bool]
    paused_by: Mapped[str | None] = mapped_column(Text)
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    set_by: Mapped[str] = mapped_column(Text)


class TriggerUpstreamRow(Base):
    """A pipeline that a wording of a trigger waits for."""

    __tablename__ = "trigger_upstreams"

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id"), primary_key=True)
    pipeline_id: Mapped[UUID] = mapped_column(
        ForeignKey("pipelines.id"), primary_key=True, index=True
    )


class TriggerSuccessRow(Base):
    """A success upstream that a trigger has not looked at yet.

    It is written in the transaction of the success, so that no restart loses it.
    """

    __tablename__ = "trigger_successes"
    __table_args__ = (UniqueConstraint("trigger_id", "run_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id"))
    tenant: Mapped[str] = mapped_column(String(48))
    run_id: Mapped[UUID]


class TriggerWatchRow(Base):
    """What the wording in force of a file trigger saw last; it goes when the wording does.

    ``seen``: it was looked at with success, and ``version`` None means that there was no file.
    ``candidate`` is a version that was seen once: it counts when it is seen again, because a file
    may still be being written. ``changes`` counts the firings, and is a part of the key of each.
    ``since`` is when ``version`` was taken.
    """

    __tablename__ = "trigger_watches"
    __table_args__ = (Index(None, "next_poll"),)

    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id"), primary_key=True)
    seen: Mapped[bool] = mapped_column(default=False)
    version: Mapped[str | None] = mapped_column(Text)
    candidate: Mapped[str | None] = mapped_column(Text)
    changes: Mapped[int] = mapped_column(default=0)
    since: Mapped[datetime]
    polled_at: Mapped[datetime | None]
    next_poll: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(Text)


class TriggerFiringRow(Base):
    """One time that a trigger fired; without a run, ``reason`` says why none came of it."""

    __tablename__ = "trigger_firings"
    __table_args__ = (Index(None, "series", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    series: Mapped[UUID]
    trigger_id: Mapped[UUID] = mapped_column(ForeignKey("triggers.id"))
    run_id: Mapped[UUID | None] = mapped_column(index=True)
    reason: Mapped[str | None] = mapped_column(Text)
    cause: Mapped[dict[str, Any]]
    at: Mapped[datetime]
