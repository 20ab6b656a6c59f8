"""Runs that are to be recorded many at a time: the columns, without what the ORM adds to a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.schedules import Overlap


@dataclass
class NewRun:
    """A row of ``runs`` that is not written yet; the fields are its columns."""

    id: UUID
    tenant: str
    pipeline_id: UUID
    version_id: UUID
    kind: RunKind
    trigger: TriggerKind
    trigger_id: UUID
    scheduled_at: datetime
    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    priority: int
    deadline: datetime | None
    overlap: Overlap
    depends_on_past: bool
    not_before: datetime
    created_at: datetime
    requested_by: str | None = None
    state: RunState = RunState.QUEUED
    state_reason: str | None = None
    cancel_requested: bool = False
    incremental: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    attempt_count: int = 0
    ended_at: datetime | None = None
