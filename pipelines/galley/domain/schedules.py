"""Schedules: cron with a time zone, and what happens to firings that were missed."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model


class CatchUp(StrEnum):
    """What to do with firings missed while the platform was down."""

    SKIP = "skip"
    LATEST = "latest"


class ScheduleRequest(Model):
    """A schedule as it is asked for, reviewed with the version that carries it.

    Attributes:
        cron: five fields, as Debian's cron reads them, or a preset such as ``@daily``.
        timezone: IANA name.
    """

    cron: str = Field(min_length=1, max_length=200)
    timezone: str = "UTC"
    catch_up: CatchUp = CatchUp.LATEST


class Schedule(Model):
    """The schedule that is in force."""

    id: UUID
    cron: str
    timezone: str
    catch_up: CatchUp
    paused: bool
    paused_by: str | None = None
    next_firing: Instant | None
    since: Instant


class Firing(Model):
    """One coming firing.

    Attributes:
        at: the instant, UTC.
        local: ISO 8601 with the offset of the schedule's zone at that instant.
        note: a word on daylight saving time where the clock changes before it; else None.
    """

    at: Instant
    local: str
    note: str | None = None


class PreviewRequest(Model):
    """Ask for the next firings of a schedule that is not saved yet."""

    cron: str
    timezone: str = "UTC"
    count: int = Field(default=5, ge=1, le=100)


class SchedulePreview(Model):
    """What a schedule means, in words and as its next firings."""

    cron: str
    timezone: str
    description: str
    firings: tuple[Firing, ...]
