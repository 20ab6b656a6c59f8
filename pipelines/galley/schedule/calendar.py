"""The calendar of truth: the firings that were asked for, laid beside the runs that there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise

from sqlalchemy.orm import Session

from galley.domain import cron, timezones
from galley.domain.calendar import (
    Calendar,
    CalendarDay,
    CalendarEntry,
    CalendarGroup,
    ClockChange,
    DateState,
    Window,
    state_of,
    window,
)
from galley.domain.clock_changes import changes_between
from galley.domain.cron_counts import between, count, most_in_a_day
from galley.domain.days import Moment
from galley.domain.runs import RunState
from galley.schedule.expected import Piece, pieces
from galley.store import calendar as history
from galley.store import cursors, pipelines, schedules
from galley.store.calendar import History, Ran

LISTED_ALONE = 24
"""Firings a day up to which a pipeline's own calendar lists them."""

LISTED_TOGETHER = 4
"""Firings a day up to which the calendar of a tenant lists them; others are counted."""

MOST_ENTRIES = 3000
"""Entries after which a page of a tenant's calendar takes no further pipeline."""

_OPEN = (RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING)


def calendar(
    session: Session,
    tenant: str,
    slug: str | None,
    *,
    start: Moment | None,
    end: Moment | None,
    timezone: str | None,
    now: datetime,
    cursor: str | None = None,
    limit: int = 50,
) -> Calendar:
    """Return the dates of a pipeline, or of a page of a tenant's pipelines.

    Args:
        slug: None: of all the tenant's pipelines, by name, ``limit`` of them after ``cursor``.
        start, end: instants, or days of ``timezone`` that are shown whole; default: two weeks back
            to two weeks ahead.
        timezone: the zone whose days are shown; default: the schedule's own, or UTC.

    Raises:
        NotFound: there is no such pipeline.
        InvalidInput: the zone is none; the window ends before it begins, or is too long.
    """
    one = None if slug is None else pipelines.require(session, tenant, slug)
    current = None if one is None else schedules.in_force(session, one.id)
    own = "UTC" if current is None else current.timezone
    view = window(start, end, timezones.zone(timezone or own), now)
    limit = cursors.clamp(limit)
    rows = [one] if one else history.page(session, tenant, view, cursor, limit)
    days, more, taken = _Days(view), len(rows) > limit, None
    for held in history.histories(session, rows[:limit], view):
        if taken is not None and days.listed > MOST_ENTRIES:
            more = True
            break
        taken = held.pipeline.slug
        days.take(session, held, now, together=one is None)
    return Calendar(
        start=view.start,
        end=view.end,
        timezone=view.zone.key,
        days=days.all(),
        clock_changes=_changes(view, days.zones),
        next_cursor=cursors.encode(taken) if more else None,
    )


