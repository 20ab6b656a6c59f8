"""Publishing: a new version of a pipeline, and the rehearsal that comes before any review."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.tenants import Tenant
from galley.domain.versions import Analysis, PublishRequest, VersionState
from galley.notebook import parameters
from galley.review.refusals import check_publish, reviewed_settings
from galley.store import deployments, pipelines, run_parameters, runs, version_arrows
from galley.store.columns import new_id
from galley.store.tables import PipelineRow, RunRow, VersionRow


def publish(
    session: Session,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    author: str,
    request: PublishRequest,
    analysis: Analysis,
    digest: str,
    project_blob: str,
    notebook_blob: str,
    now: datetime,
) -> UUID:
    """Record the next version of (tenant, slug) and queue its rehearsal; return its id.

    Args:
        digest: SHA-256 of the version's manifest: what approvals will be bound to.
        project_blob, notebook_blob: keys of the version's content in the blob store.

    Raises:
        Forbidden, InvalidInput, Conflict: see :func:`~galley.review.refusals.check_publish`.
    """
    check_publish(session, tenant_name, tenant, slug, author, request, analysis, digest, now)
    pipeline = _pipeline(session, tenant_name, slug, author, request, now)
    version = VersionRow(
        pipeline_id=pipeline.id,
        tenant=tenant_name,
        number=_next_number(session, pipeline.id),
        state=VersionState.REHEARSING,
        digest=digest,
        author=author,
        owner=request.owner or pipeline.owner,
        name=request.name,
        description=request.description,
        note=request.note,
        profile=request.profile or tenant.first_profile,
        defaults=request.defaults,
        rehearsal_parameters={
            **parameters.rehearsal_parameters(request.notebook, analysis.parameters),
            **request.rehearsal_parameters,
        },
        rehearse_only=request.rehearse_only,
        layout=None if request.layout is None else request.layout.model_dump(mode="json"),
        prove=request.prove,
        published_digest=digest,
        source_path=request.source_path,
        analysis=analysis.model_dump(mode="json"),
        gates=[str(gate) for gate in tenant.review.gates],
        project_blob=project_blob,
        notebook_blob=notebook_blob,
        created_at=now,
        updated_at=now,
        **reviewed_settings(request),
    )
    session.add(version)
    session.flush()
    version_arrows.created(session, version, pipeline, now)
    version.rehearsal_run_id = _queue_rehearsal(session, version, tenant, now)
    session.flush()
    return version.id


def _pipeline(
    session: Session,
    tenant_name: str,
    slug: str,
    author: str,
    request: PublishRequest,
    now: datetime,
) -> PipelineRow:
    """Return the pipeline, created or, while nothing of it is live, with what is said now."""
    row = pipelines.find(session, tenant_name, slug)
    if row is None:
        row = pipelines.create(
            session,
            PipelineRow(
                tenant=tenant_name,
                slug=slug,
                name=request.name,
                description=request.description,
                owner=request.owner or author,
                goal=reviewed_settings(request)["goal"],
                source_path=request.source_path,
                created_at=now,
            ),
        )
        pipelines.changed(session, row, {"created": True}, now)
        return row
    row.source_path = request.source_path
    if deployments.current(session, row.id) is None:
        row.name, row.description = request.name, request.description
        row.owner = request.owner or row.owner
        row.goal = reviewed_settings(request)["goal"]
    session.flush()
    return row


def _next_number(session: Session, pipeline_id: UUID) -> int:
    latest = session.scalar(
        select(func.max(VersionRow.number)).where(VersionRow.pipeline_id == pipeline_id)
    )
    return (latest or 0) + 1


def _queue_rehearsal(session: Session, version: VersionRow, tenant: Tenant, now: datetime) -> UUID:
    """Record the run that tries the version with its author's rights."""
    interval = run_parameters.Interval(now, now, now)
    run = RunRow(
        id=new_id(),
        tenant=version.tenant,
        pipeline_id=version.pipeline_id,
        version_id=version.id,
        kind=RunKind.REHEARSAL,
        trigger=TriggerKind.REHEARSAL,
        trigger_id=version.id,
        scheduled_at=now,
        requested_by=version.author,
        state=RunState.QUEUED,
        logical_date=interval.logical_date,
        data_interval_start=interval.start,
        data_interval_end=interval.end,
        parameters=run_parameters.values_of(
            version, tenant, version.rehearsal_parameters, interval
        ),
        metrics={},
        not_before=now,
        created_at=now,
    )
    runs.record(session, run, now)
    return run.id
