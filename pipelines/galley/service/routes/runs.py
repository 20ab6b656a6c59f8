"""Runs: starting, following, stopping, and what they leave."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from galley import dispatch
from galley.domain import days, timezones
from galley.domain.api import KeptFile, LogChunk
from galley.domain.debug import DebugKit
from galley.domain.model import Instant, Number, Page
from galley.domain.runs import Run, RunKind, RunRequest, RunState
from galley.domain.tenants import Action
from galley.domain.usage import AttemptUsage
from galley.errors import InvalidInput, NotFound
from galley.review import settle_rehearsals
from galley.service import rendering
from galley.service.context import InContext, TheCaller
from galley.service.debugging import kit_of
from galley.service.idempotency import IdempotencyKey, once
from galley.service.kept_files import file_of, files_of
from galley.service.rendering import Theme
from galley.service.routes.access import FIFTY, Cursor, Limit, the_run
from galley.service.tenants_view import check_available
from galley.store import runs

router = APIRouter(tags=["runs"])
PATH = "/tenants/{tenant}/pipelines/{slug}/runs"
LOG_CHUNK = 2**18
UTC_ZONE = timezones.zone("UTC")
From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=100,
        description="Only logical dates from this instant, or day in UTC, on.",
    ),
]
To = Annotated[
    str | None,
    Query(
        alias="to",
        max_length=100,
        description="Only logical dates before this instant, or up to the end of this day in UTC.",
    ),
]
AttemptNumber = Annotated[Number, Path(description="Which attempt of the run.")]


class NotebookFormat(StrEnum):
    """How an executed notebook is wanted."""

    HTML = "html"
    IPYNB = "ipynb"


@router.post(PATH, status_code=201, response_model=Run)
def start_run(
    tenant: str,
    slug: str,
    body: RunRequest,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Start a run now, of the live version or of another approved one."""
    caller.require(tenant, Action.RUN)
    declared, now = context.tenant(tenant), context.clock()
    check_available(context.settings, tenant, declared)
    return once(request, context, caller.user, key, body, status=201).do(
        lambda s: dispatch.request_run(s, tenant, declared, slug, body, caller.user, now)
    )