@dataclass
class _Days:
    """What was found so far, by day."""

    view: Window
    listed: int = 0
    zones: set[str] = field(default_factory=set)
    _entries: dict[date, list[CalendarEntry]] = field(default_factory=lambda: defaultdict(list))
    _groups: dict[date, list[CalendarGroup]] = field(default_factory=lambda: defaultdict(list))

    def take(self, session: Session, held: History, now: datetime, *, together: bool) -> None:
        """Add the dates of one pipeline: one by one, or counted where there are many in a day."""
        self.zones.update(row.timezone for row in held.wordings)
        found, alone = pieces(held, self.view, now), self.view.one_day and not together
        most = LISTED_TOGETHER if together else LISTED_ALONE
        often = not alone and any(most_in_a_day(one.cron) > most for one in found)
        if not often:
            limit = 1500 if alone else most * len(self.view.days())
            ran = history.ran(session, held.pipeline.id, self.view.start, self.view.end, limit)
            often = len(ran) > limit
        if often:
            self._count(session, held, found)
        else:
            self._list(held, found, ran)

    def _list(self, held: History, found: list[Piece], ran: list[Ran]) -> None:
        dates: dict[datetime, list[Ran]] = defaultdict(list)
        for run in ran:
            dates[run.logical_date].append(run)
        for piece in found:
            changes = changes_between(piece.cron.zone, self.view.start, self.view.end)
            firings = list(between(piece.cron, piece.start, piece.end))
            for before, at in pairwise([*firings[:1], *firings]):
                note = cron.note(piece.cron, before, at) if changes else None
                self._add(_entry(held, piece, at, dates.pop(at, []), note))
        for at, runs in dates.items():
            self._add(_entry(held, None, at, runs, None))

    def _add(self, entry: CalendarEntry) -> None:
        self.listed += 1
        self._entries[self.view.day_of(entry.logical_date)].append(entry)

    def _count(self, session: Session, held: History, found: list[Piece]) -> None:
        pipeline = held.pipeline
        for day, start, end in self.view.days():
            counts = history.counted(session, pipeline.id, start, end)
            for piece in found:
                begin, until = max(start, piece.start), min(end, piece.end)
                if begin >= until:
                    continue
                ran = history.covered(session, pipeline.id, begin, until)
                if (without := count(piece.cron, begin, until) - ran) > 0:
                    counts[piece.state] = counts.get(piece.state, 0) + without
            if counts:
                self._groups[day].append(
                    CalendarGroup(
                        pipeline=pipeline.slug, pipeline_name=pipeline.name, counts=counts
                    )
                )

    def all(self) -> tuple[CalendarDay, ...]:
        """Return the days that have anything, in order."""
        return tuple(
            CalendarDay(
                day=day,
                counts=_sum(
                    [
                        *({one.state: 1} for one in self._entries.get(day, ())),
                        *(one.counts for one in self._groups.get(day, ())),
                    ]
                ),
                entries=tuple(
                    sorted(
                        self._entries.get(day, ()), key=lambda one: (one.logical_date, one.pipeline)
                    )
                ),
                groups=tuple(self._groups.get(day, ())),
            )
            for day in sorted({*self._entries, *self._groups})
        )


def _entry(
    held: History, piece: Piece | None, at: datetime, runs: list[Ran], note: str | None
) -> CalendarEntry:
    """Return a date with the run that counts, or as the firing without a run that it is."""
    names = {"pipeline": held.pipeline.slug, "pipeline_name": held.pipeline.name}
    if not runs:
        assert piece is not None
        return CalendarEntry(
            at=schedules.due_at(piece.row, at),
            logical_date=at,
            state=piece.state,
            reason=piece.reason,
            note=note,
            **names,
        )
    run = max(runs, key=lambda one: (one.state in _OPEN, one.state is RunState.SUCCEEDED, one.id))
    return CalendarEntry(
        at=run.started_at or run.scheduled_at,
        logical_date=at,
        state=state_of(run.state, run.reason),
        reason=run.reason,
        run=run.id,
        runs=len(runs),
        trigger=run.trigger,
        note=note,
        **names,
    )


def _sum(counts: Iterable[Mapping[DateState, int]]) -> dict[DateState, int]:
    total: dict[DateState, int] = defaultdict(int)
    for one in counts:
        for state, number in one.items():
            total[state] += number
    return {state: total[state] for state in DateState if total[state]}


def _changes(view: Window, zones: Iterable[str]) -> tuple[ClockChange, ...]:
    """Return the changes of the clock in the window, of every zone that is used."""
    found: list[ClockChange] = []
    for name in {view.zone.key, *zones}:
        zone = timezones.zone(name)
        found += [
            ClockChange(
                at=change.at,
                day=view.day_of(change.at),
                timezone=name,
                before=round(change.before.total_seconds() / 60),
                after=round(change.after.total_seconds() / 60),
            )
            for change in changes_between(zone, view.start, view.end)
        ]
    return tuple(sorted(found, key=lambda one: (one.at, one.timezone)))
