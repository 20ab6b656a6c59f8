"""When a cron expression fires, by Debian's rules (cronsim), in an IANA time zone.

Debian's rule where the clock changes: an expression with a fixed hour and minute fires once for
each matching local time. If that time is jumped over, it fires right after the jump; if it comes
twice, it fires the first time. An expression with ``*`` in hour or minute follows real time; so do
all where the clock changes by more than three hours, as where the date line moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import NamedTuple
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from cronsim.cronsim import SYMBOLIC_DAYS, SYMBOLIC_MONTHS

from galley.domain import timezones
from galley.domain.clock_changes import next_boundary
from galley.domain.model import LATEST
from galley.domain.schedules import Firing
from galley.errors import InvalidInput

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}

MAX_LENGTH = 200

_NEVER_CHANGES = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu", "UCT", "Universal"})

_FIELDS = {
    "minute": "0-59",
    "hour": "0-23",
    "day-of-month": "1-31 or L (the last day)",
    "month": "1-12 or JAN-DEC",
    "day-of-week": "0-7 (0 and 7 are Sunday), SUN-SAT, 5#2 (the second Friday) or 5L (the last)",
}
_SYNTAX = "Also allowed: '*', lists '1,2', ranges '1-5', steps '*/15'."
_SPAN = re.compile(r"(?<![\w/-])(\w+)-(\w+)/\d+")
_NUMBERS = {
    name: str(number)
    for names, first in ((SYMBOLIC_MONTHS, 1), (SYMBOLIC_DAYS, 0))
    for number, name in enumerate(names, first)
} | {"SUN": ""}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CORRECTION = timedelta(hours=3)
"""A longer change of the clock is no summer time to Debian's cron: it goes on at the new time."""

_FAR = timedelta(days=8)
"""So long before a local time, no clock shows it yet: two zones are never more than a day apart."""

_LONGEST_GAP = timedelta(days=366 * 9)
"""29 February may be eight years away; nothing that fires at all is rarer but odd weekdays."""


class Cron(NamedTuple):
    """A checked expression (five fields) in a zone."""

    expression: str
    zone: ZoneInfo

    def after(self, instant: datetime) -> Iterator[datetime]:
        """Yield the firings later than ``instant`` and before 2200, in UTC, each once, in order."""
        instant = instant.astimezone(UTC)
        if instant >= LATEST:
            return iter(())
        found = CronSim(self.expression, instant)
        return takewhile(LATEST.__gt__, found if self.zone.key == "UTC" else self._walk(instant))

    @property
    def follows_real_time(self) -> bool:
        """Whether minute or hour begins with ``*``: then the clock's changes move nothing."""
        return any(part.startswith("*") for part in self.expression.split()[:2])

    def _walk(self, last: datetime) -> Iterator[datetime]:
        """Go from one change of the clock to the next: in between the offset stays the same.

        ``reached`` is the local time up to which firings are done, as Debian's cron keeps it: at a
        change it goes on where it stood, so that what is jumped over comes right after and what is
        repeated is left out; or it jumps with the clock. What fires once in decades is looked for
        once: changes long before the local time that comes next cannot matter to it.
        """
        start = self._before_a_late_change(last)
        offset = self._offset(start)
        reached = start + offset
        while start < LATEST:
            end = next_boundary(self.zone, start)
            for local in CronSim(self.expression, reached.replace(tzinfo=None)):
                at = max(local.replace(tzinfo=UTC) - offset, start)
                if at >= end:
                    break
                if at > last:
                    last = at
                    yield at
            else:
                return
            if at - end > _FAR:
                start = at - _FAR / 2
                offset = self._offset(start)
                reached = start + offset
                continue
            before, offset = offset, self._offset(end)
            jumps = self.follows_real_time or not -_CORRECTION <= offset - before < _CORRECTION
            start, reached = end, end + (offset if jumps else before) - timedelta(seconds=1)

    def _before_a_late_change(self, instant: datetime) -> datetime:
        """Return ``instant``, or an earlier one where the clock has changed just before it."""
        earlier = instant - _CORRECTION
        return earlier if next_boundary(self.zone, earlier) <= instant else instant

    def _offset(self, instant: datetime) -> timedelta:
        return instant.astimezone(self.zone).utcoffset() or timedelta()

    def next(self, instant: datetime) -> datetime | None:
        """Return the first firing later than ``instant``; None if it never fires again."""
        return _next(self, instant)

    def previous(self, instant: datetime) -> datetime | None:
        """Return the last firing earlier than ``instant``; None if there is none in years."""
        just_before = instant - timedelta(microseconds=1)
        found, _ = self.last_between(instant - _LONGEST_GAP, just_before, 1)
        return found[-1] if found else None

    def last_between(
        self, after: datetime, until: datetime, limit: int
    ) -> tuple[list[datetime], bool]:
        """Return the latest ``limit`` firings in (after, until], and whether there are more.

        The window grows backwards from ``until``, so that years of minutes cost little.
        """
        found, more = _last_between(self, after, until, limit)
        return list(found), more


@lru_cache(256)
def _next(cron: Cron, instant: datetime) -> datetime | None:
    """Many schedules have the same times, and are looked at in the same moment."""
    return next(cron.after(instant), None)


