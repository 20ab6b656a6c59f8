"""When the clock of a time zone changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

_STEP = timedelta(hours=6)
"""No zone changes its clock there and back within this time."""


def next_boundary(zone: ZoneInfo, instant: datetime) -> datetime:
    """Return an instant after ``instant`` up to which the zone's offset from UTC stays as it is.

    It is the next change of the clock, or the turn of the year (UTC), whichever comes first.
    """
    year = instant.astimezone(UTC).year
    for change in _changes(zone, year):
        if change > instant:
            return change
    return datetime(year + 1, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def _changes(zone: ZoneInfo, year: int) -> tuple[datetime, ...]:
    """Return the instants of a year (UTC) at which the zone's offset changes, to the second."""
    found: list[datetime] = []
    earlier, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    while earlier < end:
        later = earlier + _STEP
        if _offset(zone, earlier) != _offset(zone, later):
            found.append(_bisect(zone, earlier, later))
        earlier = later
    return tuple(found)


def _bisect(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if _offset(zone, middle) == _offset(zone, before):
            before = middle
        else:
            after = middle
    return after


def _offset(zone: ZoneInfo, instant: datetime) -> timedelta | None:
    return instant.astimezone(zone).utcoffset()


class Change(NamedTuple):
    """A change of a zone's clock: ``at`` is the first instant with the offset ``after``."""

    at: datetime
    before: timedelta
    after: timedelta


def changes_between(zone: ZoneInfo, start: datetime, end: datetime) -> list[Change]:
    """Return the changes of the clock in [start, end), in order."""
    found, instant = [], start - timedelta(seconds=1)
    while (instant := next_boundary(zone, instant)) < end:
        before, after = _offset(zone, instant - timedelta(seconds=1)), _offset(zone, instant)
        if before is not None and after is not None and before != after and instant >= start:
            found.append(Change(instant, before, after))
    return found
