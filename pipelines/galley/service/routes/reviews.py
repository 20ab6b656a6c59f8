"""Reviews: what waits for whom, and decisions."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from galley import review
from galley.domain.events import AuditEntry
from galley.domain.model import Page
from galley.domain.reviews import DecisionRequest
from galley.domain.tenants import Action, Gate
from galley.domain.versions import Version
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller
from galley.service.idempotency import IdempotencyKey, once
from galley.service.routes.access import FIFTY, Cursor, Limit, the_version
from galley.store import audit, versions

router = APIRouter(tags=["reviews"])


class Which(StrEnum):
    """Which reviews of a tenant."""

    WAITING = "waiting"
    ALL = "all"


@router.get("/reviews")
def list_waiting_reviews(
    caller: TheCaller, context: InContext, cursor: Cursor = None, limit: Limit = FIFTY
) -> Page[Version]:
    """Return the versions that wait for the caller, over all tenants.

    By the caller's roles: a server's token may list them and may decide none of them.
    """
    gates = _gates(context, caller)
    return context.store.read(
        lambda s: versions.waiting_for(s, gates, caller.user, cursor=cursor, limit=limit)
    )


@router.get("/tenants/{tenant}/reviews")
def list_reviews(
    tenant: str,
    caller: TheCaller,
    context: InContext,
    state: Which = Which.WAITING,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Version]:
    """Return the versions of a tenant that are, or once were, in review."""
    caller.require(tenant, Action.READ)
    waiting = state is Which.WAITING
    return context.store.read(
        lambda s: versions.reviews(s, tenant, waiting=waiting, cursor=cursor, limit=limit)
    )


@router.post("/versions/{version_id}/decisions", response_model=Version)
def decide(
    version_id: UUID,
    body: DecisionRequest,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Approve or reject at one gate, for exactly the digest that was seen."""
    version = the_version(context, caller, version_id, body.gate.action)
    tenant, now = context.tenant(version.tenant), context.clock()
    return once(request, context, caller.user, key, body).do(
        lambda s: review.decide(s, tenant, version_id, body, caller.user, now)
    )


@router.get("/tenants/{tenant}/audit")
def list_audit(
    tenant: str,
    caller: TheCaller,
    context: InContext,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[AuditEntry]:
    """Return who did what in a tenant, newest first."""
    caller.require(tenant, Action.READ)
    return context.store.read(lambda s: audit.page(s, tenant, cursor=cursor, limit=limit))


def _gates(context: Context, caller: Caller) -> dict[str, list[Gate]]:
    tenants = context.tenants().tenants
    found = {}
    for name in caller.tenants:
        roles = tenants[name].actions_of(caller.user)
        gates = [gate for gate in tenants[name].review.gates if gate.action in roles]
        if gates and caller.may(name, Action.READ):
            found[name] = gates
    return found