@router.post("/tenants/{tenant}/pipelines/{slug}/trials", status_code=201, response_model=Run)
def start_trial(
    tenant: str,
    slug: str,
    body: RunRequest,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Try a version in any state with other parameters and with the caller's own rights."""
    caller.require(tenant, Action.PUBLISH)
    declared, now = context.tenant(tenant), context.clock()
    check_available(context.settings, tenant, declared)
    return once(request, context, caller.user, key, body, status=201).do(
        lambda s: dispatch.request_trial(s, tenant, declared, slug, body, caller.user, now)
    )


@router.get(PATH)
def list_runs_of_pipeline(
    tenant: str,
    slug: str,
    caller: TheCaller,
    context: InContext,
    state: RunState | None = None,
    kind: RunKind | None = None,
    start: From = None,
    end: To = None,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Run]:
    """Return the runs of a pipeline, newest first; between two dates, the latest date first."""
    caller.require(tenant, Action.READ)
    begin, until = _dates(start, end)
    return context.store.read(
        lambda s: runs.page(
            s,
            tenant,
            pipeline=slug,
            state=state,
            kind=kind,
            start=begin,
            end=until,
            cursor=cursor,
            limit=limit,
        )
    )


@router.get("/tenants/{tenant}/runs")
def list_runs(
    tenant: str,
    caller: TheCaller,
    context: InContext,
    pipeline: str | None = None,
    state: RunState | None = None,
    kind: RunKind | None = None,
    start: From = None,
    end: To = None,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Run]:
    """Return the runs of a tenant, newest first; between two dates, the latest date first."""
    caller.require(tenant, Action.READ)
    begin, until = _dates(start, end)
    return context.store.read(
        lambda s: runs.page(
            s,
            tenant,
            pipeline=pipeline,
            state=state,
            kind=kind,
            start=begin,
            end=until,
            cursor=cursor,
            limit=limit,
        )
    )


def _dates(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    first, last = days.parse(start, field="from"), days.parse(end, field="to")
    begin, until = days.begin(first, UTC_ZONE), days.end(last, UTC_ZONE)
    if begin is not None and until is not None and until <= begin:
        raise InvalidInput(
            f"the dates would end at {until.isoformat()}, not after they begin at "
            f"{begin.isoformat()}: choose a later 'to'",
            field="to",
        )
    return begin, until


@router.get("/runs/{run_id}")
def get_run(run_id: UUID, caller: TheCaller, context: InContext) -> Run:
    """Return one run with its attempts and tasks; of a queued one also what it waits for."""
    run = the_run(context, caller, run_id)
    if run.state is not RunState.QUEUED:
        return run
    tenants, now = context.tenants(), context.clock()
    why = context.store.read(lambda s: dispatch.why_queued(s, tenants, run_id, now))
    return run.model_copy(update={"state_reason": why})


@router.post("/runs/{run_id}/cancel")
def cancel_run(run_id: UUID, caller: TheCaller, context: InContext) -> Run:
    """Cancel a run: at once while it waits, else by asking its host."""
    personal = the_run(context, caller, run_id).kind.personal
    the_run(context, caller, run_id, Action.PUBLISH if personal else Action.RUN)
    tenants, now = context.tenants(), context.clock()

    def cancel(session: Session) -> Run:
        dispatch.cancel(session, run_id, caller.user, now)
        settle_rehearsals(session, tenants, now)
        return runs.get(session, run_id)

    return context.store.write(cancel)


@router.post("/runs/{run_id}/retry", response_model=Run)
def retry_run(
    run_id: UUID,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Try a run that failed once more, as a new attempt of the same run."""
    the_run(context, caller, run_id, Action.RUN)
    now = context.clock()
    return once(request, context, caller.user, key, None).do(
        lambda s: dispatch.retry(s, run_id, caller.user, now)
    )


@router.get("/runs/{run_id}/log")
def get_run_log(
    run_id: UUID,
    caller: TheCaller,
    context: InContext,
    attempt: Annotated[Number | None, Query(description="Default: the latest.")] = None,
    offset: Annotated[int, Query(ge=0, description="Bytes.")] = 0,
    limit: Annotated[int, Query(ge=4, le=2**22, description="Bytes.")] = LOG_CHUNK,
) -> LogChunk:
    """Return a part of an attempt's log."""
    run = the_run(context, caller, run_id)
    if not run.attempts and attempt is None:
        return LogChunk(text="", offset=0, next_offset=0, size=0, ended=run.state.ended)
    tried = context.store.read(lambda s: runs.attempt_by_number(s, run_id, attempt))
    text, begin, end, size = context.logs.read(tried.id, offset, limit)
    return LogChunk(text=text, offset=begin, next_offset=end, size=size, ended=tried.ended)


@router.get("/runs/{run_id}/files")
def list_run_files(
    run_id: UUID,
    caller: TheCaller,
    context: InContext,
    attempt: Annotated[Number | None, Query(description="Default: the latest.")] = None,
) -> list[KeptFile]:
    """Return the files that an attempt left: written ones, and outputs that were cut."""
    return files_of(context.artifacts, the_run(context, caller, run_id), attempt)


@router.get(
    "/runs/{run_id}/files/{name}",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def get_run_file(
    run_id: UUID,
    name: str,
    caller: TheCaller,
    context: InContext,
    attempt: Annotated[Number | None, Query(description="Default: the latest.")] = None,
) -> FileResponse:
    """Return a file that an attempt left."""
    path = file_of(context.artifacts, the_run(context, caller, run_id), attempt, name)
    return FileResponse(
        path, filename=name, media_type="application/octet-stream", headers=rendering.HEADERS
    )


@router.get("/runs/{run_id}/attempts/{number}/log", response_class=Response)
def download_log(
    run_id: UUID, number: AttemptNumber, caller: TheCaller, context: InContext
) -> StreamingResponse:
    """Return the whole log of an attempt as text, in pieces."""
    run = the_run(context, caller, run_id)
    tried = context.store.read(lambda s: runs.attempt_by_number(s, run_id, number))
    name = f"{run.pipeline}-{run_id}-{number}.log"
    return StreamingResponse(
        context.logs.pieces(tried.id),
        media_type="text/plain; charset=utf-8",
        headers={**rendering.HEADERS, "Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/runs/{run_id}/attempts/{number}/debug")
def get_debug_kit(
    run_id: UUID,
    number: AttemptNumber,
    caller: TheCaller,
    context: InContext,
    task: Annotated[str | None, Query(max_length=200, description="Default: what failed.")] = None,
) -> DebugKit:
    """Return an attempt's notebook with the run's values, to go through in one's own sandbox."""
    run = the_run(context, caller, run_id)
    attempt = next((one for one in run.attempts if one.number == number), None)
    if attempt is None:
        raise NotFound(f"The run {run_id} has no attempt {number}.")
    return kit_of(context, run, attempt, task)


@router.get("/runs/{run_id}/attempts/{number}/resources")
def get_resources(
    run_id: UUID,
    number: AttemptNumber,
    caller: TheCaller,
    context: InContext,
    after: Annotated[Instant | None, Query(description="Only later points.")] = None,
) -> AttemptUsage:
    """Return what the tasks of an attempt used over time, and what they may use."""
    the_run(context, caller, run_id)
    tried = context.store.read(lambda s: runs.attempt_by_number(s, run_id, number))
    return AttemptUsage(
        attempt=tried.number,
        memory=tried.memory,
        cpu=tried.cpu,
        ended=tried.ended,
        tasks=context.resources.read(tried.id, after),
    )


@router.get(
    "/runs/{run_id}/tasks/{task}/notebook",
    response_class=Response,
    responses={200: {"content": {"text/html": {}, "application/x-ipynb+json": {}}}},
)
def get_task_notebook(
    run_id: UUID,
    task: str,
    caller: TheCaller,
    context: InContext,
    attempt: Annotated[Number | None, Query(description="Default: the latest.")] = None,
    format: NotebookFormat = NotebookFormat.HTML,  # noqa: A002
    theme: Theme = Theme.LIGHT,
) -> Response:
    """Return a task's executed notebook, which may be partial while it runs."""
    the_run(context, caller, run_id)
    key = context.store.read(lambda s: runs.notebook(s, run_id, task, attempt))
    if key is None:
        raise NotFound(f"task {task!r} has no executed notebook (yet)")
    path = context.artifacts.path(key)
    if format is NotebookFormat.HTML:
        return Response(
            context.renderer.page(path, theme), media_type="text/html", headers=rendering.HEADERS
        )
    name = f"{path.stem}-{run_id}.ipynb"
    return FileResponse(
        path,
        media_type="application/x-ipynb+json",
        headers={
            **rendering.HEADERS,
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
