"""Recording the runs that are due: before anything is launched, and each firing once.

``next_firing`` of a schedule is the first firing without a recorded run. It moves on in the
transaction that records the run, and the run's unique key (trigger, series, firing) guards the
rest: a crash, a second process or a clock that jumps back cannot make a second run of a firing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.cron import Cron
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.schedules import CatchUp
from galley.domain.tenants import Tenant, Tenants
from galley.errors import InvalidInput
from galley.store import audit, deployments, run_parameters, runs, schedules
from galley.store.columns import new_id
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow, RunRow, ScheduleRow, VersionRow

ON_TIME = timedelta(seconds=60)
"""A firing found within this time counts as on time, so that a quick restart misses nothing."""

MISSED_SHOWN = 100
"""Missed firings recorded as skipped runs at most, the latest ones."""

BATCH = 500
"""Schedules handled in one transaction at most; the rest stays due for the next call."""


def materialise_due(session: Session, tenants: Tenants, now: datetime) -> list[UUID]:
    """Record a run for every due firing; return the ids of those that wait to be launched."""
    due = session.scalars(
        select(ScheduleRow)
        .where(
            ScheduleRow.until.is_(None),
            ScheduleRow.next_firing <= now,
            ScheduleRow.tenant.in_(tenants.tenants),
        )
        .order_by(ScheduleRow.next_firing)
        .limit(BATCH)
        # Where another process is at it, the rest is for this one (PostgreSQL).
        .with_for_update(skip_locked=True)
    ).all()
    queued: list[UUID] = []
    for row in due:
        try:
            cron = schedules.cron_of(row)
        except InvalidInput:
            # The system's time zone data lost the zone. Others must not wait for its return.
            pipeline = session.get_one(PipelineRow, row.pipeline_id)
            schedules.pause(session, pipeline, row, audit.PLATFORM, now)
        else:
            queued.extend(_fire(session, row, cron, tenants.tenants[row.tenant], now))
    return queued


def next_due(session: Session, tenants: Tenants) -> datetime | None:
    """Return when :func:`materialise_due` has something to do; None: not before a change."""
    return schedules.next_firing(session, tenants.tenants)


def _fire(
    session: Session, row: ScheduleRow, cron: Cron, tenant: Tenant, now: datetime
) -> list[UUID]:
    assert row.next_firing is not None
    version = deployments.current(session, row.pipeline_id)
    firings, more = cron.last_between(
        row.next_firing - timedelta(microseconds=1), now, MISSED_SHOWN + 1
    )
    row.next_firing = cron.next(now)
    session.flush()
    if version is None or not firings:
        return []
    wanted = firings[-1] if _runs(row.catch_up, firings[-1], now) else None
    if wanted is None:
        firings, more = firings[-MISSED_SHOWN:], more or len(firings) > MISSED_SHOWN
    queued: list[UUID] = []
    for interval in _intervals(cron, firings):
        run = _run(row, version, interval, now)
        if interval.logical_date == wanted:
            _fill(run, version, tenant, interval, now)
        else:
            run.state, run.ended_at = RunState.SKIPPED, now
            run.state_reason = _why_skipped(row.catch_up, more=more)
        if runs.record(session, run, now) and run.state is RunState.QUEUED:
            queued.append(run.id)
    return queued


def _runs(catch_up: CatchUp, firing: datetime, now: datetime) -> bool:
    """Whether the latest due firing is run: it is on time, or it is to be caught up."""
    return now - firing <= ON_TIME or catch_up is CatchUp.LATEST


def _why_skipped(catch_up: CatchUp, *, more: bool) -> str:
    reason = (
        "missed while the platform was down; the latest missed time was run"
        if catch_up is CatchUp.LATEST
        else "missed while the platform was down; this schedule catches nothing up"
    )
    return f"{reason} (earlier ones are not listed)" if more else reason


def _intervals(cron: Cron, firings: Sequence[datetime]) -> list[Interval]:
    """Return the data interval of each firing: from the firing before it to itself."""
    before = cron.previous(firings[0]) or firings[0]
    return [Interval(end, start, end) for start, end in pairwise([before, *firings])]


def _run(row: ScheduleRow, version: VersionRow, interval: Interval, now: datetime) -> RunRow:
    return RunRow(
        id=new_id(),
        tenant=row.tenant,
        pipeline_id=row.pipeline_id,
        version_id=version.id,
        kind=RunKind.PIPELINE,
        trigger=TriggerKind.SCHEDULE,
        trigger_id=row.series,
        scheduled_at=interval.logical_date,
        state=RunState.QUEUED,
        logical_date=interval.logical_date,
        data_interval_start=interval.start,
        data_interval_end=interval.end,
        parameters={},
        metrics={},
        not_before=now,
        created_at=now,
    )


def _fill(
    run: RunRow, version: VersionRow, tenant: Tenant, interval: Interval, now: datetime
) -> None:
    """Give the run its parameters; one that cannot have them is recorded as failed."""
    try:
        run.parameters = run_parameters.values_of(version, tenant, {}, interval)
    except InvalidInput as error:
        run.state, run.state_reason, run.ended_at = RunState.FAILED, error.detail, now
