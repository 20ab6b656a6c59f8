"""Events: what live pages are made of. One append-only table is their only source."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from galley.domain.model import Instant, Model


class EventKind(StrEnum):
    """What moved."""

    VERSION_CHANGED = "version.changed"
    VERSION_PROGRESS = "version.progress"
    RUN_CHANGED = "run.changed"
    RUN_PROGRESS = "run.progress"
    LOG_GREW = "log.grew"
    RESOURCES_GREW = "resources.grew"
    PIPELINE_CHANGED = "pipeline.changed"
    SCHEDULE_CHANGED = "schedule.changed"
    BACKFILL_CHANGED = "backfill.changed"
    TRIGGER_CHANGED = "trigger.changed"
    HOSTS_CHANGED = "hosts.changed"

    @property
    def progress(self) -> bool:
        """Whether it only says how something goes on: there may be many of them every second."""
        return self in _PROGRESS


_PROGRESS = frozenset(
    {
        EventKind.VERSION_PROGRESS,
        EventKind.RUN_PROGRESS,
        EventKind.LOG_GREW,
        EventKind.RESOURCES_GREW,
    }
)


class Event(Model):
    """One event; ``id`` grows and is what SSE resumes from.

    Attributes:
        subject: id of the run, version, pipeline, backfill or trigger; zero for what is of the
            whole tenant.
        data: small: the state, the cell count, the log's size; never log text.
    """

    id: int
    tenant: str
    kind: EventKind
    subject: UUID
    pipeline: str
    data: dict[str, Any]
    at: Instant


class AuditEntry(Model):
    """One line of the audit trail: who did what to which thing, when."""

    id: int
    tenant: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    at: Instant
