"""Successes that triggers downstream have not looked at yet.

They are written with the success itself and read by a loop: a restart in between loses none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.runs import RunKind, RunState
from galley.store.tables import RunRow
from galley.store.trigger_tables import TriggerRow, TriggerSuccessRow, TriggerUpstreamRow


def note(session: Session, run: RunRow) -> None:
    """Remember for each trigger that waits for this pipeline that it has succeeded.

    A paused trigger hears of nothing: it is not caught up.
    """
    if run.kind is not RunKind.PIPELINE:
        return
    waiting = session.scalars(
        select(TriggerRow.id)
        .join(TriggerUpstreamRow, TriggerUpstreamRow.trigger_id == TriggerRow.id)
        .where(
            TriggerUpstreamRow.pipeline_id == run.pipeline_id,
            TriggerRow.until.is_(None),
            TriggerRow.paused.is_(False),
        )
    )
    session.add_all(
        TriggerSuccessRow(trigger_id=trigger, tenant=run.tenant, run_id=run.id)
        for trigger in waiting
    )
    session.flush()


def waiting(session: Session, tenants: Collection[str], limit: int) -> Sequence[TriggerSuccessRow]:
    """Return the oldest successes of ``tenants`` that nobody has looked at or is looking at."""
    return session.scalars(
        select(TriggerSuccessRow)
        .where(TriggerSuccessRow.tenant.in_(tenants))
        .order_by(TriggerSuccessRow.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def any_waits(session: Session, tenants: Collection[str]) -> bool:
    """Return whether there is a success of ``tenants`` to look at."""
    query = select(TriggerSuccessRow.id).where(TriggerSuccessRow.tenant.in_(tenants)).limit(1)
    return session.scalar(query) is not None


def upstream_of(session: Session, trigger_id: UUID) -> list[UUID]:
    """Return the pipelines that a wording of a trigger waits for."""
    return list(
        session.scalars(
            select(TriggerUpstreamRow.pipeline_id).where(
                TriggerUpstreamRow.trigger_id == trigger_id
            )
        )
    )


def succeeded(
    session: Session, pipelines: Iterable[UUID], logical_date: datetime
) -> dict[UUID, UUID]:
    """Return pipeline → its latest successful run for a date, of those that have one."""
    query = (
        select(RunRow.pipeline_id, RunRow.id)
        .where(
            RunRow.pipeline_id.in_(list(pipelines)),
            RunRow.logical_date == logical_date,
            RunRow.kind == RunKind.PIPELINE,
            RunRow.state == RunState.SUCCEEDED,
        )
        .order_by(RunRow.id)
    )
    return dict(session.execute(query).all())


def edges(session: Session, tenant: str) -> list[tuple[UUID, UUID]]:
    """Return (upstream, downstream) of every trigger in force of a tenant, paused or not."""
    query = (
        select(TriggerUpstreamRow.pipeline_id, TriggerRow.pipeline_id)
        .join(TriggerRow, TriggerRow.id == TriggerUpstreamRow.trigger_id)
        .where(TriggerRow.tenant == tenant, TriggerRow.until.is_(None))
    )
    return [(up, down) for up, down in session.execute(query)]
