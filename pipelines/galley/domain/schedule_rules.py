"""What a schedule must keep to beyond the form of its fields, and its firings within its limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from galley.domain import cron, cron_counts
from galley.domain.clock_changes import changes_between
from galley.domain.cron import Cron
from galley.domain.schedules import ScheduleRequest
from galley.domain.timezones import shown
from galley.errors import InvalidInput

_GAP_WINDOW = timedelta(days=400)
"""How far the shortest time between firings is looked for: over a year with its clock changes."""

_DAY = timedelta(days=1)

_MINUTE = timedelta(minutes=1)
"""No two firings are nearer."""


def check(request: ScheduleRequest, now: datetime, *, prefix: str = "") -> Cron:
    """Return the expression of ``request``, all of it checked but its parameters.

    Args:
        prefix: put before the name of a field in an error's ``field`` (``"schedule."``).

    Raises:
        InvalidInput: an expression or zone that is none, an end before the start, a schedule that
            never fires, a jitter that could reorder firings, a deadline within the jitter.
    """
    parsed = cron.parse(request.cron, request.timezone, prefix=prefix)
    if request.start is not None and request.end is not None and request.end <= request.start:
        raise InvalidInput(
            f"The end {shown(request.end, parsed.zone)} is not after the start "
            f"{shown(request.start, parsed.zone)}: choose a later end, or none.",
            field=f"{prefix}end",
        )
    if next(within(parsed, request.start, request.end, now), None) is None:
        _refuse_the_silent(request, parsed.zone, prefix)
    if request.jitter_s:
        _check_jitter(parsed, request, now, prefix)
    return parsed


def within(
    parsed: Cron, start: datetime | None, end: datetime | None, after: datetime
) -> Iterator[datetime]:
    """Yield the firings later than ``after`` that lie in [start, end], UTC."""
    if start is not None:
        after = max(after, start - timedelta(microseconds=1))
    for at in parsed.after(after):
        if end is not None and at > end:
            return
        yield at


def first(
    parsed: Cron, start: datetime | None, end: datetime | None, after: datetime
) -> datetime | None:
    """Return the first firing of :func:`within`; None where there is none."""
    if start is not None:
        after = max(after, start - timedelta(microseconds=1))
    at = parsed.next(after)
    return None if at is None or (end is not None and at > end) else at


def shortest_gap(parsed: Cron, now: datetime) -> timedelta | None:
    """Return the shortest time between two firings of the coming year; None with fewer than two.

    A time of more than two days may be shorter by what a clock changes in between.
    """
    gaps = list(_plain_gaps(parsed, now))
    if _MINUTE in gaps:
        return _MINUTE
    for change in changes_between(parsed.zone, now.astimezone(UTC), now + _GAP_WINDOW):
        near = cron_counts.between(parsed, change.at - _DAY, change.at + _DAY)
        gaps += (at - before for before, at in pairwise(near))
    return min(gaps, default=None)


def _plain_gaps(parsed: Cron, now: datetime) -> Iterator[timedelta]:
    """Yield the times between two firings, as if the clock never changed."""
    minutes = cron_counts.minutes_of(parsed)
    days = list(cron_counts.days(parsed, now - _DAY, now + _GAP_WINDOW))
    if days:
        yield from (_MINUTE * (at - before) for before, at in pairwise(minutes))
    for before, at in pairwise(days):
        yield at - before - _MINUTE * (minutes[-1] - minutes[0])


def _refuse_the_silent(request: ScheduleRequest, zone: ZoneInfo, prefix: str) -> None:
    if request.end is None:
        raise InvalidInput(
            f"The schedule {request.cron!r} never fires again.", field=f"{prefix}cron"
        )
    since = "from now on" if request.start is None else f"from {shown(request.start, zone)} on"
    raise InvalidInput(
        f"The schedule {request.cron!r} never fires {since} until "
        f"{shown(request.end, zone)}: choose a later end, or none.",
        field=f"{prefix}end",
    )


def _check_jitter(parsed: Cron, request: ScheduleRequest, now: datetime, prefix: str) -> None:
    gap = shortest_gap(parsed, now)
    if gap is not None and request.jitter_s >= gap.total_seconds():
        raise InvalidInput(
            f"A jitter of {request.jitter_s} s is too long: two firings of {request.cron!r} can be "
            f"{int(gap.total_seconds())} s apart. Allowed are 0 to "
            f"{int(gap.total_seconds()) - 1} s.",
            field=f"{prefix}jitter_s",
        )
    if request.deadline_s is not None and request.deadline_s <= request.jitter_s:
        raise InvalidInput(
            f"A deadline of {request.deadline_s} s is within the jitter of {request.jitter_s} s: "
            "choose a longer one.",
            field=f"{prefix}deadline_s",
        )
