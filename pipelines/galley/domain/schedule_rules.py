"""What a schedule must keep to beyond the form of its fields, and its firings within its limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

from galley.domain import cron
from galley.domain.cron import Cron
from galley.domain.schedules import ScheduleRequest
from galley.errors import InvalidInput

_GAP_WINDOW = timedelta(days=400)
_GAP_FIRINGS = 2000
"""How far the shortest time between firings is looked for: over a year with its clock changes."""

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
            f"The end {request.end.isoformat()} is not after the start "
            f"{request.start.isoformat()}: choose a later end, or none.",
            field=f"{prefix}end",
        )
    if next(within(parsed, request.start, request.end, now), None) is None:
        _refuse_the_silent(request, prefix)
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


def shortest_gap(parsed: Cron, now: datetime) -> timedelta | None:
    """Return the shortest time between two firings of the coming year; None with fewer than two."""
    last = now.astimezone(UTC) + _GAP_WINDOW
    shortest: timedelta | None = None
    for before, at in pairwise(islice(parsed.after(now), _GAP_FIRINGS)):
        if shortest is None or at - before < shortest:
            shortest = at - before
        if shortest <= _MINUTE or at > last:
            break
    return shortest


def _refuse_the_silent(request: ScheduleRequest, prefix: str) -> None:
    if request.end is None:
        raise InvalidInput(
            f"The schedule {request.cron!r} never fires again.", field=f"{prefix}cron"
        )
    since = "from now on" if request.start is None else f"from {request.start.isoformat()} on"
    raise InvalidInput(
        f"The schedule {request.cron!r} never fires {since} until {request.end.isoformat()}: "
        "choose a later end, or none.",
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
