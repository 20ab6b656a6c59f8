"""The FastAPI application: collaborators in, one ASGI app out. Reads no environment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.routing import APIRoute

from galley import __version__
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.launcher import Launcher
from galley.registry.blobs import Blobs
from galley.service import API, PREFIX, documentation, problems
from galley.service.artifacts import Artifacts
from galley.service.auth import Hub
from galley.service.background import LOOPS, Background
from galley.service.bodies import BodyLimit
from galley.service.claims import Claims
from galley.service.context import Context
from galley.service.feed import Feed
from galley.service.keeping import Keeper
from galley.service.leading import Leading
from galley.service.logs import Logs
from galley.service.metrics import Measured, Metrics
from galley.service.mlflow.guard import Guard
from galley.service.mlflow.proxy import MlflowProxy
from galley.service.mlflow.pruning import Pruning
from galley.service.mlflow.workspaces import workspace_of
from galley.service.rendering import Renderer
from galley.service.resources import Resources
from galley.service.routes import (
    analyses,
    backfills,
    calendars,
    comparisons,
    drains,
    events,
    health,
    hooks,
    internal,
    live,
    me,
    mlflow,
    pages,
    pipelines,
    retention,
    reviews,
    runs,
    schedules,
    secrets,
    triggers,
    versions,
)
from galley.service.sessions import Sessions
from galley.store import Store
from galley.vault import Vault

THREADS = 32
"""Threads of loops and long polls; the handlers' are others."""

API_ROUTERS = (
    me.router,
    analyses.router,
    schedules.router,
    calendars.router,
    pipelines.router,
    versions.router,
    live.router,
    reviews.router,
    comparisons.router,
    runs.router,
    backfills.router,
    triggers.router,
    hooks.router,
    secrets.router,
    drains.router,
    retention.router,
    events.router,
)


def _now() -> datetime:
    return datetime.now(UTC)


def bare_app() -> FastAPI:
    """Return the application with its routes and without collaborators: enough to document it."""
    app = FastAPI(
        title="Galley",
        version=__version__,
        summary="Publish, review, schedule and run notebooks.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        separate_input_output_schemas=False,
    )
    problems.install(app)
    documentation.install(app)
    for router in API_ROUTERS:
        app.include_router(router, prefix=API)
    app.include_router(internal.router)
    app.include_router(health.router)
    app.include_router(mlflow.router)
    app.include_router(pages.router)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def create_app(
    settings: Settings,
    *,
    tenants: Callable[[], Tenants],
    store: Store,
    launcher: Launcher,
    hub: Hub,
    mlflow_hub: Hub,
    secret: bytes,
    clock: Callable[[], datetime] = _now,
    monotonic: Callable[[], float] = time.monotonic,
    background: bool = True,
    leading: Leading | None = None,
) -> FastAPI:
    """Return the service.

    Args:
        tenants: the tenants in force, asked for at each request.
        store: migrated.
        launcher: starts worker hosts.
        hub, mlflow_hub: the hub as the OAuth client of the service and of its MLflow proxy.
        secret: key of XSRF tokens.
        background: whether this process runs the loops, each while it holds its lease.
        leading: the leases, where what is handed in goes by them too.
    """
    metrics = Metrics()
    metrics.watch(store, tenants, clock)
    blobs = Blobs(settings.service_state / "blobs")
    feed = Feed(store, lambda: tuple(tenants().tenants))
    renderer = Renderer(settings.service_state / "rendered")
    tracked = settings.mlflow_state / "artifacts" / "workspaces"
    logs = Logs(settings.service_state / "logs")
    resources = Resources(settings.service_state / "resources")
    artifacts = Artifacts(
        settings.service_state / "artifacts",
        lambda tenant: tracked / workspace_of(tenant),
        monotonic,
    )
    tracked_runs = Pruning(store, settings.mlflow_socket)
    keeper = Keeper(
        store, blobs, logs, artifacts, resources, settings.service_state / "git", tracked_runs
    )
    leading = leading or Leading(store, LOOPS, clock, monotonic)
    passes = Background(
        settings, tenants, store, blobs, launcher, renderer, clock, leading.require, keeper=keeper
    )
    vault = Vault(settings.secret_keys)
    proxy = MlflowProxy(settings.mlflow_socket)
    context = Context(
        settings=settings,
        tenants=tenants,
        store=store,
        blobs=blobs,
        launcher=launcher,
        sessions=Sessions(hub, tenants, secret),
        mlflow_sessions=Sessions(mlflow_hub, tenants, secret, own_pages=False),
        mlflow=proxy,
        mlflow_guard=Guard(proxy.ask),
        feed=feed,
        logs=logs,
        resources=resources,
        artifacts=artifacts,
        keeper=keeper,
        renderer=renderer,
        vault=vault,
        claims=Claims(store, tenants, vault, clock),
        metrics=metrics,
        loops=passes.loops(feed.changed, leading) if background else (),
        clock=clock,
        monotonic=monotonic,
    )
    app = bare_app()
    app.state.context = context
    app.router.lifespan_context = _lifespan(context, leading if background else None)
    app.add_middleware(BodyLimit, tenants=tenants)
    app.add_middleware(Measured, metrics=metrics)
    return app


def _lifespan(
    context: Context, leading: Leading | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="galley"))
        if leading is not None:
            leading.gained.bind(loop)
            await asyncio.to_thread(leading.start)
        tasks = [asyncio.create_task(context.feed.run(_feed_failed(context)), name="feed")]
        tasks += [
            asyncio.create_task(one.run(context.metrics, context.clock), name=one.name)
            for one in context.loops
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if leading is not None:
                await asyncio.to_thread(leading.close)
            await context.mlflow.close()

    return lifespan


def _feed_failed(context: Context) -> Callable[[BaseException], None]:
    return lambda _: context.metrics.loop_errors.labels("feed").inc()
