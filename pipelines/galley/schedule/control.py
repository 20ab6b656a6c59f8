"""Setting, pausing and resuming the schedule of a pipeline."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from galley.domain.pipelines import Pipeline
from galley.domain.schedules import Firing, ScheduleRequest
from galley.domain.tenants import Tenant
from galley.errors import Conflict
from galley.notebook.templated import check_schedule
from galley.schedule.preview import explained
from galley.store import deployments, pipelines, run_parameters, schedules
from galley.store.tables import PipelineRow, ScheduleRow


def next_firings(
    session: Session, tenant: str, slug: str, count: int, now: datetime
) -> list[Firing]:
    """Return the next firings of a pipeline; none while it is paused or has no schedule."""
    row = schedules.in_force(session, pipelines.require(session, tenant, slug).id)
    if row is None or row.paused:
        return []
    found = explained(schedules.cron_of(row), schedules.request_of(row), now, count)
    if not row.jitter_s:
        return found
    return [one.model_copy(update={"due": schedules.due_at(row, one.at)}) for one in found]


def set_schedule(
    session: Session,
    tenant_name: str,
    tenant: Tenant,
    slug: str,
    request: ScheduleRequest,
    by: str,
    now: datetime,
) -> Pipeline:
    """Put ``request`` in force, where the tenant asks for no review.

    Raises:
        NotFound: there is no such pipeline.
        Conflict: schedules of this tenant are reviewed with a version.
        InvalidInput: the schedule is not acceptable; ``field`` says what of it.
    """
    pipeline = pipelines.require(session, tenant_name, slug)
    if tenant.review.gates:
        raise Conflict(
            f"Schedules of tenant {tenant_name!r} are reviewed: publish a version that carries "
            "the new schedule."
        )
    live = deployments.current(session, pipeline.id)
    check_schedule(request, None if live is None else run_parameters.schema_of(live), now)
    schedules.put_in_force(session, pipeline, request, version_id=None, by=by, now=now)
    return pipelines.get(session, tenant_name, slug)


def pause(session: Session, tenant: str, slug: str, by: str, now: datetime) -> Pipeline:
    """Stop firing until somebody resumes; what falls in between is never caught up.

    Raises:
        NotFound: there is no such pipeline.
        Conflict: it has no schedule, or is paused already.
    """
    pipeline, row = _schedule(session, tenant, slug)
    if row.paused:
        raise Conflict(f"The schedule of {slug!r} is paused already, by {row.paused_by}.")
    schedules.pause(session, pipeline, row, by, now)
    return pipelines.get(session, tenant, slug)


def resume(session: Session, tenant: str, slug: str, by: str, now: datetime) -> Pipeline:
    """Fire again, from the next firing after ``now`` on.

    Raises:
        NotFound: there is no such pipeline.
        Conflict: it has no schedule, or is not paused.
    """
    pipeline, row = _schedule(session, tenant, slug)
    if not row.paused:
        raise Conflict(f"The schedule of {slug!r} is not paused.")
    schedules.resume(session, pipeline, row, by, now)
    return pipelines.get(session, tenant, slug)


def _schedule(session: Session, tenant: str, slug: str) -> tuple[PipelineRow, ScheduleRow]:
    pipeline = pipelines.require(session, tenant, slug)
    row = schedules.in_force(session, pipeline.id)
    if row is None:
        raise Conflict(f"The pipeline {slug!r} has no schedule.")
    return pipeline, row
