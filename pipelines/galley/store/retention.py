"""Old runs: which may lose their files or go, and how the store forgets them.

Never touched: rehearsals (they are the evidence of their version), the latest runs of a pipeline,
its last success, and the audit trail.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
from galley.domain.runs import RunKind, RunState
from galley.store import audit, backfills, pipelines, trigger_firings
from galley.store.records import RetentionRow, TokenRow
from galley.store.tables import AttemptRow, PipelineRow, RunRow, TaskTryRow


def of_pipeline(session: Session, row: PipelineRow, tenant: RetentionPolicy) -> PipelineRetention:
    """Return what holds for a pipeline: its own policy, or its tenant's."""
    kept = session.get(RetentionRow, row.id)
    own = kept is not None and kept.policy is not None
    return PipelineRetention(
        pipeline=row.slug,
        policy=RetentionPolicy.model_validate(kept.policy) if kept and own else tenant,
        own=own,
        set_by=kept.set_by if kept else None,
        set_at=kept.set_at if kept else None,
        removed_until=kept.removed_until if kept else None,
    )


def put(
    session: Session,
    row: PipelineRow,
    policy: RetentionPolicy | None,
    by: str,
    now: datetime,
) -> None:
    """Give a pipeline a policy of its own; None: its tenant's holds again."""
    kept = session.get(RetentionRow, row.id) or RetentionRow(pipeline_id=row.id)
    kept.policy = None if policy is None else policy.model_dump(mode="json")
    kept.set_by, kept.set_at = by, now
    session.add(kept)
    session.flush()
    audit.append(
        session,
        tenant=row.tenant,
        actor=by,
        action="retention.set",
        subject=f"pipeline/{row.slug}",
        detail={"policy": kept.policy},
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
            RunRow.id.not_in(_kept(session, pipeline_id, policy.latest)),
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
            attempts=tuple(one for one, run in attempts if run == row.id),
            whole=gone is not None and row.ended_at is not None and row.ended_at < gone,
            bare=row.files_removed_at is not None
            and row.ended_at is not None
            and row.files_removed_at >= row.ended_at,
        )
        for row in rows
    ]


def _kept(session: Session, pipeline_id: UUID, latest: int) -> set[UUID]:
    """Return the latest runs of a pipeline and its last success: they stay at any age."""
    query = (
        select(RunRow.id)
        .where(RunRow.pipeline_id == pipeline_id, RunRow.kind == RunKind.PIPELINE)
        .order_by(RunRow.id.desc())
    )
    success = query.where(RunRow.state == RunState.SUCCEEDED).limit(1)
    return {*session.scalars(query.limit(latest)), *session.scalars(success)}


def _attempts(session: Session, runs: Collection[UUID]) -> list[tuple[UUID, UUID]]:
    query = select(AttemptRow.id, AttemptRow.run_id).where(AttemptRow.run_id.in_(runs))
    return [(attempt, run) for attempt, run in session.execute(query)]


def forget(
    session: Session,
    pipeline_id: UUID,
    old: Sequence[OldRun],
    size: int,
    by: str,
    now: datetime,
) -> RemovedRuns:
    """Forget runs whose files are gone: that they have any, or the runs themselves.

    A run that changed meanwhile, or that another record needs, stays as it is.

    Args:
        size: of the files that were removed, bytes; for the audit trail.
    """
    row = session.get_one(PipelineRow, pipeline_id)
    files = whole = 0
    for one in old:
        if not _files_gone(session, one, now):
            continue
        if one.whole and _delete(session, row.id, one):
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


def _files_gone(session: Session, old: OldRun, now: datetime) -> bool:
    result = session.execute(
        update(RunRow)
        .where(RunRow.id == old.id, RunRow.state == RunState(old.state))
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
    return True


def _delete(session: Session, pipeline_id: UUID, old: OldRun) -> bool:
    run = session.get(RunRow, old.id, populate_existing=True)
    assert run is not None
    date, scheduled = run.logical_date, run.kind is RunKind.PIPELINE
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
    if scheduled:
        kept = session.get(RetentionRow, pipeline_id) or RetentionRow(pipeline_id=pipeline_id)
        kept.removed_until = max(kept.removed_until or date, date)
        session.add(kept)
        session.flush()
    return True
