"""``/services/mlflow/TENANT/…``: MLflow for people, notebooks and tasks, one tenant at a time."""

from __future__ import annotations

import asyncio
from html import escape

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from galley.domain.tenants import Action
from galley.errors import Forbidden, NotFound, NotSignedIn
from galley.service import MLFLOW_PREFIX
from galley.service.callers import Via
from galley.service.context import Context, InContext
from galley.service.mlflow.allowed import Need, Route, route_of, ships
from galley.service.mlflow.answers import constant_answer
from galley.service.mlflow.guard import Writer
from galley.service.sessions import header_token
from galley.store import tokens

router = APIRouter(prefix=MLFLOW_PREFIX, include_in_schema=False)
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
WORK_TOKENS = frozenset({"run", "task", "host"})


@router.get("/oauth_callback")
async def mlflow_oauth_callback(request: Request, context: InContext) -> Response:
    """Finish a browser's sign-in."""
    return await context.mlflow_sessions.finish(request)


@router.get("/")
async def mlflow_home(request: Request, context: InContext) -> Response:
    """Send the caller to their tenant's MLflow, or let them choose."""
    if _may_sign_in(request, context):
        return await context.mlflow_sessions.sign_in(request)
    caller = await context.mlflow_sessions.caller(request)
    if len(caller.tenants) == 1:
        return RedirectResponse(f"{MLFLOW_PREFIX}/{caller.tenants[0]}/", status_code=302)
    return HTMLResponse(_choice(context, caller.tenants))


@router.api_route("/{tenant}", methods=["GET", "HEAD"])
async def mlflow_tenant(tenant: str) -> Response:
    """Add the slash that MLflow's relative addresses need."""
    return RedirectResponse(f"{MLFLOW_PREFIX}/{tenant}/", status_code=302)


@router.api_route("/{tenant}/{path:path}", methods=METHODS)
async def mlflow_route(tenant: str, path: str, request: Request, context: InContext) -> Response:
    """Pass one allowed request on to the tenant's workspace."""
    path = f"/{path}"
    if path == "/" and _may_sign_in(request, context):
        return await context.mlflow_sessions.sign_in(request)
    route = route_of(request.method, path)
    writer = await _authorised_by_work(request, context, tenant, path, route)
    if writer is None:
        writer = await _authorise_person(request, context, tenant, route)
    constant = constant_answer(request.method, path)
    if constant is not None:
        return constant
    if route is None:
        raise NotFound(f"MLflow's {request.method} {path} is not open to tenants")
    content = await context.mlflow_guard.content(request, tenant, path, route, writer)
    if request.method == "PUT":
        await _claim_space(request, context, tenant)
    return await context.mlflow.forward(request, tenant, path, route, content)


def _may_sign_in(request: Request, context: Context) -> bool:
    no_cookie = context.mlflow_sessions.hub.cookie_name not in request.cookies
    return no_cookie and header_token(request) is None


async def _authorised_by_work(
    request: Request, context: Context, tenant: str, path: str, route: Route | None
) -> Writer | None:
    """Return what the token of running work stands for; None: it is no such token.

    A worker host sends what its tasks logged, also when their own tokens have ended: that is all
    its token allows here.
    """
    secret = header_token(request)
    if secret is None:
        return None
    now = context.clock()
    token = await asyncio.to_thread(context.store.read, lambda s: tokens.find(s, secret, now))
    if token is None:
        return None
    if token.kind not in WORK_TOKENS or token.tenant != tenant:
        raise NotFound(f"there is no tenant {tenant!r} for this token")
    if token.kind == "host":
        if not ships(request.method, path):
            raise Forbidden("a worker host's token only sends what tasks logged to MLflow")
    elif token.rehearsal and route is not None and route.need is Need.REGISTRY:
        raise Forbidden(
            "a rehearsal may not write to the model registry: only an approved version may. "
            "The environment variable GALLEY_REHEARSAL is '1' in a rehearsal."
        )
    host = token.kind == "host"
    if not token.rehearsal:
        return Writer(approved=True, host=host)
    own = await asyncio.to_thread(context.store.read, lambda s: tokens.experiment(s, token))
    return Writer(rehearsal=own or "", host=host)


async def _authorise_person(
    request: Request, context: Context, tenant: str, route: Route | None
) -> Writer:
    caller = await context.mlflow_sessions.caller(request)
    caller.require(tenant, Action.READ)
    writes = route is not None and route.need is not Need.READ
    if writes and not (caller.may(tenant, Action.PUBLISH) or caller.may(tenant, Action.RUN)):
        raise Forbidden(f"your roles in tenant {tenant!r} only allow to read in MLflow")
    return Writer(server=caller.identity.via is Via.SERVER)


async def _claim_space(request: Request, context: Context, tenant: str) -> None:
    announced = request.headers.get("Content-Length", "")
    more = int(announced) if announced.isdigit() else 0
    limit = context.artifacts_limit(tenant)
    await asyncio.to_thread(context.artifacts.claim, tenant, more, limit=limit)


def _choice(context: Context, names: tuple[str, ...]) -> str:
    if not names:
        raise NotSignedIn("you are not a member of any tenant")
    known = context.tenants().tenants
    items = "".join(
        f'<li><a href="{MLFLOW_PREFIX}/{escape(name)}/">{escape(known[name].display_name)}</a></li>'
        for name in names
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>MLflow</title>"
        f"<h1>MLflow</h1><p>Choose a tenant:</p><ul>{items}</ul></html>"
    )
