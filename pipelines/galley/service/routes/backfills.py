"""Backfills: the dry run, the order, and what people do with one under way."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from galley.domain.backfills import Backfill, BackfillDate, BackfillPlan, BackfillRequest
from galley.domain.model import Page
from galley.domain.tenants import Action
from galley.errors import NotFound
from galley.schedule import backfill, backfill_plan
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller
from galley.service.idempotency import IdempotencyKey, once
from galley.service.routes.access import FIFTY, Cursor, Limit
from galley.service.tenants_view import check_available
from galley.store import backfills

router = APIRouter(tags=["backfills"])
PATH = "/tenants/{tenant}/pipelines/{slug}/backfills"


@router.post(f"{PATH}/plan")
def plan_backfill(
    tenant: str, slug: str, body: BackfillRequest, caller: TheCaller, context: InContext
) -> BackfillPlan:
    """Return what a backfill would do; nothing is started."""
    caller.require(tenant, Action.READ)
    declared, now = context.tenant(tenant), context.clock()
    return context.store.read(
        lambda s: backfill_plan.plan(
            s, backfill_plan.draft(s, tenant, declared, slug, body, now), declared
        )
    )


@router.post(PATH, status_code=201, response_model=Backfill)
def start_backfill(
    tenant: str,
    slug: str,
    body: BackfillRequest,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Start a backfill: each of its dates is run once."""
    caller.require(tenant, Action.RUN)
    declared, now = context.tenant(tenant), context.clock()
    check_available(context.settings, tenant, declared)
    asked = once(request, context, caller.user, key, body, status=201)
    before = asked.replayed()
    if before is not None:
        return before
    # The dates are walked outside of the transaction, which all other writers wait for.
    draft = context.store.read(lambda s: backfill_plan.draft(s, tenant, declared, slug, body, now))
    return asked.do(lambda s: backfill.start(s, draft, caller.user, now))


@router.get(PATH)
def list_backfills_of_pipeline(
    tenant: str,
    slug: str,
    caller: TheCaller,
    context: InContext,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Backfill]:
    """Return the backfills of a pipeline, newest first."""
    caller.require(tenant, Action.READ)
    return context.store.read(
        lambda s: backfills.page(s, tenant, pipeline=slug, cursor=cursor, limit=limit)
    )


@router.get("/tenants/{tenant}/backfills")
def list_backfills(
    tenant: str,
    caller: TheCaller,
    context: InContext,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Backfill]:
    """Return the backfills of a tenant, newest first."""
    caller.require(tenant, Action.READ)
    return context.store.read(lambda s: backfills.page(s, tenant, cursor=cursor, limit=limit))


@router.get("/backfills/{backfill_id}")
def get_backfill(backfill_id: UUID, caller: TheCaller, context: InContext) -> Backfill:
    """Return one backfill and how far it is."""
    return _the_backfill(context, caller, backfill_id)


@router.get("/backfills/{backfill_id}/dates")
def list_backfill_dates(
    backfill_id: UUID,
    caller: TheCaller,
    context: InContext,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[BackfillDate]:
    """Return the dates of a backfill in the order in which they are run."""
    _the_backfill(context, caller, backfill_id)
    return context.store.read(lambda s: backfills.dates(s, backfill_id, cursor=cursor, limit=limit))


@router.post("/backfills/{backfill_id}/pause")
def pause_backfill(backfill_id: UUID, caller: TheCaller, context: InContext) -> Backfill:
    """Start no more dates; what is queued or running goes on to its end."""
    _the_backfill(context, caller, backfill_id, Action.RUN)
    now = context.clock()
    return context.store.write(lambda s: backfill.pause(s, backfill_id, caller.user, now))


@router.post("/backfills/{backfill_id}/resume")
def resume_backfill(backfill_id: UUID, caller: TheCaller, context: InContext) -> Backfill:
    """Start the remaining dates of a paused backfill."""
    _the_backfill(context, caller, backfill_id, Action.RUN)
    now = context.clock()
    return context.store.write(lambda s: backfill.resume(s, backfill_id, caller.user, now))


@router.post("/backfills/{backfill_id}/cancel")
def cancel_backfill(backfill_id: UUID, caller: TheCaller, context: InContext) -> Backfill:
    """Start no more dates, and end its runs that are queued or under way."""
    _the_backfill(context, caller, backfill_id, Action.RUN)
    now = context.clock()
    return context.store.write(lambda s: backfill.cancel(s, backfill_id, caller.user, now))


def _the_backfill(
    context: Context, caller: Caller, backfill_id: UUID, action: Action = Action.READ
) -> Backfill:
    found = context.store.read(lambda s: backfills.get(s, backfill_id))
    if found.tenant not in caller.actions:
        raise NotFound(f"There is no backfill {backfill_id}.")
    caller.require(found.tenant, action)
    return found
