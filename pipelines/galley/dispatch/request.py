"""Running a pipeline now, as the tenant, or trying a version as oneself."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from galley.domain.runs import Run, RunKind, RunRequest, RunState, TriggerKind
from galley.domain.tenants import Tenant
from galley.errors import InvalidInput
from galley.store import (
    deployments,
    pipelines,
    run_parameters,
    runnable,
    runs,
    schedules,
    versions,
)
from galley.store.columns import new_id
from galley.store.tables import PipelineRow, RunRow, VersionRow


def request_run(
    session: Session,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    request: RunRequest,
    by: str,
    now: datetime,
) -> Run:
    """Record a run of the live version, or of another approved one.

    Raises:
        NotFound: there is no such pipeline or version.
        Conflict: nothing is live, or the version is not approved.
        InvalidInput: an unknown, ill-typed or missing parameter; ``field`` names it.
    """
    pipeline = pipelines.require(session, tenant_name, slug)
    version = runnable.version(session, pipeline, request.version)
    return _record(session, tenant, pipeline, version, RunKind.PIPELINE, request, by, now)


def request_trial(
    session: Session,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    request: RunRequest,
    by: str,
    now: datetime,
) -> Run:
    """Record a trial: a version in any state, run as ``by``; the version's state never changes.

    Args:
        request: without a version, the live one is tried, else the latest.

    Raises:
        NotFound: there is no such pipeline or version.
        InvalidInput: an unknown, ill-typed or missing parameter, or it is to be incremental;
            ``field`` names it.
    """
    if request.incremental:
        raise InvalidInput(
            "A trial executes all tasks: it has the rights and the folder of a person, where "
            "nothing of earlier runs is kept. Leave out `incremental`.",
            field="incremental",
        )
    pipeline = pipelines.require(session, tenant_name, slug)
    number = request.version
    live = deployments.current(session, pipeline.id) if number is None else None
    if number is None and live is None:
        number = versions.latest_number(session, pipeline.id)
    version = live or versions.require_number(session, tenant_name, slug, number or 1)
    return _record(session, tenant, pipeline, version, RunKind.TRIAL, request, by, now)


def _record(
    session: Session,
    tenant: Tenant,
    pipeline: PipelineRow,
    version: VersionRow,
    kind: RunKind,
    request: RunRequest,
    by: str,
    now: datetime,
) -> Run:
    interval = schedules.interval_before(session, pipeline.id, request.logical_date or now)
    run_id = new_id()
    row = RunRow(
        id=run_id,
        tenant=pipeline.tenant,
        pipeline_id=pipeline.id,
        version_id=version.id,
        kind=kind,
        trigger=TriggerKind.MANUAL,
        trigger_id=run_id,
        scheduled_at=now,
        requested_by=by,
        state=RunState.QUEUED,
        logical_date=interval.logical_date,
        data_interval_start=interval.start,
        data_interval_end=interval.end,
        parameters=run_parameters.values_of(version, tenant, request.parameters, interval),
        metrics={},
        not_before=now,
        priority=request.priority,
        deadline=request.deadline_s and now + timedelta(seconds=request.deadline_s),
        incremental=request.incremental,
        created_at=now,
    )
    runs.record(session, row, now)
    return runs.get(session, run_id)
