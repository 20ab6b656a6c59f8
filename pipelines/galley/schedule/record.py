"""The runs of a schedule's due firings, recorded: as queued, or as skipped and why.

What overlaps is decided twice: here, when a firing is due, and again when a run is claimed
(:mod:`galley.dispatch.claim`), because meanwhile a person may have retried an earlier one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.schedules import Overlap
from galley.domain.tenants import Tenant
from galley.errors import InvalidInput
from galley.store import audit, cancelling, run_arrows, run_parameters, schedules, series
from galley.store.columns import new_id
from galley.store.deployments import Live
from galley.store.new_runs import NewRun
from galley.store.own_parameters import own_values
from galley.store.run_parameters import Interval
from galley.store.tables import RunRow, ScheduleRow, VersionRow

MAX_OPEN = 1000
"""Runs of one schedule that have not ended, at most: as many as it may catch up at a time."""


class Recorder:
    """Records the runs of many schedules in few statements; :meth:`write` ends it.

    What is known of all of them is read at once.

    Args:
        keys: (series, firing) of what is to be recorded, at least one.
    """

    def __init__(
        self, session: Session, keys: Sequence[tuple[UUID, datetime]], now: datetime
    ) -> None:
        self._session = session
        self._now = now
        of, firings = {one for one, _ in keys}, [firing for _, firing in keys]
        self._open = Counter(series.open_of(session, of))
        self._known = series.recorded(session, of, min(firings), max(firings))
        self._waiting: list[tuple[NewRun, str]] = []
        self._unwritten: set[UUID] = set()

    def open(self, of: UUID) -> int:
        """Return how many runs of a series have not ended; they can be asked for from now on."""
        if of in self._unwritten:
            self.write()
        return self._open[of]

    def add(self, run: NewRun, slug: str) -> bool:
        """Record a run under its unique key; return False if that key is there already."""
        key = run.trigger_id, run.scheduled_at
        if key in self._known:
            return False
        self._known.add(key)
        self._waiting.append((run, slug))
        self._unwritten.add(run.trigger_id)
        self._open[run.trigger_id] += run.state is RunState.QUEUED
        return True

    def write(self) -> None:
        """Write what was added, so that it can be asked for."""
        run_arrows.record_all(self._session, self._waiting, self._now)
        self._waiting, self._unwritten = [], set()


def record_runs(
    session: Session,
    recorder: Recorder,
    row: ScheduleRow,
    live: Live,
    tenant: Tenant,
    intervals: Sequence[Interval],
    *,
    wanted: Collection[datetime],
    why_missed: str,
    now: datetime,
) -> list[UUID]:
    """Record a run for each of ``intervals``, oldest first; return the ids of those queued.

    Args:
        recorder: writes what is left to write.
        wanted: the firings that are to run; the others are recorded as skipped.
        why_missed: the reason of those.
    """
    version, open_ = live.version, recorder.open(row.series)
    first = intervals[0].logical_date
    going = series.last_open_before(session, row.series, first) if open_ else None
    before: RunRow | NewRun | None = going
    room = MAX_OPEN - open_
    queued: list[UUID] = []
    for interval in intervals:
        run = _run(row, version, interval, now)
        if interval.logical_date not in wanted:
            _skip(run, why_missed, now)
        elif why := _why_not(row, run, before, now):
            _skip(run, why, now)
        elif len(queued) >= room:
            _skip(run, f"{MAX_OPEN:,} earlier runs of this schedule have not ended", now)
        else:
            _fill(session, run, row, version, tenant, interval, now)
            _line_up(session, recorder, run, row, before)
        if recorder.add(run, live.slug) and run.state is RunState.QUEUED:
            queued.append(run.id)
            before = run
    if queued and going is not None and row.overlap is Overlap.CANCEL_PREVIOUS:
        recorder.write()
        _take_the_place(session, row, intervals, now)
    return queued


def _why_not(
    row: ScheduleRow, run: NewRun, before: RunRow | NewRun | None, now: datetime
) -> str | None:
    """Return why a wanted firing is not run; None where it is."""
    if run.deadline is not None and run.deadline <= now:
        return f"it could not start before its deadline, {_name(run.deadline)}"
    if before is None or row.overlap is not Overlap.SKIP or _together(row, before, run):
        return None
    return f"the run of {_name(before.logical_date)} is still going"


def _together(row: ScheduleRow, before: RunRow | NewRun, run: NewRun) -> bool:
    """Whether both were due when ``before`` was recorded: they are caught up together.

    So it does not matter over how many transactions what is caught up is spread.
    """
    return before.created_at >= schedules.due_at(row, run.logical_date)


def _take_the_place(
    session: Session, row: ScheduleRow, intervals: Sequence[Interval], now: datetime
) -> None:
    """Ask the earlier runs to end, but for those that are caught up together with these."""
    first = intervals[0].logical_date
    reason = f"the run of {_name(intervals[-1].logical_date)} takes its place"
    for one in series.open_before(session, row.series, first):
        if one.created_at < schedules.due_at(row, first):
            cancelling.cancel(session, one, audit.PLATFORM, now, reason)


def _line_up(
    session: Session,
    recorder: Recorder,
    run: NewRun,
    row: ScheduleRow,
    before: RunRow | NewRun | None,
) -> None:
    """Say what the run waits for; times that are caught up together wait in line."""
    if before is not None and run.overlap is Overlap.SKIP:
        run.overlap = Overlap.QUEUE
    if run.state is not RunState.QUEUED:
        return
    if run.depends_on_past:
        recorder.write()
        past = series.predecessor(session, row.series, run.scheduled_at)
        run.state_reason = series.why_waits(session, past)
    if run.state_reason is None and run.overlap is Overlap.QUEUE and before is not None:
        run.state_reason = f"waits until the run of {_name(before.logical_date)} has ended"


def _run(row: ScheduleRow, version: VersionRow, interval: Interval, now: datetime) -> NewRun:
    due = schedules.due_at(row, interval.logical_date)
    return NewRun(
        id=new_id(),
        tenant=row.tenant,
        pipeline_id=row.pipeline_id,
        version_id=version.id,
        kind=RunKind.PIPELINE,
        trigger=TriggerKind.SCHEDULE,
        trigger_id=row.series,
        scheduled_at=interval.logical_date,
        logical_date=interval.logical_date,
        data_interval_start=interval.start,
        data_interval_end=interval.end,
        not_before=now,
        priority=row.priority,
        deadline=None if row.deadline_s is None else due + timedelta(seconds=row.deadline_s),
        overlap=row.overlap,
        depends_on_past=row.depends_on_past,
        created_at=now,
    )


def _skip(run: NewRun, why: str, now: datetime) -> None:
    run.state, run.state_reason, run.ended_at = RunState.SKIPPED, why, now


def _fill(
    session: Session,
    run: NewRun,
    row: ScheduleRow,
    version: VersionRow,
    tenant: Tenant,
    interval: Interval,
    now: datetime,
) -> None:
    """Give the run its parameters; one that cannot have them is recorded as failed."""
    try:
        own = own_values(session, row, version, interval, run.id)
        run.parameters = run_parameters.values_of(version, tenant, own, interval)
    except InvalidInput as error:
        run.state, run.state_reason, run.ended_at = RunState.FAILED, error.detail, now


def _name(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
