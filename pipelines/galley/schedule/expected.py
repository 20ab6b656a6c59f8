"""What a schedule asked for, and why a firing of it has no run where it has none.

Glossary
    piece   a part of the window in which one wording held and every firing without a run has the
            same reason, [start, end)
    edge    an instant at which a reason changes: a pause begins, a version goes live, it is now
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from galley.domain.calendar import DateState, Window
from galley.domain.cron import Cron
from galley.domain.cron_counts import between
from galley.errors import InvalidInput
from galley.store import schedules
from galley.store.calendar import History
from galley.store.tables import ScheduleRow

_TICK = timedelta(microseconds=1)
"""Wordings and pauses hold for (since, until]: what fires at the very end still was theirs."""


class Piece(NamedTuple):
    """A part of the window; ``state`` and ``reason`` are those of firings without a run."""

    start: datetime
    end: datetime
    row: ScheduleRow
    cron: Cron
    state: DateState
    reason: str | None


class _Pause(NamedTuple):
    """A pause as a wording sees it: its firings in (since, until] were not asked for."""

    since: datetime
    until: datetime | None
    by: str


def pieces(held: History, view: Window, now: datetime) -> list[Piece]:
    """Return the parts of the window in which firings were or are asked for, in order."""
    found: list[Piece] = []
    for row in held.wordings:
        try:
            cron = schedules.cron_of(row)
        except InvalidInput:
            continue  # the system's time zone data lost the zone: nothing can be said of it
        until = row.until
        if until is not None and not any(one.since == until for one in held.wordings):
            until = _last_due(row, cron, until)  # removed, and what was not due yet with it
        start = max(view.start, row.since + _TICK, row.starts_at or view.start)
        ends = (one + _TICK for one in (until, row.ends_at) if one is not None)
        end = min([view.end, *ends])
        if start >= end:
            continue
        rests = [_Pause(_last_due(row, cron, one.since), one.until, one.by) for one in held.pauses]
        unrecorded = _unrecorded(held, row)
        for begin, until in pairwise(
            sorted({start, end, *_edges(held, rests, unrecorded, start, end, now)})
        ):
            state, reason = _without_a_run(held, rests, unrecorded, begin, now)
            found.append(Piece(begin, until, row, cron, state, reason))
    return found


def _last_due(row: ScheduleRow, cron: Cron, at: datetime) -> datetime:
    """Return ``at``, or an instant just before the firing whose jitter was not over by then.

    A jitter is shorter than any time between two firings: there is one such firing at most.
    """
    if not row.jitter_s:
        return at
    earliest = at - timedelta(seconds=row.jitter_s) + _TICK
    for firing in between(cron, earliest, at + _TICK):
        if schedules.due_at(row, firing) > at:
            return firing - _TICK
    return at


def _edges(
    held: History,
    rests: Sequence[_Pause],
    unrecorded: datetime | None,
    start: datetime,
    end: datetime,
    now: datetime,
) -> list[datetime]:
    edges = [now + _TICK]
    if unrecorded is not None:
        edges.append(unrecorded)
    if held.removed_until is not None:
        edges.append(held.removed_until + _TICK)
    for pause in rests:
        edges.append(pause.since + _TICK)
        if pause.until is not None:
            edges.append(pause.until + _TICK)
    for live in held.live:
        edges.append(live.since)
        if live.until is not None:
            edges.append(live.until)
    return [edge for edge in edges if start < edge < end]


def _without_a_run(
    held: History,
    rests: Sequence[_Pause],
    unrecorded: datetime | None,
    at: datetime,
    now: datetime,
) -> tuple[DateState, str | None]:
    """Return what a firing at ``at`` is that has no run, and why."""
    for pause in rests:
        if pause.since < at and (pause.until is None or at <= pause.until):
            return DateState.PAUSED, f"paused by {pause.by}"
    live = any(one.since <= at and (one.until is None or at < one.until) for one in held.live)
    if at > now:
        return DateState.UPCOMING, None if live else "no version is live: nothing will run"
    if held.removed_until is not None and at <= held.removed_until:
        return DateState.REMOVED, "runs of this time are not kept any more"
    if not live:
        return DateState.MISSED, "no version was live"
    if unrecorded is not None and at >= unrecorded:
        return DateState.UPCOMING, "due now: its run is about to be recorded"
    return DateState.MISSED, "missed while the platform was down"


def _unrecorded(held: History, row: ScheduleRow) -> datetime | None:
    """Return an instant from which on no firing of a wording has been recorded yet, or None."""
    while (successor := _successor(held, row)) is not None:
        row = successor
    return schedules.unrecorded_from(row)


def _successor(held: History, row: ScheduleRow) -> ScheduleRow | None:
    """Return the next wording if it has the same times: it records what this one has left."""
    return next(
        (
            one
            for one in held.wordings
            if one.since == row.until and schedules.same_times(one, row) and one is not row
        ),
        None,
    )
