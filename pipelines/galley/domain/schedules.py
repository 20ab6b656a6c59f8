"""Schedules: cron with a time zone, and what happens to firings that were missed or overlap."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model, PlannedInstant
from galley.domain.parameters import CheckedSchema

DAY_S = 86400
MAX_DEADLINE_S = 366 * DAY_S

DeadlineS = Annotated[int, Field(ge=1, le=MAX_DEADLINE_S)]
"""From when a run is due, or asked for, until it must have ended, seconds.

One that has not started by then is skipped, one that is running is timed out.
"""


class CatchUp(StrEnum):
    """What to do with firings missed while the platform was down."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What to do with a firing whose predecessor's run has not ended."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"
    CANCEL_PREVIOUS = "cancel_previous"


class ScheduleRequest(Model):
    """A schedule as it is asked for, reviewed with the version that carries it.

    Attributes:
        cron: five fields, as Debian's cron reads them, or a preset such as ``@daily``.
        timezone: IANA name.
        parameters: name → value, or text with templates such as ``{{ logical_date | date }}``.
    """

    cron: str = Field(min_length=1, max_length=200)
    timezone: str = "UTC"
    start: PlannedInstant | None = Field(default=None, description="No firing before this instant.")
    end: PlannedInstant | None = Field(default=None, description="No firing after this instant.")
    jitter_s: int = Field(
        default=0,
        ge=0,
        le=DAY_S,
        description="Each firing is due up to so many seconds late, always the same for one "
        "firing; less than the shortest time between two firings.",
    )
    catch_up: CatchUp = CatchUp.LATEST
    catch_up_limit: int = Field(
        default=100,
        ge=1,
        le=1000,
        description="How many missed firings `all` runs at most: the latest ones, oldest first.",
    )
    overlap: Overlap = Overlap.ALLOW
    depends_on_past: bool = Field(
        default=False,
        description="A run waits until that of the firing before it has succeeded.",
    )
    priority: int = Field(
        default=0, ge=-100, le=100, description="Runs with more go first within the tenant."
    )
    deadline_s: DeadlineS | None = Field(
        default=None,
        description="Time from when a run is due until it must have ended, seconds: one that has "
        "not started by then is skipped, one that is running is timed out.",
    )
    max_active_runs: int | None = Field(
        default=None, ge=1, le=1000, description="Runs of the pipeline at the same time."
    )
    parameters: dict[str, Any] = Field(default_factory=dict)


class Schedule(ScheduleRequest):
    """The schedule that is in force.

    Attributes:
        id: its identity over all its wordings.
        next_firing: when the next run is due, its jitter included.
        since: from when on this wording holds.
    """

    id: UUID
    paused: bool
    paused_by: str | None = None
    next_firing: Instant | None
    since: Instant


class Firing(Model):
    """One coming firing.

    Attributes:
        at: the instant, UTC; it is the run's logical date.
        local: ISO 8601 with the offset of the schedule's zone at that instant.
        note: a word on daylight saving time where the clock changes before it; else None.
        due: when its run is recorded: later than ``at`` by its jitter; None where the schedule
            has no jitter, or is not saved yet.
        parameters: what the schedule's own parameters come to; None where it has none.
    """

    at: Instant
    local: str
    note: str | None = None
    due: Instant | None = None
    parameters: dict[str, Any] | None = None


class PreviewRequest(ScheduleRequest):
    """Ask for the next firings of a schedule that is not saved yet.

    Attributes:
        parameter_schema: of the pipeline, to check and type ``parameters``; without one they
            come out as text.
    """

    count: int = Field(default=5, ge=1, le=100)
    parameter_schema: CheckedSchema | None = None


class SchedulePreview(Model):
    """What a schedule means, in words and as its next firings.

    Attributes:
        clock_rule: what becomes of its firings where the zone's clock changes.
    """

    cron: str
    timezone: str
    description: str
    clock_rule: str
    firings: tuple[Firing, ...]


def jitter_of(series: UUID, firing: datetime, jitter_s: int) -> timedelta:
    """Return how long after ``firing`` it is due: 0 to ``jitter_s`` seconds, in milliseconds.

    Always the same for one firing of one series, so that a restart moves nothing. Not in whole
    seconds: thousands of schedules would come in a burst every second.
    """
    if not jitter_s:
        return timedelta()
    seed = series.bytes + int(firing.timestamp()).to_bytes(8, "big", signed=True)
    number = int.from_bytes(hashlib.sha256(seed).digest()[:8], "big")
    return timedelta(milliseconds=number % (jitter_s * 1000 + 1))
