"""Setting, pausing, resuming and removing the triggers of a pipeline."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from galley.domain import templates
from galley.domain.slugs import check_slug
from galley.domain.triggers import Trigger, TriggerChange, TriggerRequest
from galley.errors import Conflict, InvalidInput
from galley.notebook.templated import resolve
from galley.schedule import upstream
from galley.store import deployments, pipelines, run_parameters, triggers, versions
from galley.store.tables import PipelineRow
from galley.store.trigger_tables import TriggerRow

MOST = 50
"""Triggers of one pipeline."""


def add(
    session: Session, tenant: str, slug: str, request: TriggerRequest, by: str, now: datetime
) -> TriggerRow:
    """Put a new trigger in force.

    Raises:
        NotFound: there is no such pipeline.
        Conflict: it has a trigger of that name, or too many.
        InvalidInput: the name, the source or a parameter is not valid; ``field`` names it.
    """
    pipeline = pipelines.require(session, tenant, slug)
    check_slug(request.name, field="name")
    if triggers.find(session, pipeline.id, request.name) is not None:
        raise Conflict(
            f"The pipeline {slug!r} has a trigger {request.name!r} already: choose another name, "
            "or change that one.",
            field="name",
        )
    if triggers.count(session, pipeline.id) >= MOST:
        raise Conflict(f"The pipeline {slug!r} has {MOST} triggers, the most there may be.")
    return _put(session, pipeline, request.name, request, by, now)


def change(
    session: Session,
    tenant: str,
    slug: str,
    name: str,
    request: TriggerChange,
    by: str,
    now: datetime,
) -> Trigger:
    """Give a trigger another source or other parameters from ``now`` on.

    Raises:
        NotFound: there is no such pipeline or trigger.
        InvalidInput: the source is of another type, or as with :func:`add`.
    """
    pipeline, row = _the(session, tenant, slug, name)
    if request.source.type != row.type:
        raise InvalidInput(
            f"{name!r} is a trigger of type {row.type!s} and stays one: add another trigger.",
            field="source.type",
        )
    return triggers.get(session, _put(session, pipeline, name, request, by, now))


def pause(session: Session, tenant: str, slug: str, name: str, by: str, now: datetime) -> Trigger:
    """Stop firing until somebody resumes; what happens in between is never caught up.

    Raises:
        NotFound: there is no such pipeline or trigger.
        Conflict: it is paused already.
    """
    pipeline, row = _the(session, tenant, slug, name)
    if row.paused:
        raise Conflict(f"The trigger {name!r} is paused already, by {row.paused_by}.")
    triggers.pause(session, pipeline, row, by, now)
    return triggers.get(session, row)


def resume(session: Session, tenant: str, slug: str, name: str, by: str, now: datetime) -> Trigger:
    """Fire again, upon what happens from ``now`` on.

    Raises:
        NotFound: there is no such pipeline or trigger.
        Conflict: it is not paused.
    """
    pipeline, row = _the(session, tenant, slug, name)
    if not row.paused:
        raise Conflict(f"The trigger {name!r} is not paused.")
    triggers.resume(session, pipeline, row, by, now)
    return triggers.get(session, row)


def remove(
    session: Session, tenant: str, slug: str, name: str, by: str, now: datetime
) -> TriggerRow:
    """Take a trigger out of force and return its row; its history stays.

    Raises:
        NotFound: there is no such pipeline or trigger.
    """
    pipeline, row = _the(session, tenant, slug, name)
    triggers.end(session, pipeline, row, by, now)
    return row


def _the(session: Session, tenant: str, slug: str, name: str) -> tuple[PipelineRow, TriggerRow]:
    pipeline = pipelines.require(session, tenant, slug)
    return pipeline, triggers.require(session, pipeline, name)


def _put(
    session: Session,
    pipeline: PipelineRow,
    name: str,
    request: TriggerChange,
    by: str,
    now: datetime,
) -> TriggerRow:
    waits_for = upstream.resolve(session, pipeline, triggers.upstream_names(request.source))
    _check_parameters(session, pipeline, request, now)
    return triggers.put_in_force(session, pipeline, name, request, waits_for, by, now)


def _check_parameters(
    session: Session, pipeline: PipelineRow, request: TriggerChange, now: datetime
) -> None:
    """Hold the values against the live version, or the latest one, as if it fired now.

    No success is before it, as with the first run of a pipeline.
    """
    version = deployments.current(session, pipeline.id)
    if version is None:
        number = versions.latest_number(session, pipeline.id) or 1
        version = versions.require_number(session, pipeline.tenant, pipeline.slug, number)
    context = templates.Context(now, now, now, UUID(int=0), None, ZoneInfo("UTC"))
    resolve(run_parameters.schema_of(version), request.parameters, context)
