"""Schedules: the row in force, and how it changes without losing what held before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from galley.domain import cron, schedule_rules
from galley.domain.events import EventKind
from galley.domain.schedules import ScheduleRequest, jitter_of
from galley.errors import InvalidInput
from galley.store import audit, events, pauses
from galley.store.backfill_tables import BackfillRow
from galley.store.columns import new_id
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow, RunRow, ScheduleRow


def in_force(session: Session, pipeline_id: UUID) -> ScheduleRow | None:
    """Return the schedule that holds now, or None."""
    return session.scalar(
        select(ScheduleRow).where(
            ScheduleRow.pipeline_id == pipeline_id, ScheduleRow.until.is_(None)
        )
    )


def cron_of(row: ScheduleRow | BackfillRow) -> cron.Cron:
    """Return the row's expression, ready to compute firings."""
    return cron.parse(row.cron, row.timezone)


def interval_before(session: Session, pipeline_id: UUID, logical_date: datetime) -> Interval:
    """Return the time that a run out of turn is for: since the scheduled time before it, if any."""
    schedule = in_force(session, pipeline_id)
    before = None if schedule is None else cron_of(schedule).previous(logical_date)
    return Interval(logical_date, before or logical_date, logical_date)


def request_of(row: ScheduleRow) -> ScheduleRequest:
    """Return what the row says, as it was asked for."""
    return ScheduleRequest(
        cron=row.cron,
        timezone=row.timezone,
        start=row.starts_at,
        end=row.ends_at,
        jitter_s=row.jitter_s,
        catch_up=row.catch_up,
        catch_up_limit=row.catch_up_limit,
        overlap=row.overlap,
        depends_on_past=row.depends_on_past,
        priority=row.priority,
        deadline_s=row.deadline_s,
        max_active_runs=row.max_active_runs,
        parameters=row.parameters,
    )


def columns_of(request: ScheduleRequest) -> dict[str, Any]:
    """Return ``request`` as columns of a row."""
    columns = dict(request)
    columns["starts_at"], columns["ends_at"] = columns.pop("start"), columns.pop("end")
    return columns


def firings(row: ScheduleRow, after: datetime) -> Iterator[datetime]:
    """Yield the firings later than ``after`` from the row's start to its end, UTC."""
    return schedule_rules.within(cron_of(row), row.starts_at, last_instant(row), after)


def last_instant(row: ScheduleRow) -> datetime | None:
    """Return the last instant at which the wording may fire; None: it has no end."""
    return min((end for end in (row.ends_at, row.until) if end is not None), default=None)


def due_at(row: ScheduleRow, firing: datetime) -> datetime:
    """Return when ``firing`` is due: later by its jitter."""
    return firing + jitter_of(row.series, firing, row.jitter_s)


def unrecorded_from(row: ScheduleRow) -> datetime | None:
    """Return an instant from which on no firing has been recorded yet; None: none will be.

    The next one is due later than it fires by its jitter, which is shorter than any gap.
    """
    if row.next_firing is None:
        return None
    return row.next_firing - timedelta(seconds=row.jitter_s)


def owing(session: Session, pipeline_id: UUID) -> Sequence[ScheduleRow]:
    """Return the wordings of the pipeline's schedule that have firings yet to be recorded."""
    return session.scalars(
        select(ScheduleRow).where(
            ScheduleRow.pipeline_id == pipeline_id, ScheduleRow.next_firing.is_not(None)
        )
    ).all()


def aim(row: ScheduleRow, after: datetime) -> None:
    """Set the next firing to the first one later than ``after``; to none where there is none."""
    firing = schedule_rules.first(cron_of(row), row.starts_at, last_instant(row), after)
    row.next_firing = None if firing is None else due_at(row, firing)


def put_in_force(
    session: Session,
    pipeline: PipelineRow,
    request: ScheduleRequest,
    *,
    version_id: UUID | None,
    by: str,
    now: datetime,
) -> ScheduleRow:
    """Make ``request`` the schedule from ``now`` on; a paused one stays paused.

    A schedule that says the same stays as it is, and one with the same times goes on where it
    stands. One with other times begins after ``now``; what the wording before it still owes, the
    firings that have come and are not recorded yet, stays due under that wording.
    """
    before = in_force(session, pipeline.id)
    if before is not None and request_of(before) == request:
        before.version_id = version_id
        session.flush()
        return before
    paused = before is not None and before.paused
    if before is not None:
        before.until = now
        session.flush()
    row = ScheduleRow(
        series=before.series if before is not None else _series(session, pipeline.id),
        pipeline_id=pipeline.id,
        version_id=version_id,
        tenant=pipeline.tenant,
        paused=paused,
        paused_by=before.paused_by if before is not None else None,
        since=now,
        set_by=by,
        **columns_of(request),
    )
    if before is not None and same_times(before, row):
        row.next_firing, before.next_firing = before.next_firing, None
    elif not paused:
        aim(row, now)
        _keep_what_is_owed(before)
    session.add(row)
    session.flush()
    changed(session, pipeline, row, "schedule.set", by, request.model_dump(mode="json"), now)
    return row


