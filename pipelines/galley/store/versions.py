"""Versions: finding and listing them, and how rows become the model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, and_, cast, exists, func, or_, select, update
from sqlalchemy.orm import Session

from galley.domain.model import Model, Page
from galley.domain.tenants import Gate
from galley.domain.versions import Version, VersionState
from galley.errors import NotFound
from galley.store import cursors, deployments, pipelines
from galley.store.tables import AttemptRow, DecisionRow, TaskTryRow, VersionRow
from galley.store.version_models import models

REVIEWED = (VersionState.IN_REVIEW, VersionState.APPROVED, VersionState.REJECTED)


def all_blobs(session: Session, tenant: str | None = None) -> set[str]:
    """Return the keys of everything that versions have in the blob store."""
    query = select(VersionRow.project_blob, VersionRow.notebook_blob)
    if tenant is not None:
        query = query.where(VersionRow.tenant == tenant)
    return {key for row in session.execute(query) for key in row}


class VersionBlobs(Model):
    """Keys of a version's content in the blob store."""

    project: str
    notebook: str


class VersionValues(Model):
    """Parameter values that were published with a version."""

    defaults: dict[str, Any]
    rehearsal_parameters: dict[str, Any]


def require(session: Session, version_id: UUID) -> VersionRow:
    """Return the row of a version; raises NotFound."""
    row = session.get(VersionRow, version_id)
    if row is None:
        raise NotFound(f"There is no version {version_id}.")
    return row


def require_number(session: Session, tenant: str, slug: str, number: int) -> VersionRow:
    """Return the row of version ``number`` of a pipeline; raises NotFound."""
    pipeline = pipelines.require(session, tenant, slug)
    row = session.scalar(
        select(VersionRow).where(VersionRow.pipeline_id == pipeline.id, VersionRow.number == number)
    )
    if row is None:
        raise NotFound(f"Pipeline {slug!r} has no version {number}.")
    return row


def latest_number(session: Session, pipeline_id: UUID) -> int | None:
    """Return the number of the newest version of a pipeline; None where it has none."""
    query = select(func.max(VersionRow.number)).where(VersionRow.pipeline_id == pipeline_id)
    return session.scalar(query)


def get(session: Session, version_id: UUID) -> Version:
    """Return one version; raises NotFound."""
    return models(session, [require(session, version_id)])[0]


def by_number(session: Session, tenant: str, slug: str, number: int) -> Version:
    """Return version ``number`` of a pipeline; raises NotFound."""
    return models(session, [require_number(session, tenant, slug, number)])[0]


def live(session: Session, tenant: str, slug: str) -> Version | None:
    """Return the live version of a pipeline, or None; raises NotFound for the pipeline."""
    row = deployments.current(session, pipelines.require(session, tenant, slug).id)
    return None if row is None else models(session, [row])[0]


def page(
    session: Session, tenant: str, slug: str, *, cursor: str | None = None, limit: int = 50
) -> Page[Version]:
    """Return the versions of a pipeline, newest first."""
    pipeline = pipelines.require(session, tenant, slug)
    query = select(VersionRow).where(VersionRow.pipeline_id == pipeline.id)
    return _page(session, query, cursor, limit)


def reviews(
    session: Session,
    tenant: str,
    *,
    waiting: bool = True,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Version]:
    """Return the versions of ``tenant`` that wait for review, or all that ever reached it."""
    states = (VersionState.IN_REVIEW,) if waiting else REVIEWED
    query = select(VersionRow).where(VersionRow.tenant == tenant, VersionRow.state.in_(states))
    return _page(session, query, cursor, limit)


def waiting_for(
    session: Session,
    gates: Mapping[str, Collection[Gate]],
    user: str,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Version]:
    """Return the versions that ``user`` may decide on now, newest first.

    Args:
        gates: tenant → gates at which the user may decide.
    """
    decided_by_user = exists().where(
        DecisionRow.version_id == VersionRow.id, DecisionRow.reviewer == user
    )
    open_here = [
        and_(
            VersionRow.tenant == tenant,
            cast(VersionRow.gates, String).contains(f'"{gate.value}"', autoescape=True),
            ~exists().where(DecisionRow.version_id == VersionRow.id, DecisionRow.gate == gate),
        )
        for tenant, own in gates.items()
        for gate in own
    ]
    if not open_here:
        return Page(items=[])
    query = select(VersionRow).where(
        VersionRow.state == VersionState.IN_REVIEW,
        VersionRow.author != user,
        ~decided_by_user,
        or_(*open_here),
    )
    return _page(session, query, cursor, limit)


def _page(
    session: Session, query: Select[VersionRow], cursor: str | None, limit: int
) -> Page[Version]:
    if cursor is not None:
        query = query.where(VersionRow.id < cursors.decode_id(cursor))
    limit = cursors.clamp(limit)
    rows = session.scalars(query.order_by(VersionRow.id.desc()).limit(limit + 1)).all()
    return cursors.page_of(rows, limit, lambda kept: models(session, kept), lambda row: row.id)


def blobs(session: Session, version_id: UUID) -> VersionBlobs:
    """Return where the content of a version lies; raises NotFound."""
    row = require(session, version_id)
    return VersionBlobs(project=row.project_blob, notebook=row.notebook_blob)


def defaults(session: Session, version_id: UUID) -> VersionValues:
    """Return the parameter values published with a version; raises NotFound."""
    row = require(session, version_id)
    return VersionValues(defaults=row.defaults, rehearsal_parameters=row.rehearsal_parameters)


def rehearsal_notebook(session: Session, version_id: UUID) -> str | None:
    """Return the key of the notebook that the latest rehearsal executed, or None."""
    row = require(session, version_id)
    return session.scalar(
        select(TaskTryRow.notebook_blob)
        .join(AttemptRow, AttemptRow.id == TaskTryRow.attempt_id)
        .where(AttemptRow.run_id == row.rehearsal_run_id, TaskTryRow.notebook_blob.is_not(None))
        .order_by(AttemptRow.number.desc(), TaskTryRow.position)
        .limit(1)
    )


def unmirrored(session: Session, limit: int = 100) -> list[Version]:
    """Return versions that reached review and have no commit in the mirror yet, oldest first."""
    rows = session.scalars(
        select(VersionRow)
        .where(VersionRow.mirror_commit.is_(None), VersionRow.state.in_(REVIEWED))
        .order_by(VersionRow.id)
        .limit(limit)
    ).all()
    return models(session, rows) if rows else []


def set_commit(session: Session, version_id: UUID, commit: str) -> None:
    """Remember the commit that mirrors a version."""
    require(session, version_id)
    session.execute(
        update(VersionRow).where(VersionRow.id == version_id).values(mirror_commit=commit)
    )


def commit_of(session: Session, version_id: UUID) -> str | None:
    """Return the commit that mirrors a version, or None."""
    return require(session, version_id).mirror_commit


def set_progress(
    session: Session, version_id: UUID, progress: dict[str, Any], now: datetime
) -> VersionRow:
    """Remember how far the rehearsal is."""
    row = require(session, version_id)
    row.progress, row.updated_at = progress, now
    session.flush()
    return row
