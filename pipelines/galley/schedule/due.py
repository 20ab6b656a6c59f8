"""Recording the runs that are due: before anything is launched, and each firing once.

``next_firing`` of a schedule is the first firing without a recorded run. It moves on in the
transaction that records the run, and the run's unique key (trigger, series, firing) guards the
rest: a crash, a second process or a clock that jumps back cannot make a second run of a firing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.cron import Cron
from galley.domain.schedules import CatchUp
from galley.domain.tenants import Tenant, Tenants
from galley.errors import InvalidInput
from galley.schedule.record import record_runs
from galley.store import audit, deployments, schedules
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow, ScheduleRow

ON_TIME = timedelta(seconds=60)
"""A firing found less late than this counts as on time, so that a quick restart misses nothing."""

MISSED_SHOWN = 100
"""Missed firings recorded as skipped runs at most, the latest ones."""

BATCH = 60
"""Runs recorded in one transaction at most, and schedules handled; the rest stays due for the next
call. Heartbeats, claims and leases wait for a transaction of a loop, so none may be long; and each
run takes a savepoint, more than 64 of which make all of PostgreSQL's snapshots slower."""


def materialise_due(session: Session, tenants: Tenants, now: datetime) -> list[UUID]:
    """Record a run for every due firing; return the ids of those that wait to be launched."""
    due = session.scalars(
        select(ScheduleRow)
        .where(
            ScheduleRow.next_firing <= now,
            ScheduleRow.tenant.in_(tenants.tenants),
        )
        .order_by(ScheduleRow.next_firing)
        .limit(BATCH)
        # Where another process is at it, the rest is for this one (PostgreSQL).
        .with_for_update(skip_locked=True)
    ).all()
    queued: list[UUID] = []
    room = BATCH
    for row in due:
        try:
            cron = schedules.cron_of(row)
        except InvalidInput:
            # The system's time zone data lost the zone. Others must not wait for its return.
            _stop(session, row, now)
            continue
        owed = _owed(row, cron, now)
        if len(owed.firings) > room and room < BATCH:
            break  # Only what is too much for a transaction of its own is split over several.
        part = owed.firings[:room]
        queued.extend(_record(session, row, cron, tenants.tenants[row.tenant], owed, part, now))
        room -= len(part)
        if not room:
            break
    return queued


def next_due(session: Session, tenants: Tenants) -> datetime | None:
    """Return when :func:`materialise_due` has something to do; None: not before a change."""
    return schedules.next_firing(session, tenants.tenants)


def _stop(session: Session, row: ScheduleRow, now: datetime) -> None:
    if row.until is not None:
        row.next_firing = None
        return
    pipeline = session.get_one(PipelineRow, row.pipeline_id)
    schedules.pause(session, pipeline, row, audit.PLATFORM, now)


class _Owed(NamedTuple):
    """What a schedule owes.

    Attributes:
        firings: those to record, oldest first.
        wanted: those of them that are run; always the latest ones, so that what is left of a part
            is decided as the whole would be.
        behind: everything up to here is done once they are recorded.
    """

    firings: list[datetime]
    wanted: Sequence[datetime]
    why_missed: str
    behind: datetime


def _owed(row: ScheduleRow, cron: Cron, now: datetime) -> _Owed:
    firings, more, behind = _due(row, cron, now)
    wanted = _wanted(row, firings, now) if firings else []
    missed = firings[: len(firings) - len(wanted)]
    why = _why_missed(row, more=more or len(missed) > MISSED_SHOWN)
    return _Owed([*missed[-MISSED_SHOWN:], *wanted], wanted, why, behind)


def _record(
    session: Session,
    row: ScheduleRow,
    cron: Cron,
    tenant: Tenant,
    owed: _Owed,
    part: list[datetime],
    now: datetime,
) -> list[UUID]:
    """Record the oldest ``part`` of what a schedule owes, and move on behind it."""
    whole = len(part) == len(owed.firings)
    schedules.aim(row, owed.behind if whole else part[-1])
    version = deployments.current(session, row.pipeline_id)
    if version is None or not part:
        return []
    return record_runs(
        session,
        row,
        version,
        tenant,
        _intervals(cron, part),
        wanted=frozenset(owed.wanted),
        why_missed=owed.why_missed,
        now=now,
    )


def _due(row: ScheduleRow, cron: Cron, now: datetime) -> tuple[list[datetime], bool, datetime]:
    """Return the latest firings that are due, whether there are more, and the time behind all."""
    unrecorded, end = schedules.unrecorded_from(row), schedules.last_instant(row)
    assert unrecorded is not None
    just_before = unrecorded - timedelta(microseconds=1)
    last = now if end is None else min(now, end)
    limit = MISSED_SHOWN + (row.catch_up_limit if row.catch_up is CatchUp.ALL else 1)
    found, more = cron.last_between(just_before, last, limit)
    while found and schedules.due_at(row, found[-1]) > now:
        found.pop()
    return found, more, found[-1] if found else just_before


def _wanted(row: ScheduleRow, firings: Sequence[datetime], now: datetime) -> Sequence[datetime]:
    """Return the due firings that are run: those on time, and those to be caught up."""
    if row.catch_up is CatchUp.ALL:
        return firings[-row.catch_up_limit :]
    late = firings[-1:] if row.catch_up is CatchUp.LATEST else []
    # With a jitter the gaps vary: two may come due between one look and the next.
    return [at for at in firings if now - schedules.due_at(row, at) < ON_TIME] or late


def _why_missed(row: ScheduleRow, *, more: bool) -> str:
    match row.catch_up:
        case CatchUp.ALL:
            what = f"of the missed times the latest {row.catch_up_limit} were run"
        case CatchUp.LATEST:
            what = "the latest missed time was run"
        case _:
            what = "this schedule catches nothing up"
    reason = f"missed while the platform was down; {what}"
    return f"{reason} (earlier ones are not listed)" if more else reason


def _intervals(cron: Cron, firings: Sequence[datetime]) -> list[Interval]:
    """Return the data interval of each firing: from the firing before it to itself."""
    before = cron.previous(firings[0]) or firings[0]
    return [Interval(end, start, end) for start, end in pairwise([before, *firings])]
