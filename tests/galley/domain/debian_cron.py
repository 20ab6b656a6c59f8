"""Debian's cron, simulated minute by minute: what the firings of a schedule should be.

It follows crontab(5) and the section on changes of the clock of cron(8), and shares no code with
what it judges: neither the reading of expressions nor that of clock changes.

    virtual time   the local minute up to which jobs have been looked for
    wildcard job   one whose minute or hour begins with ``*``; all others are fixed-time jobs
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = 1440
"""Minutes."""

CORRECTION = 180
"""Minutes; a clock that moves by more was set right, and cron goes on at the new time."""

WARM_UP = 12 * 60
"""Minutes that cron has been running before the first firing that counts."""

_EPOCH = date(1970, 1, 1).toordinal()
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@dataclass(frozen=True)
class Job:
    """A line of a crontab: ``minute hour day-of-month month day-of-week``."""

    times: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    wildcard: bool

    def matches(self, local: int) -> bool:
        """Whether it runs at the local minute ``local``, counted from 1970."""
        return local % DAY in self.times and self._on(local // DAY)

    def _on(self, day: int) -> bool:
        at = date.fromordinal(_EPOCH + day)
        if at.month not in self.months:
            return False
        by_month, by_week = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        return by_month or by_week if self.either_day else by_month and by_week


def job(expression: str) -> Job:
    """Read five fields: numbers, names, ``*``, lists, ranges and steps."""
    minute, hour, day, month, weekday = expression.lower().split()
    minutes, hours = _field(minute, 0, 59), _field(hour, 0, 23)
    return Job(
        times=frozenset(60 * one + other for one in hours for other in minutes),
        days=_field(day, 1, 31),
        months=_field(month, 1, 12, _MONTHS, 1),
        weekdays=frozenset(one % 7 for one in _field(weekday, 0, 7, _DAYS)),
        either_day=not day.startswith("*") and not weekday.startswith("*"),
        wildcard=minute.startswith("*") or hour.startswith("*"),
    )


def _field(
    text: str, low: int, high: int, names: list[str] | None = None, first: int = 0
) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        ends = [
            names.index(end) + first if names and end in names else int(end)
            for end in ([] if span == "*" else span.split("-"))
        ]
        if not ends:
            ends = [low, high]
        elif len(ends) == 1:
            ends = [ends[0], high if step else ends[0]]
        found.update(range(ends[0], ends[1] + 1, int(step or 1)))
    return frozenset(found)


@lru_cache(maxsize=256)
def clock(zone: str, first: int, last: int) -> tuple[int, ...]:
    """Return the local minute at each of the minutes ``first`` to ``last`` (UTC, from 1970)."""
    where = ZoneInfo(zone)
    local = []
    for minute in range(first, last + 1):
        offset = datetime.fromtimestamp(minute * 60, where).utcoffset() or timedelta()
        local.append(minute + offset // MINUTE)
    return tuple(local)


def firings(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the minutes in (after, until] at which cron runs the job, UTC."""
    first = int(after.timestamp()) // 60
    last = int(until.timestamp()) // 60
    local = clock(zone, first - WARM_UP, last)
    found = [
        minute
        for minute, ran in enumerate(_walk(job(expression), local), start=first - WARM_UP + 1)
        if ran and minute > first
    ]
    return [datetime.fromtimestamp(minute * 60, UTC) for minute in found]


def _walk(line: Job, local: tuple[int, ...]) -> Iterator[bool]:
    """Yield for each minute after the first whether the job runs then, at least once."""
    virtual = local[0]
    for running in local[1:]:
        moved = running - virtual
        if moved == 1 or moved > CORRECTION or moved <= -CORRECTION:
            virtual = running
            yield line.matches(running)
        elif moved > 0:
            missed = any(line.matches(one) for one in range(virtual + 1, running + 1))
            virtual = running
            yield line.matches(running) if line.wildcard else missed
        else:
            yield line.wildcard and line.matches(running)
