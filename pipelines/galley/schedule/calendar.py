"""The calendar of truth: the firings that were asked for, laid beside the runs that there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from galley.domain import cron, timezones
from galley.domain.calendar import (
    HOLES,
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
from galley.domain.cron import Cron
from galley.domain.cron_counts import between, count, fires_at, most_in_a_day
from galley.domain.days import Moment
from galley.domain.runs import RunState
from galley.errors import InvalidInput
from galley.schedule.expected import Piece, pieces
from galley.store import calendar as history
from galley.store import cursors, pipelines, schedules
from galley.store.calendar import History, Ran, Stretch
from galley.store.tables import PipelineRow

LISTED_ALONE = 24
"""Firings a day up to which a pipeline's own calendar lists them."""

LISTED_TOGETHER = 4
"""Firings a day up to which the calendar of a tenant lists them; others are counted."""

LISTED_OF_A_DAY = 1500
"""Runs up to which a pipeline's own calendar of one day lists them: one a minute, and some."""

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
    zone = timezones.zone(timezone) if timezone else _own_zone(session, one)
    view = window(start, end, zone, now)
    limit = cursors.clamp(limit)
    rows = [one] if one else history.page(session, tenant, view, cursor, limit)
    days, more, taken = _Days(view), len(rows) > limit, None
    for dates in _dates(session, history.histories(session, rows[:limit], view), view, now, one):
        if taken is not None and days.listed > MOST_ENTRIES:
            more = True
            break
        taken = dates.held.pipeline.slug
        days.take(dates)
    return Calendar(
        start=view.start,
        end=view.end,
        timezone=view.zone.key,
        days=days.all(),
        clock_changes=_changes(view, days.zones),
        next_cursor=cursors.encode(taken) if more else None,
    )


def _own_zone(session: Session, pipeline: PipelineRow | None) -> ZoneInfo:
    """Return the zone of the pipeline's schedule; UTC without one that the system knows."""
    row = None if pipeline is None else schedules.in_force(session, pipeline.id)
    try:
        return timezones.zone("UTC" if row is None else row.timezone)
    except InvalidInput:
        return timezones.zone("UTC")


@dataclass
class _Tally:
    """What is counted of one pipeline on one day."""

    counts: dict[DateState, int] = field(default_factory=lambda: defaultdict(int))
    holes: int = 0


class _Dates(NamedTuple):
    """The dates of one pipeline: its runs one by one, or what each bucket of its time counts."""

    held: History
    pieces: list[Piece]
    ran: list[Ran]
    counted: list[tuple[date, _Tally]] | None


def _dates(
    session: Session,
    histories: Sequence[History],
    view: Window,
    now: datetime,
    one: PipelineRow | None,
) -> list[_Dates]:
    """Return the dates of each pipeline, with a fixed number of queries."""
    alone = view.one_day and one is not None
    most = LISTED_TOGETHER if one is None else LISTED_ALONE
    limit = LISTED_OF_A_DAY if alone else most * len(view.days())
    found = {held.pipeline.id: pieces(held, view, now) for held in histories}
    seldom = [
        held.pipeline.id
        for held in histories
        if alone or all(most_in_a_day(one.cron) <= most for one in found[held.pipeline.id])
    ]
    numbers = history.numbers(session, seldom, view)
    listed = {one for one in seldom if numbers.get(one, 0) <= limit}
    ran = history.ran(session, list(listed), view)
    many = [held for held in histories if held.pipeline.id not in listed]
    counted = _count(session, [(held, found[held.pipeline.id]) for held in many], view)
    return [
        _Dates(held, found[pipeline], ran.get(pipeline, []), counted.get(pipeline))
        for held in histories
        for pipeline in [held.pipeline.id]
    ]


