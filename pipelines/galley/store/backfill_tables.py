"""Tables of backfills: the order, and its dates, each once.

A date's ``run_id`` is set when its run is recorded; the run may be forgotten before its backfill,
and ``end_state`` is then what it came to.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from galley.domain.backfills import BackfillState, Only, Order
from galley.domain.runs import RunState
from galley.store.columns import enum_column, new_id
from galley.store.tables import Base

_WAITING = text("run_id IS NULL")
_ACTIVE = text("state IN ('running', 'paused')")


class BackfillRow(Base):
    """One backfill; a pipeline has at most one that has not ended."""

    __tablename__ = "backfills"
    __table_args__ = (
        Index(None, "tenant", "id"),
        Index(None, "pipeline_id", "id"),
        Index(
            "uq_backfills_active",
            "pipeline_id",
            unique=True,
            sqlite_where=_ACTIVE,
            postgresql_where=_ACTIVE,
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant: Mapped[str] = mapped_column(String(48))
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"))
    state: Mapped[BackfillState] = mapped_column(enum_column(BackfillState))
    state_reason: Mapped[str | None] = mapped_column(Text)
    cron: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    start: Mapped[datetime]
    end: Mapped[datetime]
    order: Mapped[Order] = mapped_column(enum_column(Order))
    parallel: Mapped[int]
    only: Mapped[Only] = mapped_column(enum_column(Only))
    parameters: Mapped[dict[str, Any]]
    stop_at_first_failure: Mapped[bool]
    deadline_s: Mapped[int | None]
    total: Mapped[int]
    requested_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class BackfillDateRow(Base):
    """One date; ``position`` is its place in the order of running."""

    __tablename__ = "backfill_dates"
    __table_args__ = (
        UniqueConstraint("backfill_id", "logical_date"),
        Index(
            "ix_backfill_dates_waiting",
            "backfill_id",
            "position",
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    backfill_id: Mapped[UUID] = mapped_column(ForeignKey("backfills.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    logical_date: Mapped[datetime]
    data_interval_start: Mapped[datetime]
    run_id: Mapped[UUID | None]
    end_state: Mapped[RunState | None]
