"""Old runs: which may lose their files or go, and how the store forgets them.

The store forgets first, and notes in the same transaction which files are to be removed: what is
tried again meanwhile keeps its files, and what a crash leaves behind is removed later.

Never touched: rehearsals (they are the evidence of their version), what :mod:`galley.store.kept`
names, and the audit trail. In MLflow goes what a run logged, once the run itself does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CursorResult, delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from galley.domain.retention import (
    EndedState,
    OldRun,
    PipelineRetention,
    RemovedRuns,
    RetentionPolicy,
)
from galley.domain.runs import RunKind, RunState, TriggerKind, experiment_of
from galley.store import audit, backfills, pipelines, trigger_firings
from galley.store.kept import kept
from galley.store.records import RemovalRow, RetentionRow, TokenRow, TrackedRemovalRow
from galley.store.tables import AttemptRow, PipelineRow, RunRow, TaskTryRow

_OF_SCHEDULES = (TriggerKind.SCHEDULE, TriggerKind.BACKFILL)
"""What runs the dates of schedules; the dates of other runs say nothing of these."""


def of_pipeline(session: Session, row: PipelineRow, tenant: RetentionPolicy) -> PipelineRetention:
    """Return what holds for a pipeline: its own policy, or its tenant's."""
    held = session.get(RetentionRow, row.id)
    own = held is not None and held.policy is not None
    return PipelineRetention(
        pipeline=row.slug,
        policy=RetentionPolicy.model_validate(held.policy) if held and own else tenant,
        own=own,
        set_by=held.set_by if held else None,
        set_at=held.set_at if held else None,
        removed_until=held.removed_until if held else None,
    )


def put(
    session: Session,
    row: PipelineRow,
    policy: RetentionPolicy | None,
    by: str,
    now: datetime,
) -> None:
    """Give a pipeline a policy of its own; None: its tenant's holds again."""
    held = session.get(RetentionRow, row.id) or RetentionRow(pipeline_id=row.id)
    held.policy = None if policy is None else policy.model_dump(mode="json")
    held.set_by, held.set_at = by, now
    session.add(held)
    session.flush()
    audit.append(
        session,
        tenant=row.tenant,
        actor=by,
        action="retention.set",
        subject=f"pipeline/{row.slug}",
        detail={"policy": held.policy},
        now=now,
    )
    pipelines.changed(session, row, {"change": "retention"}, now)


def of_tenant(session: Session, tenant: str) -> list[PipelineRow]:
    """Return the tenant's pipelines by slug."""
    return list(
        session.scalars(
            select(PipelineRow).where(PipelineRow.tenant == tenant).order_by(PipelineRow.slug)
        )
    )