def same_times(one: ScheduleRow, other: ScheduleRow) -> bool:
    """Return whether two wordings fire at the same times: the later goes on where the other was."""
    return _times(one) == _times(other)


def _keep_what_is_owed(before: ScheduleRow | None) -> None:
    """Leave a wording that has ended with the firings it still owes, if any."""
    if before is None or (unrecorded := unrecorded_from(before)) is None:
        return
    try:
        aim(before, unrecorded - timedelta(microseconds=1))
    except InvalidInput:
        before.next_firing = None  # The system's time zone data lost the zone.


def forget_what_is_owed(session: Session, pipeline_id: UUID) -> None:
    """Let no wording of the pipeline's schedule fire any more."""
    session.execute(
        update(ScheduleRow)
        .where(ScheduleRow.pipeline_id == pipeline_id, ScheduleRow.next_firing.is_not(None))
        .values(next_firing=None)
    )


def _times(row: ScheduleRow) -> tuple[object, ...]:
    return row.cron, row.timezone, row.starts_at, row.ends_at, row.jitter_s


def wording_of(session: Session, run: RunRow) -> ScheduleRow | None:
    """Return the wording that asked for a scheduled run.

    It is the one in which the firing lies, or one with the same times that had gone on in its
    place before the run was recorded.
    """
    found: ScheduleRow | None = None
    for row in session.scalars(
        select(ScheduleRow)
        .where(
            ScheduleRow.pipeline_id == run.pipeline_id,  # of which there is an index
            ScheduleRow.series == run.trigger_id,
            ScheduleRow.since <= run.created_at,
        )
        .order_by(ScheduleRow.since)
    ):
        fired = row.since < run.scheduled_at
        if found is None or fired or (_times(row) == _times(found) and found.until == row.since):
            found = row
        else:
            break
    return found


def _series(session: Session, pipeline_id: UUID) -> UUID:
    """Return the identity of the pipeline's schedule over all its wordings."""
    earlier = session.scalar(
        select(ScheduleRow.series).where(ScheduleRow.pipeline_id == pipeline_id).limit(1)
    )
    return earlier or new_id()


def end(session: Session, pipeline: PipelineRow, by: str, now: datetime) -> None:
    """Leave the pipeline without a schedule."""
    row = in_force(session, pipeline.id)
    if row is not None:
        row.until = now
        forget_what_is_owed(session, pipeline.id)
        pauses.end(session, pipeline.id, now)
        session.flush()
        changed(session, pipeline, row, "schedule.ended", by, {}, now)


def pause(
    session: Session, pipeline: PipelineRow, row: ScheduleRow, by: str, now: datetime
) -> None:
    """Stop firing; nothing of this time is caught up later."""
    row.paused, row.paused_by = True, by
    forget_what_is_owed(session, pipeline.id)
    pauses.begin(session, pipeline.id, by, now)
    session.flush()
    changed(session, pipeline, row, "schedule.paused", by, {}, now)


def resume(
    session: Session, pipeline: PipelineRow, row: ScheduleRow, by: str, now: datetime
) -> None:
    """Fire again, from the first firing after ``now``."""
    row.paused, row.paused_by = False, None
    aim(row, now)
    session.flush()
    pauses.end(session, pipeline.id, now)
    changed(session, pipeline, row, "schedule.resumed", by, {}, now)


def changed(
    session: Session,
    pipeline: PipelineRow,
    row: ScheduleRow,
    action: str,
    by: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Append the event and the audit line of a change of schedule."""
    audit.append(
        session,
        tenant=pipeline.tenant,
        actor=by,
        action=action,
        subject=f"pipeline/{pipeline.slug}",
        detail={"schedule": str(row.series), **detail},
        now=now,
    )
    events.append(
        session,
        tenant=pipeline.tenant,
        kind=EventKind.SCHEDULE_CHANGED,
        subject=pipeline.id,
        pipeline=pipeline.slug,
        data={"change": action.removeprefix("schedule."), "paused": row.paused},
        now=now,
    )


def next_firing(session: Session, tenants: Collection[str]) -> datetime | None:
    """Return when the next schedule of ``tenants`` fires; None where none will."""
    # Not min(): with a condition on another column that reads the whole index.
    return session.scalar(
        select(ScheduleRow.next_firing)
        .where(
            ScheduleRow.next_firing.is_not(None),
            ScheduleRow.tenant.in_(tenants),
        )
        .order_by(ScheduleRow.next_firing)
        .limit(1)
    )
