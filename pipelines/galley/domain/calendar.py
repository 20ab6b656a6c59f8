"""The calendar of truth: what ran, what did not and why, and what is to come, day by day.

Glossary
    entry   one date of a pipeline: a run, or a firing that has none
    group   the dates of a pipeline that has too many in a day to list them: only counted
    hole    a date without a result: missed, failed, timed out, skipped or cancelled
    window  the time that is looked at, [start, end), in days of one time zone
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field

from galley.domain import days
from galley.domain.model import Instant, Model
from galley.domain.runs import RunState, TriggerKind
from galley.errors import InvalidInput

MOST_DAYS = 100
"""Days that one calendar shows at most."""

MISSED_WORD = "missed"
"""How the reason of a skipped run begins when nothing was there to run it at its time."""


class DateState(StrEnum):
    """Where a date of a pipeline stands."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RUNNING = "running"
    QUEUED = "queued"
    SKIPPED = "skipped"
    MISSED = "missed"
    PAUSED = "paused"
    UPCOMING = "upcoming"
    REMOVED = "removed"


HOLES = frozenset(
    {
        DateState.MISSED,
        DateState.FAILED,
        DateState.TIMED_OUT,
        DateState.SKIPPED,
        DateState.CANCELLED,
    }
)
"""Where a date without a result stands that could get one."""


def state_of(state: RunState, reason: str | None) -> DateState:
    """Return where the date of a run stands; one that was skipped for coming late was missed."""
    if state is RunState.LAUNCHING:
        return DateState.RUNNING
    if state is RunState.SKIPPED and (reason or "").startswith(MISSED_WORD):
        return DateState.MISSED
    return DateState(state)


class CalendarEntry(Model):
    """One date of a pipeline.

    Attributes:
        at: when its run began, or else when it was or is due.
        run: None for a firing without a run.
        runs: how many runs the date has; shown is the one that counts.
        note: what a change of the clock does to this firing; else None.
        fillable: it is a date of the schedule that holds now: a backfill can run it.
    """

    at: Instant
    logical_date: Instant
    pipeline: str
    pipeline_name: str
    state: DateState
    reason: str | None = None
    run: UUID | None = None
    runs: int = 0
    trigger: TriggerKind | None = None
    note: str | None = None
    fillable: bool = False


class CalendarGroup(Model):
    """The dates of one pipeline on one day, counted; its own calendar of that day lists them.

    Attributes:
        holes: those without a result that a backfill can run, as the schedule holds now; firings
            of another wording of it, which are not looked at one by one, are left out.
    """

    pipeline: str
    pipeline_name: str
    counts: dict[DateState, int]
    holes: int = 0


class CalendarDay(Model):
    """One day of the calendar's time zone that has anything.

    Attributes:
        counts: of all its dates, those of groups included.
        entries: by time.
    """

    day: date
    counts: dict[DateState, int]
    entries: tuple[CalendarEntry, ...] = ()
    groups: tuple[CalendarGroup, ...] = ()


class ClockChange(Model):
    """A change of the clock in a zone that the calendar or one of its schedules uses.

    Attributes:
        at: the first instant with the new offset.
        day: the day on which it is, in the calendar's own zone.
        before, after: offsets from UTC, minutes.
    """

    at: Instant
    day: date
    timezone: str
    before: int = Field(description="Minutes.")
    after: int = Field(description="Minutes.")


class Calendar(Model):
    """The dates of a pipeline or of a page of a tenant's pipelines.

    Attributes:
        start, end: the window, [start, end).
        timezone: the zone whose days are shown.
        next_cursor: there are more pipelines; their dates belong to the same days.
    """

    start: Instant
    end: Instant
    timezone: str
    days: tuple[CalendarDay, ...]
    clock_changes: tuple[ClockChange, ...]
    next_cursor: str | None = None


class Window(NamedTuple):
    """The time that is looked at, [start, end), in days of ``zone``."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def one_day(self) -> bool:
        """Whether it is so short that everything in it can be listed."""
        return self.end - self.start <= timedelta(hours=25)

    def day_of(self, instant: datetime) -> date:
        """Return the day of ``instant``."""
        return instant.astimezone(self.zone).date()

    def days(self) -> list[tuple[date, datetime, datetime]]:
        """Return each day with the part of it that lies in the window, [start, end)."""
        found, day = [], self.day_of(self.start)
        while (begin := days.midnight(day, self.zone)) < self.end:
            following = day + timedelta(days=1)
            piece = max(begin, self.start), min(days.midnight(following, self.zone), self.end)
            if piece[0] < piece[1]:
                found.append((day, *piece))
            day = following
        return found


def window(
    start: days.Moment | None, end: days.Moment | None, zone: ZoneInfo, now: datetime
) -> Window:
    """Return the window from ``start`` to ``end``; default: two weeks back and two ahead.

    Args:
        start, end: an instant, or a day of ``zone``: then the whole day lies in the window; as
            :func:`galley.domain.days.parse` lets them through.

    Raises:
        InvalidInput: it ends before it begins, or is too long.
    """
    today = now.astimezone(zone).date()
    until = days.end(end, zone)
    if start is None:
        last = (until - timedelta(seconds=1)).astimezone(zone).date() if until else today
        start = last - timedelta(days=27 if until else 14)
    begin = days.begin(start, zone) or now
    if until is None:
        until = days.midnight(begin.astimezone(zone).date() + timedelta(days=28), zone)
    found = Window(begin.astimezone(UTC), until.astimezone(UTC), zone)
    longest = found.start + timedelta(days=MOST_DAYS, hours=1)
    if found.end <= found.start:
        raise InvalidInput(
            f"the calendar would end at {found.end.isoformat()}, not after it begins at "
            f"{found.start.isoformat()}: choose a later 'to'",
            field="to",
        )
    if found.end > longest:
        raise InvalidInput(
            f"from {found.start.isoformat()} to {found.end.isoformat()} is "
            f"{(found.end - found.start).days} days; one calendar shows at most {MOST_DAYS}: "
            "choose a 'to' nearer to 'from'",
            field="to",
        )
    return found