def _count(
    session: Session, found: Sequence[tuple[History, Sequence[Piece]]], view: Window
) -> dict[UUID, list[tuple[date, _Tally]]]:
    """Return for each pipeline how many dates stand how, by piece and day."""
    days = view.days()
    in_force = {held.pipeline.id: _in_force(held) for held, _ in found}
    parts = [
        (piece, Stretch(one, start, end, piece is not None or in_force[one] is not None))
        for held, its in found
        for one in [held.pipeline.id]
        for start, end, piece in _parts(its, view.start, view.end)
    ]
    tallies: dict[tuple[int, int], _Tally] = defaultdict(_Tally)
    covered: dict[tuple[int, int], int] = defaultdict(int)
    stretches, bounds = [one for _, one in parts], [(start, end) for _, start, end in days]
    for one in history.counted(session, stretches, bounds):
        tally, (piece, stretch) = tallies[one.stretch, one.day], parts[one.stretch]
        tally.counts[one.state] += one.number
        if one.scheduled or (piece and one.date and fires_at(piece.cron, one.date)):
            covered[one.stretch, one.day] += one.number
        now = in_force[stretch.pipeline_id]
        same = one.scheduled and piece is not None and piece.cron == now
        if one.state in HOLES and (same or (now and one.date and fires_at(now, one.date))):
            tally.holes += one.number
    result: dict[UUID, list[tuple[date, _Tally]]] = {held.pipeline.id: [] for held, _ in found}
    for place, (piece, stretch) in enumerate(parts):
        for number, (day, start, end) in enumerate(days):
            begin, until = max(start, stretch.start), min(end, stretch.end)
            if begin >= until:
                continue
            tally = tallies[place, number]
            if piece is not None:
                without = max(count(piece.cron, begin, until) - covered[place, number], 0)
                tally.counts[piece.state] += without
                if piece.cron == in_force[stretch.pipeline_id] and piece.state in HOLES:
                    tally.holes += without
            result[stretch.pipeline_id].append((day, tally))
    return result


def _parts(
    found: Sequence[Piece], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, Piece | None]]:
    """Yield the parts of [start, end) that lie in one piece, or in none."""
    for piece in found:
        if piece.end <= start or piece.start >= end:
            continue
        if piece.start > start:
            yield start, piece.start, None
        start, until = max(start, piece.start), min(end, piece.end)
        yield start, until, piece
        start = until
    if start < end:
        yield start, end, None


@dataclass
class _Days:
    """What was found so far, by day."""

    view: Window
    listed: int = 0
    zones: set[str] = field(default_factory=set)
    _entries: dict[date, list[CalendarEntry]] = field(default_factory=lambda: defaultdict(list))
    _groups: dict[date, list[CalendarGroup]] = field(default_factory=lambda: defaultdict(list))

    def take(self, dates: _Dates) -> None:
        """Add the dates of one pipeline: one by one, or counted where there are many in a day."""
        self.zones.update(piece.cron.zone.key for piece in dates.pieces)
        if dates.counted is None:
            self._list(dates.held, dates.pieces, dates.ran)
        else:
            self._group(dates.held.pipeline, dates.counted)

    def _list(self, held: History, found: list[Piece], ran: list[Ran]) -> None:
        dates: dict[datetime, list[Ran]] = defaultdict(list)
        for run in ran:
            dates[run.logical_date].append(run)
        in_force = _in_force(held)
        for piece in found:
            changes = changes_between(piece.cron.zone, self.view.start, self.view.end)
            firings = list(between(piece.cron, piece.start, piece.end))
            for before, at in pairwise([*firings[:1], *firings]):
                note = cron.note(piece.cron, before, at) if changes else None
                self._add(_entry(held, piece, at, dates.pop(at, []), note, in_force))
        for at, runs in dates.items():
            self._add(_entry(held, None, at, runs, None, in_force))

    def _add(self, entry: CalendarEntry) -> None:
        self.listed += 1
        self._entries[self.view.day_of(entry.logical_date)].append(entry)

    def _group(self, pipeline: PipelineRow, counted: Iterable[tuple[date, _Tally]]) -> None:
        days: dict[date, list[_Tally]] = defaultdict(list)
        for day, tally in counted:
            days[day].append(tally)
        for day, parts in days.items():
            if counts := _sum(part.counts for part in parts):
                self._groups[day].append(
                    CalendarGroup(
                        pipeline=pipeline.slug,
                        pipeline_name=pipeline.name,
                        counts=counts,
                        holes=sum(part.holes for part in parts),
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


def _in_force(held: History) -> Cron | None:
    """Return the schedule whose dates a backfill would run now; None where it could run none."""
    row = next((one for one in held.wordings if one.until is None), None)
    if row is None or all(one.until is not None for one in held.live):
        return None
    try:
        return schedules.cron_of(row)
    except InvalidInput:
        return None


def _entry(
    held: History,
    piece: Piece | None,
    at: datetime,
    runs: list[Ran],
    note: str | None,
    in_force: Cron | None,
) -> CalendarEntry:
    """Return a date with the run that counts, or as the firing without a run that it is."""
    fillable = in_force is not None and (
        (piece is not None and piece.cron == in_force) or fires_at(in_force, at)
    )
    names = {"pipeline": held.pipeline.slug, "pipeline_name": held.pipeline.name}
    if not runs:
        assert piece is not None
        return CalendarEntry(
            at=schedules.due_at(piece.row, at),
            logical_date=at,
            state=piece.state,
            reason=piece.reason,
            note=note,
            fillable=fillable,
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
        fillable=fillable,
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
