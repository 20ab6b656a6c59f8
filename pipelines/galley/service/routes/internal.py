"""``/internal/v1``: what worker hosts and runners tell the service. Works without the hub."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from galley import dispatch
from galley.domain.api import StartRequest
from galley.domain.runs import Run, RunState
from galley.domain.work import (
    Assignment,
    Heartbeat,
    HeartbeatReply,
    LeaseRequest,
    Outcome,
    TrackedRuns,
)
from galley.errors import Conflict, Forbidden, NotFound, NotSignedIn, Unavailable
from galley.review import settle_rehearsals
from galley.service import INTERNAL
from galley.service.accepting import judge
from galley.service.context import Context, InContext, context_of
from galley.service.reports import keep
from galley.service.sessions import header_token
from galley.service.wakeup import wait
from galley.store import runs, tokens
from galley.store.records import TokenKind
from galley.store.tokens import HostIdentity

router = APIRouter(prefix=INTERNAL, tags=["internal"], include_in_schema=False)
POLL_S = 1.0


def _token(request: Request) -> tokens.Token:
    context, secret = context_of(request), header_token(request)
    now = context.clock()
    token = secret and context.store.read(lambda s: tokens.find(s, secret, now))
    if not token:
        raise NotSignedIn("send 'Authorization: Bearer TOKEN' with a host's or runner's token")
    return token


def _host(request: Request) -> HostIdentity:
    token = _token(request)
    if token.kind is not TokenKind.HOST or token.host is None:
        raise NotSignedIn("only a worker host's token may lease work")
    return token.host


def _attempt(request: Request, attempt_id: UUID) -> runs.AttemptRef:
    token = _token(request)
    if token.kind is not TokenKind.RUN or token.attempt != attempt_id:
        raise NotFound(f"There is no attempt {attempt_id}.")
    return context_of(request).store.read(lambda s: runs.attempt(s, attempt_id))


def _of_host(request: Request, attempt_id: UUID) -> runs.AttemptRef:
    """Return an attempt that this host, or the one before it, may have leased."""
    host = _host(request)
    attempt = context_of(request).store.read(lambda s: runs.attempt(s, attempt_id))
    personal = host.author is not None
    mine = attempt.tenant == host.tenant and attempt.kind.personal == personal
    if not mine or (personal and host.run != attempt.run):
        raise NotFound(f"There is no attempt {attempt_id}.")
    return attempt


TheHost = Annotated[HostIdentity, Depends(_host)]
HostsAttempt = Annotated[runs.AttemptRef, Depends(_of_host)]
TheAttempt = Annotated[runs.AttemptRef, Depends(_attempt)]


@router.post("/leases", response_model=Assignment, responses={204: {"model": None}})
async def lease(
    body: LeaseRequest, host: TheHost, context: InContext, request: Request
) -> Response:
    """Wait for work and lease one attempt; 204 when there was none.

    What an earlier request of the host leased, and it did not hear of, is taken back first. A host
    that was started for one run is sent home when that waits no more.
    """
    if body.holds is not None:
        now = context.clock()
        await asyncio.to_thread(
            context.store.write, lambda s: dispatch.take_back(s, host, body, now)
        )
    if host.run is not None:
        run = host.run
        state = await asyncio.to_thread(context.store.read, lambda s: runs.require(s, run).state)
        if state != RunState.QUEUED:
            raise Forbidden(f"the run {run} of this host is {state}: it waits for no host")
    until = context.monotonic() + body.wait_s
    while not (context.stopping.is_set() or await request.is_disconnected()):
        ticket = context.feed.changed.ticket()
        assignment = await context.claims.take(host, body.host)
        if assignment is not None:
            url = f"{INTERNAL}/attempts/{assignment.attempt}/project"
            told = assignment.model_copy(update={"project_url": url})
            return JSONResponse(told.model_dump(mode="json"))
        rest = until - context.monotonic()
        if rest <= 0:
            break
        await wait(ticket, min(rest, POLL_S))
    return Response(status_code=204)


@router.post("/attempts/{attempt_id}/start")
def start_attempt(body: StartRequest, attempt: TheAttempt, context: InContext) -> HeartbeatReply:
    """A runner says that it has begun."""
    now = context.clock()
    return context.store.write(lambda s: dispatch.start(s, attempt.id, body.fencing, now))


@router.post("/attempts/{attempt_id}/heartbeat")
def heartbeat(body: Heartbeat, attempt: TheAttempt, context: InContext) -> HeartbeatReply:
    """Renew the lease; keep what the log grew by and what the tasks used.

    503 where these cannot be written: the lease is renewed, and the host sends them again.
    """
    kept, now = keep(context.logs, context.resources, attempt, body), context.clock()

    def renew(session: Session) -> HeartbeatReply:
        return dispatch.heartbeat(
            session, attempt.id, body, now, log_size=kept.log_size, newest=kept.newest
        )

    reply = context.store.write(renew)
    if kept.missing is not None:
        raise Unavailable(kept.missing, cancel=reply.cancel)
    return reply


@router.put("/attempts/{attempt_id}/tasks/{task}/notebook", status_code=204)
async def put_notebook(
    task: str, attempt: TheAttempt, context: InContext, request: Request
) -> Response:
    """Keep a task's executed notebook, which may be partial, in place of an earlier one."""
    with context.artifacts.receive() as file:
        received = Path(file.name)
        try:
            async for piece in request.stream():
                await asyncio.to_thread(file.write, piece)
            file.flush()
            await asyncio.to_thread(_keep_notebook, context, attempt, task, received)
        finally:
            received.unlink(missing_ok=True)
    return Response(status_code=204)


