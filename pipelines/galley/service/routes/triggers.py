"""Triggers of a pipeline: what starts its runs beside the schedule and people."""

from __future__ import annotations

import secrets
from uuid import UUID

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.responses import Response

from galley.domain.model import Page
from galley.domain.tenants import Action
from galley.domain.triggers import (
    FileSource,
    Source,
    Trigger,
    TriggerChange,
    TriggerFiring,
    TriggerMade,
    TriggerRequest,
    TriggerType,
)
from galley.errors import Conflict
from galley.schedule import triggers as control
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller
from galley.service.routes.access import FIFTY, Cursor, Limit
from galley.service.watching import check_reachable, locate
from galley.store import hook_secrets, pipelines, trigger_firings, triggers
from galley.vault import Place

router = APIRouter(tags=["triggers"])
PATH = "/tenants/{tenant}/pipelines/{slug}/triggers"
SECRET_BYTES = 32


@router.get("/tenants/{tenant}/triggers")
def list_triggers(tenant: str, caller: TheCaller, context: InContext) -> Page[Trigger]:
    """Return the triggers of a tenant, by pipeline and name."""
    caller.require(tenant, Action.READ)
    found = context.store.read(lambda s: triggers.of_tenant(s, tenant))
    return Page[Trigger](items=found)


@router.get(PATH)
def list_triggers_of_pipeline(
    tenant: str, slug: str, caller: TheCaller, context: InContext
) -> Page[Trigger]:
    """Return the triggers of a pipeline, by name."""
    caller.require(tenant, Action.READ)
    found = context.store.read(lambda s: triggers.of_tenant(s, tenant, pipeline=slug))
    return Page[Trigger](items=found)


@router.post(PATH, status_code=201)
def add_trigger(
    tenant: str, slug: str, body: TriggerRequest, caller: TheCaller, context: InContext
) -> TriggerMade:
    """Add a trigger; the secret of a webhook is in this answer and in no other."""
    _may_set(context, caller, tenant)
    _check_source(context, tenant, body.source)
    now, secret = context.clock(), secrets.token_urlsafe(SECRET_BYTES)

    def add(session: Session) -> TriggerMade:
        row = control.add(session, tenant, slug, body, caller.user, now)
        if row.type is not TriggerType.WEBHOOK:
            return TriggerMade(trigger=triggers.get(session, row))
        sealed = context.vault.seal(_place(tenant, row.series), secret)
        hook_secrets.put(session, tenant, row.series, sealed, caller.user, now)
        return TriggerMade(trigger=triggers.get(session, row), secret=secret)

    return context.store.write(add)


@router.put(f"{PATH}/{{name}}")
def change_trigger(
    tenant: str, slug: str, name: str, body: TriggerChange, caller: TheCaller, context: InContext
) -> Trigger:
    """Give a trigger another source of the same type, or other parameters, from now on."""
    _may_set(context, caller, tenant)
    _check_source(context, tenant, body.source)
    now = context.clock()
    return context.store.write(
        lambda s: control.change(s, tenant, slug, name, body, caller.user, now)
    )


@router.delete(f"{PATH}/{{name}}", status_code=204)
def remove_trigger(
    tenant: str, slug: str, name: str, caller: TheCaller, context: InContext
) -> Response:
    """Take a trigger out of force; what it fired stays in the log."""
    _may_set(context, caller, tenant)
    now = context.clock()

    def remove(session: Session) -> None:
        row = control.remove(session, tenant, slug, name, caller.user, now)
        hook_secrets.forget(session, tenant, row.series)

    context.store.write(remove)
    return Response(status_code=204)


@router.post(f"{PATH}/{{name}}/secret")
def renew_trigger_secret(
    tenant: str, slug: str, name: str, caller: TheCaller, context: InContext
) -> TriggerMade:
    """Give a webhook a new secret; the one before is worth nothing from now on."""
    _may_set(context, caller, tenant)
    now, secret = context.clock(), secrets.token_urlsafe(SECRET_BYTES)

    def renew(session: Session) -> TriggerMade:
        pipeline = pipelines.require(session, tenant, slug)
        row = triggers.require(session, pipeline, name)
        if row.type is not TriggerType.WEBHOOK:
            raise Conflict(f"The trigger {name!r} is no webhook: it has no secret.")
        sealed = context.vault.seal(_place(tenant, row.series), secret)
        hook_secrets.put(session, tenant, row.series, sealed, caller.user, now)
        triggers.changed(session, pipeline, row, "trigger.new_secret", caller.user, {}, now)
        return TriggerMade(trigger=triggers.get(session, row), secret=secret)

    return context.store.write(renew)


@router.post(f"{PATH}/{{name}}/pause")
def pause_trigger(
    tenant: str, slug: str, name: str, caller: TheCaller, context: InContext
) -> Trigger:
    """Let a trigger rest; what happens meanwhile is not caught up."""
    caller.require(tenant, Action.OPERATE)
    now = context.clock()
    return context.store.write(lambda s: control.pause(s, tenant, slug, name, caller.user, now))


@router.post(f"{PATH}/{{name}}/resume")
def resume_trigger(
    tenant: str, slug: str, name: str, caller: TheCaller, context: InContext
) -> Trigger:
    """Let a trigger fire again, from now on."""
    caller.require(tenant, Action.OPERATE)
    now = context.clock()
    return context.store.write(lambda s: control.resume(s, tenant, slug, name, caller.user, now))


@router.get(f"{PATH}/{{name}}/firings")
def list_trigger_firings(
    tenant: str,
    slug: str,
    name: str,
    caller: TheCaller,
    context: InContext,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[TriggerFiring]:
    """Return when a trigger fired, upon what, and which run came of it; newest first.

    Of one that was removed too, until another has its name.
    """
    caller.require(tenant, Action.READ)

    def firings(session: Session) -> Page[TriggerFiring]:
        row = triggers.latest(session, pipelines.require(session, tenant, slug), name)
        return trigger_firings.page(session, row.series, cursor=cursor, limit=limit)

    return context.store.read(firings)


def _may_set(context: Context, caller: Caller, tenant: str) -> None:
    """Ask for the right to deploy where versions are reviewed: a trigger changes what runs."""
    caller.require(tenant, Action.READ)
    reviewed = context.tenant(tenant).review.gates
    caller.require(tenant, Action.DEPLOY if reviewed else Action.OPERATE)


def _check_source(context: Context, tenant: str, source: Source) -> None:
    if isinstance(source, FileSource):
        check_reachable(locate(context.settings, tenant, context.tenant(tenant), source.url))


def _place(tenant: str, series: UUID) -> Place:
    return Place(tenant, hook_secrets.owner_of(series), hook_secrets.NAME)
