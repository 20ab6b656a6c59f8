"""``/healthz`` and ``/metrics``: for the supervisor and for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from galley.domain.tenants import Role
from galley.errors import Forbidden, Unavailable
from galley.service import PREFIX
from galley.service.callers import Caller
from galley.service.context import Context, InContext
from galley.store import drains

router = APIRouter(prefix=PREFIX, tags=["operation"], include_in_schema=False)


@router.get("/healthz")
async def healthz(context: InContext) -> JSONResponse:
    """Tell whether the service works: 200 when it does, 503 when it does not.

    ``here`` says whether this process runs the loop or another one does. It is ``degraded`` without
    MLflow, whose pages do not open then, and while a loop fails: the log says why, and what other
    tenants do goes on.
    """
    database = await asyncio.to_thread(_database, context)
    mlflow = await context.mlflow.healthy()
    now = context.clock()
    loops = {
        loop.name: {
            "healthy": loop.healthy(now),
            "here": loop.leads(),
            "last": loop.last_good and loop.last_good.isoformat(),
        }
        for loop in context.loops
    }
    works = database and all(loop.alive(now) for loop in context.loops)
    well = mlflow and all(loop.healthy(now) for loop in context.loops)
    drained = await asyncio.to_thread(_drained, context) if database else 0
    body: dict[str, Any] = {
        "status": ("ok" if well else "degraded") if works else "failing",
        "database": database,
        "mlflow": mlflow,
        "loops": loops,
        "drained": drained,
    }
    return JSONResponse(body, status_code=200 if works else 503)


def _database(context: Context) -> bool:
    try:
        context.store.read(lambda s: s.execute(text("select 1")).scalar())
    except (SQLAlchemyError, Unavailable):
        return False
    return True


def _drained(context: Context) -> int:
    """Return how many names stand for hosts that are given no new work; which, is not for all."""
    return context.store.read(drains.number)


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