def old_runs(
    session: Session,
    pipeline_id: UUID,
    policy: RetentionPolicy,
    now: datetime,
    *,
    state: EndedState,
    after: UUID | None,
    limit: int,
) -> list[OldRun]:
    """Return the next runs that ended in ``state`` and are old enough, oldest request first.

    Args:
        after: the last run of the batch before.
    """
    file_days, row_days = policy.files.get(state), policy.runs.get(state)
    ages = [days for days in (file_days, row_days) if days is not None]
    if not ages:
        return []
    gone = now - timedelta(days=row_days) if row_days is not None else None
    query = (
        select(RunRow)
        .where(
            RunRow.pipeline_id == pipeline_id,
            RunRow.state == RunState(state),
            RunRow.kind != RunKind.REHEARSAL,
            RunRow.ended_at < now - timedelta(days=min(ages)),
            RunRow.id.not_in(kept(session, pipeline_id, policy.latest, now)),
            or_(
                RunRow.files_removed_at.is_(None),
                RunRow.files_removed_at < RunRow.ended_at,
                *([] if gone is None else [RunRow.ended_at < gone]),
            ),
        )
        .order_by(RunRow.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(RunRow.id > after)
    rows = session.scalars(query).all()
    attempts = _attempts(session, [row.id for row in rows])
    return [
        OldRun(
            id=row.id,
            state=state,
            ended_at=row.ended_at,
            attempts=tuple(one for one, run in attempts if run == row.id),
            whole=gone is not None and row.ended_at < gone,
            bare=row.files_removed_at is not None and row.files_removed_at >= row.ended_at,
        )
        for row in rows
        if row.ended_at is not None
    ]


def _attempts(session: Session, runs: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    query = select(AttemptRow.id, AttemptRow.run_id).where(AttemptRow.run_id.in_(runs))
    return [(attempt, run) for attempt, run in session.execute(query)]


def forget(
    session: Session,
    pipeline_id: UUID,
    old: Sequence[OldRun],
    sizes: Mapping[UUID, int],
    by: str,
    now: datetime,
) -> RemovedRuns:
    """Forget that runs have files, or the runs themselves; :func:`removals` has the files then.

    A run that changed meanwhile stays as it is; one that another record needs loses its files.

    Args:
        sizes: of the files of each run, bytes; for the audit trail.
    """
    row = session.get_one(PipelineRow, pipeline_id)
    files = whole = size = 0
    for one in old:
        if not _files_gone(session, row.tenant, one, now):
            continue
        size += sizes[one.id]
        if one.whole and _delete(session, row.id, one, now):
            whole += 1
        elif not one.bare:
            files += 1
    found = RemovedRuns(pipeline=row.slug, files=files, runs=whole, size=size)
    if files or whole:
        audit.append(
            session,
            tenant=row.tenant,
            actor=by,
            action="retention.applied",
            subject=f"pipeline/{row.slug}",
            detail={"files": files, "runs": whole, "size": size},
            now=now,
        )
        pipelines.changed(session, row, {"change": "retention"}, now)
    return found


def removals(session: Session, limit: int) -> list[tuple[str, UUID, UUID]]:
    """Return files that are still to be removed, as (tenant, run, attempt)."""
    query = select(RemovalRow.tenant, RemovalRow.run_id, RemovalRow.attempt_id)
    return [(tenant, run, attempt) for tenant, run, attempt in session.execute(query.limit(limit))]


def removed(session: Session, attempts: Collection[UUID]) -> None:
    """Note that the files of these attempts are gone."""
    session.execute(delete(RemovalRow).where(RemovalRow.attempt_id.in_(attempts)))


def tracked_removals(
    session: Session, after: UUID | None, limit: int
) -> list[tuple[UUID, str, str]]:
    """Return whose MLflow runs are still to be deleted, as (run, tenant, experiment), by run."""
    query = select(
        TrackedRemovalRow.run_id, TrackedRemovalRow.tenant, TrackedRemovalRow.experiment
    ).order_by(TrackedRemovalRow.run_id)
    if after is not None:
        query = query.where(TrackedRemovalRow.run_id > after)
    return [(run, tenant, name) for run, tenant, name in session.execute(query.limit(limit))]


def tracked_removed(session: Session, run_id: UUID) -> None:
    """Note that nothing of a run is in MLflow any more."""
    session.execute(delete(TrackedRemovalRow).where(TrackedRemovalRow.run_id == run_id))


def _files_gone(session: Session, tenant: str, old: OldRun, now: datetime) -> bool:
    result = session.execute(
        update(RunRow)
        .where(
            RunRow.id == old.id,
            RunRow.state == RunState(old.state),
            RunRow.ended_at == old.ended_at,
        )
        .values(files_removed_at=now)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        return False
    session.execute(
        update(TaskTryRow)
        .where(TaskTryRow.attempt_id.in_(old.attempts))
        .values(notebook_blob=None)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        update(AttemptRow)
        .where(AttemptRow.id.in_(old.attempts))
        .values(log_size=0)
        .execution_options(synchronize_session=False)
    )
    for attempt in old.attempts:
        session.merge(RemovalRow(attempt_id=attempt, run_id=old.id, tenant=tenant))
    session.flush()
    return True


def _delete(session: Session, pipeline_id: UUID, old: OldRun, now: datetime) -> bool:
    run = session.get(RunRow, old.id, populate_existing=True)
    assert run is not None
    date, of_schedule = run.logical_date, run.trigger in _OF_SCHEDULES
    pipeline = session.get_one(PipelineRow, pipeline_id)
    tracked = TrackedRemovalRow(
        run_id=run.id, tenant=run.tenant, experiment=experiment_of(run.kind, pipeline.slug)
    )
    without = {"synchronize_session": False}
    try:
        with session.begin_nested():
            backfills.run_forgotten(session, run)
            trigger_firings.run_forgotten(session, run.id)
            for statement in (
                delete(TokenRow).where(TokenRow.attempt_id.in_(old.attempts)),
                delete(TokenRow).where(TokenRow.run_id == old.id),
                delete(TaskTryRow).where(TaskTryRow.attempt_id.in_(old.attempts)),
                delete(AttemptRow).where(AttemptRow.id.in_(old.attempts)),
                delete(RunRow).where(RunRow.id == old.id),
            ):
                session.execute(statement.execution_options(**without))
    except IntegrityError:
        return False  # another record tells of this run: it stays, without its files
    session.expunge(run)
    if old.attempts:
        session.add(tracked)
        session.flush()
    if of_schedule and date <= now:
        held = session.get(RetentionRow, pipeline_id) or RetentionRow(pipeline_id=pipeline_id)
        held.removed_until = max(held.removed_until or date, date)
        session.add(held)
        session.flush()
    return True
