"""Deployment: which version is live, and with it which schedule is in force."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from galley.domain.model import in_words
from galley.domain.pipelines import Pipeline
from galley.domain.schedules import ScheduleRequest
from galley.domain.versions import VersionState
from galley.errors import Conflict
from galley.store import audit, deployments, pipelines, schedules, versions
from galley.store.tables import PipelineRow, VersionRow


def deploy(
    session: Session,
    tenant_name: str,
    slug: str,
    number: int,
    by: str,
    reason: str,
    now: datetime,
) -> Pipeline:
    """Make version ``number`` the live one: a roll back or forward.

    Raises:
        NotFound: there is no such pipeline or version.
        Conflict: the version is not approved, or it is live already.
    """
    version = versions.require_number(session, tenant_name, slug, number)
    if version.state is not VersionState.APPROVED:
        raise Conflict(
            f"Version {number} of {slug!r} is {in_words(version.state)}: only an approved version "
            "can be made live.",
            state=str(version.state),
        )
    live = deployments.current(session, version.pipeline_id)
    if live is not None and live.id == version.id:
        raise Conflict(f"Version {number} of {slug!r} is live already.")
    put_live(session, version, by, reason, now)
    return pipelines.get(session, tenant_name, slug)


def put_live_unless_older(
    session: Session, version: VersionRow, by: str, reason: str, now: datetime
) -> None:
    """Point the pipeline at ``version``, which was just approved, unless a newer one is live.

    Versions are approved in any order; what an earlier one lacks must not come back unasked.
    """
    live = deployments.current(session, version.pipeline_id)
    if live is None or live.number < version.number:
        put_live(session, version, by, reason, now)


def put_live(session: Session, version: VersionRow, by: str, reason: str, now: datetime) -> None:
    """Point the pipeline at ``version`` and let its schedule come into force."""
    pipeline = session.get_one(PipelineRow, version.pipeline_id)
    before = deployments.current(session, pipeline.id)
    deployments.put(session, version, by, reason, now)
    pipeline.name, pipeline.description = version.name, version.description
    pipeline.owner, pipeline.goal = version.owner, version.goal
    session.flush()
    audit.append(
        session,
        tenant=version.tenant,
        actor=by,
        action="pipeline.deployed",
        subject=f"pipeline/{pipeline.slug}",
        detail={
            "version": version.number,
            "before": None if before is None else before.number,
            "reason": reason,
        },
        now=now,
    )
    pipelines.changed(session, pipeline, {"live": version.number}, now)
    _schedule(session, pipeline, version, by, now)


def _schedule(
    session: Session, pipeline: PipelineRow, version: VersionRow, by: str, now: datetime
) -> None:
    """Put the version's schedule in force.

    A version without one ends a schedule that another version brought; a schedule that an
    operator set stays.
    """
    if version.schedule is not None:
        schedules.put_in_force(
            session,
            pipeline,
            ScheduleRequest.model_validate(version.schedule),
            version_id=version.id,
            by=by,
            now=now,
        )
        return
    current = schedules.in_force(session, pipeline.id)
    if current is not None and current.version_id is not None:
        schedules.end(session, pipeline, by, now)