@router.put("/attempts/{attempt_id}/files/{name}", status_code=204)
async def put_file(
    name: str, attempt: TheAttempt, context: InContext, request: Request
) -> Response:
    """Keep a file that the attempt leaves; it may be larger than memory."""
    if attempt.ended:
        raise Conflict(f"The attempt {attempt.id} has ended: nothing is added to it.")
    with tempfile.TemporaryFile() as received:
        async for chunk in request.stream():
            await asyncio.to_thread(received.write, chunk)
        await asyncio.to_thread(_keep_file, context, attempt, name, received)
    return Response(status_code=204)


def _keep_file(context: Context, attempt: runs.AttemptRef, name: str, data: BinaryIO) -> None:
    limit = context.artifacts_limit(attempt.tenant)
    context.artifacts.put_file(attempt.tenant, attempt.run, attempt.id, name, data, limit=limit)


def _keep_notebook(context: Context, attempt: runs.AttemptRef, task: str, received: Path) -> None:
    now, limit = context.clock(), context.artifacts_limit(attempt.tenant)
    key = context.artifacts.put(
        attempt.tenant, attempt.run, attempt.id, task, received, limit=limit
    )
    context.store.write(lambda s: runs.attach_notebook(s, attempt.id, task, key, now))


@router.get("/attempts/{attempt_id}/project")
def get_project(attempt: TheAttempt, context: InContext) -> Response:
    """Return the project that the attempt runs, a tar.gz."""
    return Response(context.blobs.get(attempt.project), media_type="application/gzip")


@router.post("/attempts/{attempt_id}/outcome")
def finish_attempt(body: Outcome, attempt: TheAttempt, context: InContext) -> Run:
    """Say how the attempt ended; a rehearsal's end moves its version on."""
    kept = keep(context.logs, context.resources, attempt, body)
    if kept.missing is not None:
        raise Unavailable(kept.missing)
    outcome, found = (body, None) if attempt.ended else judge(context, attempt, body)
    tenants, now = context.tenants(), context.clock()

    def finish(session: Session) -> Run:
        run = dispatch.finish(
            session, attempt.id, outcome, now, log_size=kept.log_size, rehearsal=found
        )
        settle_rehearsals(session, tenants, now)
        return run

    return context.store.write(finish)


@router.post("/attempts/{attempt_id}/tracked", status_code=204)
def track_attempt(body: TrackedRuns, attempt: HostsAttempt, context: InContext) -> Response:
    """A host says which MLflow runs an attempt has; also after its end, when MLflow was away."""
    now = context.clock()
    context.store.write(lambda s: dispatch.take_tracked(s, attempt.id, body, now))
    return Response(status_code=204)
