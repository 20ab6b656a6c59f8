"""Schedules: the row in force, and how it changes without losing what held before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain import cron
from galley.domain.events import EventKind
from galley.domain.schedules import ScheduleRequest
from galley.store import audit, events
from galley.store.columns import new_id
from galley.store.tables import PipelineRow, ScheduleRow


def in_force(session: Session, pipeline_id: UUID) -> ScheduleRow | None:
    """Return the schedule that holds now, or None."""
    return session.scalar(
        select(ScheduleRow).where(
            ScheduleRow.pipeline_id == pipeline_id, ScheduleRow.until.is_(None)
        )
    )


def cron_of(row: ScheduleRow) -> cron.Cron:
    """Return the row's expression, ready to compute firings."""
    return cron.parse(row.cron, row.timezone)


def same(row: ScheduleRow, request: ScheduleRequest) -> bool:
    """Whether ``request`` says what ``row`` says."""
    return (row.cron, row.timezone, row.catch_up) == (
        request.cron,
        request.timezone,
        request.catch_up,
    )


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

    A schedule that says the same stays as it is, so that nothing that is due gets lost.
    """
    before = in_force(session, pipeline.id)
    if before is not None and same(before, request):
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
        cron=request.cron,
        timezone=request.timezone,
        catch_up=request.catch_up,
        paused=paused,
        paused_by=before.paused_by if before is not None else None,
        next_firing=None if paused else cron.parse(request.cron, request.timezone).next(now),
        since=now,
        set_by=by,
    )
    session.add(row)
    session.flush()
    changed(session, pipeline, row, "schedule.set", by, request.model_dump(mode="json"), now)
    return row


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
        session.flush()
        changed(session, pipeline, row, "schedule.ended", by, {}, now)


def pause(
    session: Session, pipeline: PipelineRow, row: ScheduleRow, by: str, now: datetime
) -> None:
    """Stop firing; nothing of this time is caught up later."""
    row.paused, row.paused_by, row.next_firing = True, by, None
    session.flush()
    changed(session, pipeline, row, "schedule.paused", by, {}, now)


def resume(
    session: Session, pipeline: PipelineRow, row: ScheduleRow, by: str, now: datetime
) -> None:
    """Fire again, from the first firing after ``now``."""
    row.paused, row.paused_by, row.next_firing = False, None, cron_of(row).next(now)
    session.flush()
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
            ScheduleRow.until.is_(None),
            ScheduleRow.next_firing.is_not(None),
            ScheduleRow.tenant.in_(tenants),
        )
        .order_by(ScheduleRow.next_firing)
        .limit(1)
    )
