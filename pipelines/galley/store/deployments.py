"""Which version is live: a pointer with a history."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session, load_only

from galley.store.tables import CHAMPION, DeploymentRow, PipelineRow, VersionRow


def current(session: Session, pipeline_id: UUID) -> VersionRow | None:
    """Return the live version of a pipeline, or None."""
    return session.scalar(
        select(VersionRow)
        .join(DeploymentRow, DeploymentRow.version_id == VersionRow.id)
        .where(
            DeploymentRow.pipeline_id == pipeline_id,
            DeploymentRow.role == CHAMPION,
            DeploymentRow.until.is_(None),
        )
    )


class Live(NamedTuple):
    """The live version of a pipeline, and the pipeline's slug."""

    version: VersionRow
    slug: str


def current_of(session: Session, pipelines: Collection[UUID]) -> dict[UUID, Live]:
    """Return the live versions of ``pipelines``, those of them that have one."""
    rows = session.execute(
        select(VersionRow, PipelineRow.slug)
        .join(DeploymentRow, DeploymentRow.version_id == VersionRow.id)
        .join(PipelineRow, PipelineRow.id == DeploymentRow.pipeline_id)
        .where(
            DeploymentRow.pipeline_id.in_(pipelines),
            DeploymentRow.role == CHAMPION,
            DeploymentRow.until.is_(None),
        )
        # What its runs are made of; the rest of many versions would take most of the time.
        .options(load_only(VersionRow.pipeline_id, VersionRow.analysis, VersionRow.defaults))
    )
    return {version.pipeline_id: Live(version, slug) for version, slug in rows}


def was_deployed(session: Session, version_id: UUID) -> bool:
    """Whether the version is or ever was live."""
    query = select(DeploymentRow.id).where(DeploymentRow.version_id == version_id).limit(1)
    return session.scalar(query) is not None


def put(session: Session, version: VersionRow, by: str, reason: str, now: datetime) -> None:
    """Make ``version`` the live one; the one before keeps its place in the history."""
    session.execute(
        update(DeploymentRow)
        .where(
            DeploymentRow.pipeline_id == version.pipeline_id,
            DeploymentRow.role == CHAMPION,
            DeploymentRow.until.is_(None),
        )
        .values(until=now)
    )
    session.add(
        DeploymentRow(
            pipeline_id=version.pipeline_id,
            role=CHAMPION,
            version_id=version.id,
            since=now,
            deployed_by=by,
            reason=reason,
        )
    )
    session.flush()
