"""A trigger fires: the run that comes of it, and the record of what was the cause."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from galley.domain.runs import RunKind, RunState
from galley.domain.tenants import Tenant
from galley.errors import InvalidInput
from galley.store import audit, deployments, run_parameters, runs, triggers
from galley.store.columns import new_id
from galley.store.own_parameters import own_values
from galley.store.run_parameters import Interval
from galley.store.tables import PipelineRow, RunRow, VersionRow
from galley.store.trigger_tables import TriggerFiringRow, TriggerRow


class Key(NamedTuple):
    """What makes a firing the same one: with the trigger's kind it is the run's unique key."""

    id: UUID
    at: datetime


def fire(
    session: Session,
    row: TriggerRow,
    tenant: Tenant,
    key: Key,
    interval: Interval,
    cause: dict[str, Any],
    now: datetime,
) -> UUID | None:
    """Record the run of a firing; None where there is one already, or none can be.

    A run that cannot have its parameters is recorded as failed; without a live version there is
    only the record of the firing, which says so.
    """
    version = deployments.current(session, row.pipeline_id)
    if version is None:
        keep(session, row, None, cause, "the pipeline has no live version", now)
        return None
    run = run_of(row, version, key, interval, now)
    try:
        own = own_values(session, row, version, interval, run.id)
        run.parameters = run_parameters.values_of(version, tenant, own, interval)
    except InvalidInput as error:
        run.state, run.state_reason, run.ended_at = RunState.FAILED, error.detail, now
    if not runs.record(session, run, now):
        return None
    keep(session, row, run, cause, run.state_reason, now)
    return run.id


def run_of(
    row: TriggerRow, version: VersionRow, key: Key, interval: Interval, now: datetime
) -> RunRow:
    """Return the queued run of a firing, without its parameters."""
    return RunRow(
        id=new_id(),
        tenant=row.tenant,
        pipeline_id=row.pipeline_id,
        version_id=version.id,
        kind=RunKind.PIPELINE,
        trigger=row.type.kind,
        trigger_id=key.id,
        scheduled_at=key.at,
        state=RunState.QUEUED,
        logical_date=interval.logical_date,
        data_interval_start=interval.start,
        data_interval_end=interval.end,
        parameters={},
        metrics={},
        deadline=row.deadline_s and now + timedelta(seconds=row.deadline_s),
        not_before=now,
        created_at=now,
    )


def keep(
    session: Session,
    row: TriggerRow,
    run: RunRow | None,
    cause: Mapping[str, Any],
    reason: str | None,
    now: datetime,
) -> None:
    """Record what fired a trigger, with its event and its audit line."""
    run_id = None if run is None else run.id
    session.add(
        TriggerFiringRow(
            series=row.series,
            trigger_id=row.id,
            run_id=run_id,
            reason=reason,
            cause=dict(cause),
            at=now,
        )
    )
    session.flush()
    pipeline = session.get_one(PipelineRow, row.pipeline_id)
    detail = {"run": run_id and str(run_id), "cause": dict(cause), "reason": reason}
    triggers.changed(session, pipeline, row, "trigger.fired", audit.PLATFORM, detail, now)
