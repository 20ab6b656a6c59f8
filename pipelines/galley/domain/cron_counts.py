"""How often a schedule fires in a time, without going through each firing.

A day on which the clock does not change has either no firing or one for each hour and minute that
the expression names; only days with a change are gone through one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import takewhile

from cronsim import CronSim

from galley.domain.clock_changes import next_boundary
from galley.domain.cron import Cron

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)


def between(cron: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the firings in [start, end), in order."""
    for at in cron.after(start - _TICK):
        if at >= end:
            return
        yield at


def fires_at(cron: Cron, instant: datetime) -> bool:
    """Return whether ``instant`` is a firing."""
    local = instant.astimezone(cron.zone)
    if local.second or local.microsecond:
        return False
    return next(between(cron, instant, instant + _TICK), None) is not None


def most_in_a_day(cron: Cron) -> int:
    """Return how often it fires on a day on which it fires at all."""
    return len(minutes_of(cron))


def count(cron: Cron, start: datetime, end: datetime) -> int:
    """Return the number of firings in [start, end)."""
    minutes, total = minutes_of(cron), 0
    day = datetime.combine(start.astimezone(cron.zone).date(), datetime.min.time())
    while start < end:
        following = (day + _DAY).replace(tzinfo=cron.zone).astimezone(UTC)
        until = min(end, following)
        begin = day.replace(tzinfo=cron.zone).astimezone(UTC)
        # The hour before midnight too: a time that was jumped over there fires right after it.
        if following - begin != _DAY or next_boundary(cron.zone, begin - timedelta(hours=3)) < (
            following + timedelta(hours=3)
        ):
            total += sum(1 for _ in between(cron, start, until))
        elif _fires_on(cron, day):
            total += _at_least(minutes, begin, until) - _at_least(minutes, begin, start)
        start, day = max(start, until), day + _DAY
    return total


def minutes_of(cron: Cron) -> tuple[int, ...]:
    """Return the minutes of a day at which it fires, sorted."""
    return _minutes_of(cron.expression)


@lru_cache(maxsize=256)
def _minutes_of(expression: str) -> tuple[int, ...]:
    read = CronSim(expression, datetime(2000, 1, 1, tzinfo=UTC))
    return tuple(sorted(60 * hour + minute for hour in read.hours for minute in read.minutes))


def days(cron: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the midnights (without a zone) of the days in (start, end) on which it fires."""
    expression = " ".join(["0", "0", *cron.expression.split()[2:]])
    found = CronSim(expression, start.replace(tzinfo=None))
    return takewhile(lambda day: day < end.replace(tzinfo=None), found)


def _fires_on(cron: Cron, day: datetime) -> bool:
    """Whether the expression fires on a day of a clock that never changes."""
    first = next(CronSim(cron.expression, day - timedelta(seconds=1)), None)
    return first is not None and first < day + _DAY


def _at_least(minutes: Sequence[int], begin: datetime, instant: datetime) -> int:
    """Return how many of the minutes since ``begin`` lie before ``instant``."""
    return bisect_left(minutes, (instant - begin).total_seconds() / 60)