@lru_cache(256)
def _last_between(
    cron: Cron, after: datetime, until: datetime, limit: int
) -> tuple[tuple[datetime, ...], bool]:
    window = timedelta(hours=1)
    while True:
        start = max(after, until - window)
        found: list[datetime] = []
        for at in cron.after(start):
            if at > until:
                break
            found.append(at)
        if len(found) > limit or start <= after:
            return tuple(found[-limit:]), len(found) > limit
        window *= 2


def parse(expression: str, timezone: str, *, prefix: str = "") -> Cron:
    """Return ``expression`` checked.

    Args:
        prefix: put before ``cron`` and ``timezone`` in an error's ``field`` (``"schedule."``).

    Raises:
        InvalidInput: naming the field of the expression, its value and what is allowed.
    """
    zone = timezones.zone(timezone, field=f"{prefix}timezone")
    field = f"{prefix}cron"
    text = " ".join(expression[: MAX_LENGTH + 1].split())
    if len(text) > MAX_LENGTH:
        raise InvalidInput(
            f"The schedule has more than {MAX_LENGTH} characters: shorten it.", field=field
        )
    if text.startswith("@"):
        if text.lower() not in PRESETS:
            raise InvalidInput(
                f"{text!r} is not a preset: use {', '.join(PRESETS)}, or five cron fields.",
                field=field,
            )
        return Cron(PRESETS[text.lower()], zone)
    return Cron(_checked(text, field), zone)


@lru_cache(4096)
def _checked(text: str, field: str) -> str:
    """Return an expression of five fields as cronsim takes it; few are used by many schedules."""
    _check(text, field)
    return _SPAN.sub(_without_step, text)


def _without_step(match: re.Match[str]) -> str:
    """Return ``5`` for ``5-5/2``, which cronsim takes for ``5/2``: 5 to the end of the field."""
    first, last = (_NUMBERS.get(end.upper(), end.lstrip("0")) for end in match.groups())
    return match[1] if first == last else match[0]


def _check(text: str, field: str) -> None:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise InvalidInput(
            f"{text!r} has {len(parts)} field{'' if len(parts) == 1 else 's'}; a schedule has "
            f"five: {', '.join(_FIELDS)}. Example: '30 6 * * 1-5' is 06:30 on weekdays.",
            field=field,
        )
    for position, (name, allowed) in enumerate(_FIELDS.items()):
        alone = ["*"] * len(_FIELDS)
        alone[position] = parts[position]
        try:
            CronSim(" ".join(alone), _EPOCH)
        except CronSimError as error:
            raise InvalidInput(
                f"{parts[position]!r} is not a valid {name} in {text!r}: use {allowed}. {_SYNTAX}",
                field=field,
            ) from error
    if not _fires(text):
        raise InvalidInput(
            f"{text!r} never fires: there is no day {parts[2]!r} in month {parts[3]!r}. "
            "Choose a day that the month has, or L for its last day.",
            field=field,
        )


def _fires(text: str) -> bool:
    try:
        return next(CronSim(text, _EPOCH), None) is not None
    except CronSimError:
        return False


def describe(cron: Cron) -> str:
    """Return the schedule in words: ``At 06:30 on Monday through Friday``."""
    words: str = CronSim(cron.expression, _EPOCH).explain()
    return words


def clock_rule(cron: Cron) -> str:
    """Return what becomes of the firings where the clock of the zone changes."""
    zone = cron.zone.key
    if zone in _NEVER_CHANGES:
        return f"The clock of {zone} never changes."
    if cron.follows_real_time:
        return (
            f"Where the clock of {zone} changes, it follows real time: local times that are jumped "
            "over do not fire, those that come twice fire twice."
        )
    return (
        f"Where the clock of {zone} changes, each local time fires once: one that is jumped over "
        "fires right after the jump, one that comes twice fires the first time."
    )


def explained(cron: Cron, after: datetime, found: Iterable[datetime]) -> list[Firing]:
    """Return the firings at the instants ``found``, which follow ``after``, with their notes."""
    instants = [after.astimezone(UTC), *found]
    return [
        Firing(
            at=at,
            local=at.astimezone(cron.zone).isoformat(),
            note=note(cron, before, at),
        )
        for before, at in pairwise(instants)
    ]


def note(cron: Cron, before: datetime, at: datetime) -> str | None:
    """Return what a change of the clock does to the firing ``at``."""
    local = at.astimezone(cron.zone)
    nominal = CronSim(cron.expression, _EPOCH)
    fixed = not cron.follows_real_time
    if fixed and (local.hour not in nominal.hours or local.minute not in nominal.minutes):
        return (
            "The clock goes forward and jumps over the scheduled time: "
            f"it runs at {local:%H:%M} instead."
        )
    if fixed and local.replace(fold=1).utcoffset() != local.replace(fold=0).utcoffset():
        return f"The clock goes back and {local:%H:%M} comes twice: it runs once, the first time."
    shift = (local.utcoffset() or timedelta()) - (
        before.astimezone(cron.zone).utcoffset() or timedelta()
    )
    if not shift:
        return None
    way = "forward" if shift > timedelta() else "back"
    return f"The clock has gone {way} by {_words(abs(shift))} since the firing before."


def _words(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * bool(hours) + [f"{rest} min"] * bool(rest))
