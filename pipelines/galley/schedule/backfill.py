"""Running a backfill: start, pause, resume, cancel, and the step that the loop makes.

All of it is in the database, so that a restart goes on where it was: a date has its run or waits
for it, and the run's unique key (backfill, date) lets there be one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from galley.domain.backfills import Backfill, BackfillState
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.tenants import Tenant, Tenants
from galley.errors import Conflict, InvalidInput
from galley.schedule.backfill_plan import Draft
from galley.store import backfill_arrows, backfills, cancelling, run_parameters, runs
from galley.store.backfill_tables import BackfillDateRow, BackfillRow
from galley.store.backfills import Counts, Progress
from galley.store.columns import new_id
from galley.store.own_parameters import own_values
from galley.store.run_parameters import Interval
from galley.store.tables import RunRow, VersionRow

PRIORITY = -10
"""Of a backfill's runs: what is due now goes before what is made up for."""


def start(session: Session, draft: Draft, by: str, now: datetime) -> Backfill:
    """Record a backfill; its first runs are recorded by the next :func:`step`.

    Raises:
        Conflict: another backfill of the pipeline has not ended.
        InvalidInput: no date of the range is to be run.
    """
    request, wanted = draft.request, draft.wanted
    other = backfills.active(session, draft.pipeline.id)
    if other is not None:
        raise _one_at_a_time(draft, other.id)
    if not wanted:
        raise InvalidInput(_nothing(draft), field="only" if draft.candidates else "end")
    row = BackfillRow(
        id=new_id(),
        tenant=draft.pipeline.tenant,
        pipeline_id=draft.pipeline.id,
        version_id=draft.version.id,
        state=BackfillState.RUNNING,
        cron=draft.cron.expression,
        timezone=draft.cron.zone.key,
        start=request.start,
        end=request.end,
        order=request.order,
        parallel=request.parallel,
        only=request.only,
        parameters=draft.parameters,
        stop_at_first_failure=request.stop_at_first_failure,
        deadline_s=request.deadline_s,
        total=len(wanted),
        requested_by=by,
        created_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        # Another process was faster, and its index says so where the look before could not.
        raise _one_at_a_time(draft, None) from None
    session.execute(
        insert(BackfillDateRow),
        [
            {
                "backfill_id": row.id,
                "position": position,
                "logical_date": one.logical_date,
                "data_interval_start": one.start,
            }
            for position, one in enumerate(wanted)
        ],
    )
    backfill_arrows.started(session, row, now)
    return backfills.get(session, row.id)


def _one_at_a_time(draft: Draft, other: UUID | None) -> Conflict:
    return Conflict(
        f"The pipeline {draft.pipeline.slug!r} has a backfill that has not ended"
        f"{f', {other}' if other else ''}: wait for its end, or cancel it.",
        **({"backfill": str(other)} if other else {}),
    )


def _nothing(draft: Draft) -> str:
    if not draft.candidates:
        return f"{draft.cron.expression!r} fires at no time of this range: choose a longer one."
    return (
        f"none of the {len(draft.candidates):,} dates is to be run with {draft.request.only!s}: "
        "use `all` to run those as well that succeeded, were paused, or have runs that are not "
        "kept any more; what is queued, running or about to be recorded by the schedule is left "
        "alone."
    )


def pause(session: Session, backfill_id: UUID, by: str, now: datetime) -> Backfill:
    """Start no more dates; what is queued or running goes on to its end.

    Raises:
        NotFound: there is no such backfill.
        Conflict: it is not running.
    """
    row = backfills.require(session, backfill_id)
    if row.state is not BackfillState.RUNNING:
        raise Conflict(f"The backfill {row.id} is {row.state}: there is nothing to pause.")
    backfill_arrows.pause(session, row, by, now)
    return backfills.get(session, backfill_id)


def resume(session: Session, backfill_id: UUID, by: str, now: datetime) -> Backfill:
    """Start the remaining dates.

    Raises:
        NotFound: there is no such backfill.
        Conflict: it is not paused.
    """
    row = backfills.require(session, backfill_id)
    if row.state is not BackfillState.PAUSED:
        raise Conflict(f"The backfill {row.id} is {row.state}: only a paused one is resumed.")
    backfill_arrows.resume(session, row, by, now)
    return backfills.get(session, backfill_id)


def cancel(session: Session, backfill_id: UUID, by: str, now: datetime) -> Backfill:
    """Start no more dates, and end the runs that are queued or under way.

    Raises:
        NotFound: there is no such backfill.
        Conflict: it has ended.
    """
    row = backfills.require(session, backfill_id)
    if row.state.ended:
        raise Conflict(f"The backfill {row.id} has ended ({row.state}): nothing is cancelled.")
    backfill_arrows.cancel(session, row, by, now)
    for run in backfills.open_runs(session, backfill_id):
        cancelling.cancel(session, run, by, now)
    return backfills.get(session, backfill_id)


def backfills_due(session: Session, tenants: Tenants) -> list[UUID]:
    """Return the backfills for which :func:`step` has something to do."""
    rows = backfills.running(session, tenants.tenants)
    found = backfills.progress(session, [row.id for row in rows])
    return [row.id for row in rows if _room(row, found[row.id]) or _over(found[row.id])]


def step(session: Session, tenants: Tenants, due: Iterable[UUID], now: datetime) -> list[UUID]:
    """Record the next runs of ``due`` backfills, or end them; return the new runs' ids."""
    queued: list[UUID] = []
    for backfill_id in due:
        row = backfills.require(session, backfill_id)
        tenant = tenants.tenants.get(row.tenant)
        if row.state is not BackfillState.RUNNING or tenant is None:
            continue
        progress = backfills.progress(session, [row.id])[row.id]
        if _over(progress):
            _end(session, row, backfills.counts(session, [row.id])[row.id], now)
        else:
            queued.extend(_next(session, row, tenant, _room(row, progress), now))
    return queued


def _room(row: BackfillRow, progress: Progress) -> int:
    """Return how many more runs may be recorded now."""
    if progress.stopped or not progress.waiting:
        return 0
    return max(row.parallel - progress.open, 0)


def _over(progress: Progress) -> bool:
    return progress.open == 0 and (progress.stopped or not progress.waiting)


def _end(session: Session, row: BackfillRow, counts: Counts, now: datetime) -> None:
    if not counts.failed:
        backfill_arrows.finish(session, row, now)
        return
    reason = f"{counts.failed:,} of {row.total:,} dates did not succeed"
    if counts.waiting:
        reason += f"; it stopped at the first failure, {counts.waiting:,} were not run"
    backfill_arrows.fail(session, row, reason, now)


def _next(
    session: Session, row: BackfillRow, tenant: Tenant, room: int, now: datetime
) -> list[UUID]:
    version = session.get_one(VersionRow, row.version_id)
    queued: list[UUID] = []
    for date in backfills.waiting(session, row.id, room):
        interval = Interval(date.logical_date, date.data_interval_start, date.logical_date)
        run = _run(session, row, version, tenant, interval, now)
        if runs.record(session, run, now):
            date.run_id = run.id
            queued += [] if run.state.ended else [run.id]
    session.flush()
    return queued


def _run(
    session: Session,
    row: BackfillRow,
    version: VersionRow,
    tenant: Tenant,
    interval: Interval,
    now: datetime,
) -> RunRow:
    """Return the run of a date; one that cannot have its parameters is recorded as failed."""
    run = RunRow(
        id=new_id(),
        tenant=row.tenant,
        pipeline_id=row.pipeline_id,
        version_id=row.version_id,
        kind=RunKind.PIPELINE,
        trigger=TriggerKind.BACKFILL,
        trigger_id=row.id,
        scheduled_at=interval.logical_date,
        requested_by=row.requested_by,
        state=RunState.QUEUED,
        logical_date=interval.logical_date,
        data_interval_start=interval.start,
        data_interval_end=interval.end,
        parameters={},
        metrics={},
        not_before=now,
        priority=PRIORITY,
        deadline=row.deadline_s and now + timedelta(seconds=row.deadline_s),
        created_at=now,
    )
    try:
        own = own_values(session, row, version, interval, run.id)
        run.parameters = run_parameters.values_of(version, tenant, own, interval)
    except InvalidInput as error:
        run.state, run.state_reason, run.ended_at = RunState.FAILED, error.detail, now
    return run
