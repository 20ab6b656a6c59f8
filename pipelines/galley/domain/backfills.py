"""Backfills: runs of a pipeline for a range of logical dates that have passed.

Glossary
    backfill   one order: from when to when, in which order, how many at a time; each date once
    plan       the dry run: which dates there are, what became of them, how long it would take
    standing   what the earlier runs of a date came to
``running ⇄ paused``, and the ends: ``done``, ``failed``, ``cancelled``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model, Number, PlannedInstant
from galley.domain.runs import RunState
from galley.domain.schedules import DeadlineS

MAX_DATES = 10_000
"""Dates of one backfill at most."""

MAX_PARALLEL = 100
"""Runs of one backfill at the same time at most; the tenant's limits hold besides."""


class BackfillState(StrEnum):
    """Where a backfill stands; ``failed``: it is over and a date of it did not succeed."""

    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will be started."""
        return self not in {BackfillState.RUNNING, BackfillState.PAUSED}


BACKFILL_TRANSITIONS: dict[BackfillState, frozenset[BackfillState]] = {
    BackfillState.RUNNING: frozenset(
        {
            BackfillState.PAUSED,
            BackfillState.DONE,
            BackfillState.FAILED,
            BackfillState.CANCELLED,
        }
    ),
    BackfillState.PAUSED: frozenset({BackfillState.RUNNING, BackfillState.CANCELLED}),
    BackfillState.DONE: frozenset(),
    BackfillState.FAILED: frozenset(),
    BackfillState.CANCELLED: frozenset(),
}


class Order(StrEnum):
    """Which dates come first."""

    OLDEST = "oldest"
    NEWEST = "newest"


class Only(StrEnum):
    """Which dates are run: those without a success, those that failed, or every one again."""

    MISSING = "missing"
    FAILED = "failed"
    ALL = "all"


class Standing(StrEnum):
    """What the runs of a date came to so far.

    ``open``: one is queued or under way, or the schedule is about to record it. ``removed``: its
    runs are not kept any more, so that nobody knows. ``paused``: the schedule rested, and nobody
    wanted it.
    """

    NONE = "none"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    OPEN = "open"
    REMOVED = "removed"
    PAUSED = "paused"

    def wanted(self, only: Only) -> bool:
        """Whether a backfill of ``only`` runs such a date; what is under way is never doubled."""
        if self is Standing.OPEN:
            return False
        if only is Only.MISSING:
            return self in {Standing.NONE, Standing.FAILED}
        return only is Only.ALL or self is Standing.FAILED


class BackfillRequest(Model):
    """A backfill as it is asked for, or planned.

    Attributes:
        start, end: the first and the last logical date that may be run, both included.
        cron: default: the schedule in force.
        timezone: of ``cron``; default: the schedule's, or UTC.
        version: number of an approved version; default: the live one.
        parameters: over those of the schedule, where the dates are the schedule's; templates of
            the logical date are filled in for each run, as there.
        stop_at_first_failure: start no more dates once one has failed.
    """

    start: PlannedInstant
    end: PlannedInstant
    cron: str | None = None
    timezone: str | None = None
    version: Number | None = None
    order: Order = Order.OLDEST
    parallel: int = Field(default=1, ge=1, le=MAX_PARALLEL)
    only: Only = Only.MISSING
    parameters: dict[str, Any] = Field(default_factory=dict)
    stop_at_first_failure: bool = False
    deadline_s: DeadlineS | None = Field(
        default=None,
        description="Time from when the run of a date is queued until it must have ended, "
        "seconds: one that has not started by then is skipped, one that is running is timed out.",
    )


class PlannedDate(Model):
    """One date of a plan; ``local`` is ISO 8601 in the zone of the schedule."""

    logical_date: Instant
    local: str
    standing: Standing
    run: UUID | None = Field(default=None, description="The run that the standing is from.")
    wanted: bool


class BackfillPlan(Model):
    """What a backfill would do.

    Attributes:
        dates: the first ones, in the order in which they would be run; ``total`` counts all.
        wanted: how many would be run.
        succeeded, failed, open, removed, paused: how many dates stand so.
        median_s: of the latest successful runs, seconds; None: there is none to judge from.
        duration_s: how long it would take with nothing else to do, seconds.
        parallel: runs at the same time, as the tenant's limits allow.
    """

    pipeline: str
    version: int
    cron: str
    timezone: str
    dates: tuple[PlannedDate, ...]
    total: int
    wanted: int
    succeeded: int
    failed: int
    open: int
    removed: int = 0
    paused: int = 0
    parallel: int
    median_s: float | None = None
    duration_s: float | None = None


class Backfill(Model):
    """A backfill as people see it.

    Attributes:
        total: dates that it runs; each is waiting, open, succeeded, or failed (or cancelled).
    """

    id: UUID
    tenant: str
    pipeline: str
    version: int
    state: BackfillState
    state_reason: str | None
    cron: str
    timezone: str
    start: Instant
    end: Instant
    order: Order
    parallel: int
    only: Only
    parameters: dict[str, Any]
    stop_at_first_failure: bool
    deadline_s: int | None = None
    total: int
    waiting: int
    open: int
    succeeded: int
    failed: int
    requested_by: str
    created_at: Instant
    ended_at: Instant | None


class BackfillDate(Model):
    """One date of a backfill; without a run it waits, or never came to be run."""

    logical_date: Instant
    run: UUID | None
    state: RunState | None
