"""Pipelines: finding, listing and creating them, and how a row becomes the model."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from galley.domain.events import EventKind
from galley.domain.model import Page
from galley.domain.pipelines import Goal, Pipeline
from galley.domain.schedules import Schedule
from galley.errors import NotFound
from galley.store import cursors, events, schedules
from galley.store.tables import CHAMPION, DeploymentRow, PipelineRow, ScheduleRow, VersionRow


def find(session: Session, tenant: str, slug: str) -> PipelineRow | None:
    """Return the row of (tenant, slug), or None."""
    return session.scalar(
        select(PipelineRow).where(PipelineRow.tenant == tenant, PipelineRow.slug == slug)
    )


def require(session: Session, tenant: str, slug: str) -> PipelineRow:
    """Return the row of (tenant, slug); raises NotFound."""
    row = find(session, tenant, slug)
    if row is None:
        raise NotFound(f"There is no pipeline {slug[:100]!r} in tenant {tenant!r}.")
    return row


def find_id(session: Session, tenant: str, slug: str) -> UUID | None:
    """Return the pipeline's id, or None."""
    row = find(session, tenant, slug)
    return None if row is None else row.id


def owner_of(session: Session, tenant: str, slug: str) -> str | None:
    """Return who owns the pipeline; None where there is none."""
    row = find(session, tenant, slug)
    return None if row is None else row.owner


def is_yours(session: Session, tenant: str, slug: str, user: str) -> bool:
    """Whether ``user`` owns the pipeline or is the author of one of its versions."""
    row = find(session, tenant, slug)
    if row is None:
        return False
    own_version = (
        select(VersionRow.id)
        .where(VersionRow.pipeline_id == row.id, VersionRow.author == user)
        .limit(1)
    )
    return row.owner == user or session.scalar(own_version) is not None


def get(session: Session, tenant: str, slug: str) -> Pipeline:
    """Return one pipeline; raises NotFound."""
    return models(session, [require(session, tenant, slug)])[0]


def page(
    session: Session,
    tenant: str,
    *,
    q: str | None = None,
    source_path: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Pipeline]:
    """Return the pipelines of ``tenant`` in the order of their slugs.

    Args:
        q: part of the slug, name or owner; case does not matter.
        source_path: only those whose latest version was published from this path.
    """
    query = select(PipelineRow).where(PipelineRow.tenant == tenant).order_by(PipelineRow.slug)
    if q:
        columns = (PipelineRow.slug, PipelineRow.name, PipelineRow.owner)
        query = query.where(or_(*(column.icontains(q, autoescape=True) for column in columns)))
    if source_path is not None:
        query = query.where(PipelineRow.source_path == source_path)
    if cursor is not None:
        query = query.where(PipelineRow.slug > cursors.decode(cursor))
    limit = cursors.clamp(limit)
    rows = session.scalars(query.limit(limit + 1)).all()
    return cursors.page_of(rows, limit, lambda kept: models(session, kept), lambda row: row.slug)


def create(session: Session, row: PipelineRow) -> PipelineRow:
    """Insert a pipeline."""
    session.add(row)
    session.flush()
    return row


def changed(session: Session, row: PipelineRow, data: dict[str, Any], now: datetime) -> None:
    """Append the event that the pipeline changed."""
    events.append(
        session,
        tenant=row.tenant,
        kind=EventKind.PIPELINE_CHANGED,
        subject=row.id,
        pipeline=row.slug,
        data=data,
        now=now,
    )


def models(session: Session, rows: Sequence[PipelineRow]) -> list[Pipeline]:
    """Return rows as models, with a fixed number of queries."""
    ids = [row.id for row in rows]
    live = _live_numbers(session, ids)
    latest = dict(
        session.execute(
            select(VersionRow.pipeline_id, func.max(VersionRow.number))
            .where(VersionRow.pipeline_id.in_(ids))
            .group_by(VersionRow.pipeline_id)
        ).all()
    )
    in_force = {
        row.pipeline_id: schedule_model(row)
        for row in session.scalars(
            select(ScheduleRow).where(ScheduleRow.pipeline_id.in_(ids), ScheduleRow.until.is_(None))
        )
    }
    return [_model(row, live.get(row.id), latest.get(row.id), in_force.get(row.id)) for row in rows]


def _live_numbers(session: Session, ids: Sequence[UUID]) -> dict[UUID, int]:
    query = (
        select(DeploymentRow.pipeline_id, VersionRow.number)
        .join(VersionRow, VersionRow.id == DeploymentRow.version_id)
        .where(
            DeploymentRow.pipeline_id.in_(ids),
            DeploymentRow.role == CHAMPION,
            DeploymentRow.until.is_(None),
        )
    )
    return dict(session.execute(query).all())


def schedule_model(row: ScheduleRow) -> Schedule:
    """Return the schedule in force as its model; its id is that of the series."""
    return Schedule(
        id=row.series,
        **dict(schedules.request_of(row)),
        paused=row.paused,
        paused_by=row.paused_by,
        next_firing=row.next_firing,
        since=row.since,
    )


def _model(
    row: PipelineRow, live: int | None, latest: int | None, schedule: Schedule | None
) -> Pipeline:
    return Pipeline(
        id=row.id,
        tenant=row.tenant,
        slug=row.slug,
        name=row.name,
        description=row.description,
        owner=row.owner,
        goal=None if row.goal is None else Goal.model_validate(row.goal),
        live_version=live,
        latest_version=latest,
        schedule=schedule,
        next_firing=schedule.next_firing if schedule and live is not None else None,
        source_path=row.source_path,
        created_at=row.created_at,
    )
