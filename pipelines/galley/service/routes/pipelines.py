"""Pipelines: lists, one, and which of its versions is live."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from galley.domain.api import DeploymentRequest
from galley.domain.model import Page
from galley.domain.pipelines import Pipeline
from galley.domain.tenants import Action
from galley.review import deploy
from galley.service.context import InContext, TheCaller
from galley.service.idempotency import IdempotencyKey, once
from galley.service.routes.access import FIFTY, Cursor, Limit
from galley.store import pipelines

router = APIRouter(prefix="/tenants/{tenant}/pipelines", tags=["pipelines"])


@router.get("")
def list_pipelines(
    tenant: str,
    caller: TheCaller,
    context: InContext,
    q: Annotated[str | None, Query(max_length=200, description="Part of a name.")] = None,
    source_path: Annotated[str | None, Query(max_length=1000)] = None,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Pipeline]:
    """Return the pipelines of a tenant, by name."""
    caller.require(tenant, Action.READ)
    return context.store.read(
        lambda s: pipelines.page(
            s, tenant, q=q, source_path=source_path, cursor=cursor, limit=limit
        )
    )


@router.get("/{slug}")
def get_pipeline(tenant: str, slug: str, caller: TheCaller, context: InContext) -> Pipeline:
    """Return one pipeline."""
    caller.require(tenant, Action.READ)
    return context.store.read(lambda s: pipelines.get(s, tenant, slug))


@router.post("/{slug}/deployments", response_model=Pipeline)
def deploy_version(
    tenant: str,
    slug: str,
    body: DeploymentRequest,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Make an approved version the live one: roll back, or forward."""
    caller.require(tenant, Action.DEPLOY)
    now = context.clock()
    return once(request, context, caller.user, key, body).do(
        lambda s: deploy(s, tenant, slug, body.version, caller.user, body.reason, now)
    )
