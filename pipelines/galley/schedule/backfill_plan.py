"""The dry run of a backfill: which dates, how they stand, how long it would take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from math import ceil
from statistics import median
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, literal, select
from sqlalchemy.orm import Session

from galley.domain import cron
from galley.domain.backfills import (
    MAX_DATES,
    BackfillPlan,
    BackfillRequest,
    Order,
    PlannedDate,
    Standing,
)
from galley.domain.cron import Cron
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.tenants import Tenant
from galley.domain.timezones import shown
from galley.errors import Conflict, InvalidInput
from galley.store import pauses, pipelines, run_parameters, runnable, schedules
from galley.store.backfill_tables import BackfillRow
from galley.store.columns import new_id
from galley.store.own_parameters import own_values
from galley.store.records import RetentionRow
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow, RunRow, ScheduleRow, VersionRow

TODAY = timedelta(days=1)
"""How far in the future an end may lie: the end of today, in any zone. It is cut to now."""
SHOWN = 200
"""Dates that a plan lists."""
AT_A_TIME = 1000
"""Dates whose runs are asked for at a time; between them there may be many more runs."""
JUDGED_FROM = 50
"""Latest successful runs that the duration is taken from."""

_FAILED = (RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED)


class Candidate(NamedTuple):
    """One date of the range, how it stands, and the run that says so."""

    interval: Interval
    standing: Standing
    run: UUID | None


class Draft(NamedTuple):
    """A backfill that could be started.

    Attributes:
        parameters: those of the schedule, where the dates are its, under those asked for.
        candidates: every date of the range in the order of running, wanted or not.
    """

    pipeline: PipelineRow
    version: VersionRow
    cron: Cron
    request: BackfillRequest
    parameters: dict[str, Any]
    candidates: tuple[Candidate, ...]

    @property
    def wanted(self) -> list[Interval]:
        """The dates that would be run, in that order."""
        only = self.request.only
        return [one.interval for one in self.candidates if one.standing.wanted(only)]


def draft(
    session: Session,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    request: BackfillRequest,
    now: datetime,
) -> Draft:
    """Return what ``request`` means now; nothing is changed.

    Raises:
        NotFound: there is no such pipeline or version.
        Conflict: it has no schedule and none was given, or no version that can run.
        InvalidInput: the range, the expression or a parameter is not valid; ``field`` names it.
    """
    pipeline = pipelines.require(session, tenant_name, slug)
    version = runnable.version(session, pipeline, request.version)
    row = schedules.in_force(session, pipeline.id)
    timetable = _timetable(row, pipeline, request)
    intervals = _intervals(timetable, request, now)
    own = row.parameters if row is not None and request.cron is None else {}
    parameters = {**own, **request.parameters}
    if intervals:
        _check_parameters(session, pipeline, version, tenant, timetable, parameters, intervals[0])
    if request.order is Order.NEWEST:
        intervals.reverse()
    standing = tuple(_standing(session, pipeline, intervals, own=request.cron is None))
    return Draft(pipeline, version, timetable, request, parameters, standing)


def _check_parameters(
    session: Session,
    pipeline: PipelineRow,
    version: VersionRow,
    tenant: Tenant,
    timetable: Cron,
    parameters: dict[str, Any],
    interval: Interval,
) -> None:
    """Refuse parameters with which the first date could not be run."""
    row = BackfillRow(
        pipeline_id=pipeline.id,
        cron=timetable.expression,
        timezone=timetable.zone.key,
        parameters=parameters,
    )
    values = own_values(session, row, version, interval, new_id())
    run_parameters.values_of(version, tenant, values, interval)


def plan(session: Session, found: Draft, tenant: Tenant) -> BackfillPlan:
    """Return a draft as people see it."""
    only, wanted = found.request.only, len(found.wanted)
    standings = [one.standing for one in found.candidates]
    parallel = min(found.request.parallel, tenant.limits.concurrent_runs)
    typical = _median_s(session, found.pipeline.id)
    return BackfillPlan(
        pipeline=found.pipeline.slug,
        version=found.version.number,
        cron=found.cron.expression,
        timezone=found.cron.zone.key,
        dates=tuple(
            PlannedDate(
                logical_date=one.interval.logical_date,
                local=one.interval.logical_date.astimezone(found.cron.zone).isoformat(),
                standing=one.standing,
                run=one.run,
                wanted=one.standing.wanted(only),
            )
            for one in found.candidates[:SHOWN]
        ),
        total=len(standings),
        wanted=wanted,
        succeeded=standings.count(Standing.SUCCEEDED),
        failed=standings.count(Standing.FAILED),
        open=standings.count(Standing.OPEN),
        removed=standings.count(Standing.REMOVED),
        paused=standings.count(Standing.PAUSED),
        parallel=parallel,
        median_s=typical,
        duration_s=None if typical is None else ceil(wanted / parallel) * typical,
    )


def _timetable(row: ScheduleRow | None, pipeline: PipelineRow, request: BackfillRequest) -> Cron:
    if request.cron is not None:
        zone = row.timezone if row is not None else "UTC"
        return cron.parse(request.cron, request.timezone or zone)
    if request.timezone is not None:
        raise InvalidInput(
            "a zone goes with an expression of its own: give `cron` too, or leave both out for "
            "the schedule's.",
            field="timezone",
        )
    if row is None:
        raise Conflict(
            f"The pipeline {pipeline.slug!r} has no schedule to take the dates from: give a cron "
            "expression.",
            field="cron",
        )
    return schedules.cron_of(row)


def _intervals(timetable: Cron, request: BackfillRequest, now: datetime) -> list[Interval]:
    """Return the dates of the range, oldest first, with their data intervals.

    A range with too many dates is walked no further than the bound.
    """
    start, end = request.start, request.end
    if end < start:
        raise InvalidInput(
            f"{shown(end, timetable.zone)} is before the start, {shown(start, timetable.zone)}: "
            "give a later end, or exchange the two.",
            field="end",
        )
    if end > now + TODAY:
        raise InvalidInput(
            f"{shown(end, timetable.zone)} has not come yet: a backfill ends today at the latest; "
            "what comes is the schedule's.",
            field="end",
        )
    end = min(end, now)
    found: list[Interval] = []
    before: datetime | None = None
    for at in timetable.after(start - timedelta(microseconds=1)):
        if at > end:
            break
        if len(found) == MAX_DATES:
            raise _too_many(found, start, end, timetable.zone)
        found.append(Interval(at, before or timetable.previous(at) or at, at))
        before = at
    return found


def _too_many(
    found: Sequence[Interval], start: datetime, end: datetime, zone: ZoneInfo
) -> InvalidInput:
    walked = found[-1].logical_date - start
    about = round(len(found) * ((end - start) / walked))
    return InvalidInput(
        f"from {shown(start, zone)} to {shown(end, zone)} there are about {about:,} dates; one "
        f"backfill has {MAX_DATES:,} at most. Shorten the range, or give a cron expression that "
        "fires less often.",
        field="end",
        dates=about,
        most=MAX_DATES,
    )


def _standing(
    session: Session,
    pipeline: PipelineRow,
    intervals: Sequence[Interval],
    *,
    own: bool,
) -> list[Candidate]:
    """Return how each date stands; ``own``: they are those of the schedule, which may rest."""
    if not intervals:
        return []
    dates = [one.logical_date for one in intervals]
    runs: dict[datetime, list[tuple[UUID, RunState]]] = defaultdict(list)
    for at in range(0, len(dates), AT_A_TIME):
        for run, date, state in session.execute(
            select(RunRow.id, RunRow.logical_date, _came_to()).where(
                RunRow.pipeline_id == pipeline.id,
                RunRow.logical_date.in_(dates[at : at + AT_A_TIME]),
                RunRow.kind == RunKind.PIPELINE,
            )
        ):
            runs[date].append((run, state))
    coming = _about_to_be_recorded(session, pipeline, dates)
    kept = session.get(RetentionRow, pipeline.id)
    removed_until = None if kept is None else kept.removed_until
    rests = pauses.overlapping(session, [pipeline.id], min(dates), max(dates)) if own else []

    def without_a_run(date: datetime) -> Standing:
        if any(one.since < date and (one.until is None or date <= one.until) for one in rests):
            return Standing.PAUSED
        if removed_until is not None and date <= removed_until:
            return Standing.REMOVED
        return Standing.NONE

    def judged(date: datetime) -> tuple[Standing, UUID | None]:
        if date in coming:
            return Standing.OPEN, None
        return _judge(sorted(runs[date])) if runs[date] else (without_a_run(date), None)

    return [Candidate(one, *judged(one.logical_date)) for one in intervals]


def _about_to_be_recorded(
    session: Session, pipeline: PipelineRow, dates: Sequence[datetime]
) -> set[datetime]:
    """Return those of ``dates`` that the schedule itself has yet to record: late, or down."""
    owing = schedules.owing(session, pipeline.id)
    return {date for row in owing for date in _unrecorded(row, dates)}


def _unrecorded(row: ScheduleRow, dates: Sequence[datetime]) -> frozenset[datetime]:
    start = schedules.unrecorded_from(row)
    late = [] if start is None else [date for date in dates if date >= start]
    if not late:
        return frozenset()
    last = max(late)
    firings = schedules.firings(row, min(late) - timedelta(microseconds=1))
    return frozenset(takewhile(lambda at: at <= last, firings)).intersection(late)


def _came_to() -> ColumnElement[RunState]:
    """Return a run's state; what a backfill did not start in time did not succeed."""
    late = and_(RunRow.trigger == TriggerKind.BACKFILL, RunRow.state == RunState.SKIPPED)
    return case((late, literal(RunState.FAILED, RunRow.state.type)), else_=RunRow.state)


def _judge(runs: Sequence[tuple[UUID, RunState]]) -> tuple[Standing, UUID | None]:
    """Return how a date stands, from its runs, oldest first."""
    for states, standing in (
        ((RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING), Standing.OPEN),
        ((RunState.SUCCEEDED,), Standing.SUCCEEDED),
        (_FAILED, Standing.FAILED),
    ):
        matching = [run for run, state in runs if state in states]
        if matching:
            return standing, matching[-1]
    return Standing.NONE, None


def _median_s(session: Session, pipeline_id: UUID) -> float | None:
    """Return the median duration of the latest successful runs, seconds."""
    rows = session.execute(
        select(RunRow.started_at, RunRow.ended_at)
        .where(
            RunRow.pipeline_id == pipeline_id,
            RunRow.kind == RunKind.PIPELINE,
            RunRow.state == RunState.SUCCEEDED,
        )
        .order_by(RunRow.id.desc())
        .limit(JUDGED_FROM)
    )
    took = [(ended - started).total_seconds() for started, ended in rows if started and ended]
    return median(took) if took else None
