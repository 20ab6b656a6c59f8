"""``/healthz`` and ``/metrics``: for the supervisor and for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from galley.domain.tenants import Role
from galley.errors import Forbidden, Unavailable
from galley.service import PREFIX
from galley.service.callers import Caller
from galley.service.context import Context, InContext
from galley.store import drains, leases

router = APIRouter(prefix=PREFIX, tags=["operation"], include_in_schema=False)


@router.get("/healthz")
async def healthz(context: InContext) -> JSONResponse:
    """Tell whether the service works: 200 when it does, 503 when it does not.

    ``here`` says whether this process runs the loop, ``led`` whether any does. It is ``degraded``
    without MLflow, whose pages do not open then, and while a loop fails or nobody runs it: the log
    says why, and what other tenants do goes on.
    """
    found = await asyncio.to_thread(_database, context)
    database = found is not None
    led, drained = found or (frozenset(), 0)
    mlflow = await context.mlflow.healthy()
    now = context.clock()
    loops = {
        loop.name: {
            "healthy": loop.healthy(now),
            "here": loop.leads(),
            "led": loop.name in led,
            "last": loop.last_good and loop.last_good.isoformat(),
        }
        for loop in context.loops
    }
    works = database and all(loop.alive(now) for loop in context.loops)
    well = mlflow and all(loop.healthy(now) and loop.name in led for loop in context.loops)
    body: dict[str, Any] = {
        "status": ("ok" if well else "degraded") if works else "failing",
        "database": database,
        "mlflow": mlflow,
        "loops": loops,
        "drained": drained,
    }
    return JSONResponse(body, status_code=200 if works else 503)


def _database(context: Context) -> tuple[frozenset[str], int] | None:
    """Return which loops have a leader, and how many names stand for drained hosts, not which.

    None: the database does not answer.
    """
    try:
        seen, drained = context.store.read(lambda s: (leases.seen(s), drains.number(s)))
    except (SQLAlchemyError, Unavailable):
        return None
    led = frozenset(name for name, one in seen.items() if one.holder != leases.NOBODY)
    return led, drained


@router.get("/metrics")
async def metrics(request: Request, context: InContext) -> Response:
    """Return the metrics, to neighbours on this machine and to operators."""
    if "X-Forwarded-For" in request.headers:
        _require_operator(context, await context.sessions.caller(request))
    content = await asyncio.to_thread(context.metrics.text)
    return Response(content, media_type="text/plain; version=0.0.4; charset=utf-8")


def _require_operator(context: Context, caller: Caller) -> None:
    tenants = context.tenants().tenants
    if not any(Role.OPERATOR in tenants[name].members[caller.user] for name in caller.tenants):
        raise Forbidden("the metrics are for operators: that role is given in the tenants file")
