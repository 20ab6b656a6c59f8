"""``/events``: live updates as server-sent events, resumable from ``Last-Event-ID``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.responses import StreamingResponse

from galley.domain.events import Event
from galley.domain.tenants import Action
from galley.errors import Unavailable
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller

router = APIRouter(tags=["events"])
HEARTBEAT_S = 15.0
CHECK_S = 30.0
"""How often an open stream asks whether its session still lives, seconds."""


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
)
async def follow_events(
    caller: TheCaller,
    context: InContext,
    tenant: Annotated[
        list[str] | None, Query(description="Repeatable; default: all of the caller's.")
    ] = None,
    subject: Annotated[
        list[UUID] | None,
        Query(description="Of these runs, versions, … only; repeatable; default: of everything."),
    ] = None,
    last_event_id: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)] = None,
) -> StreamingResponse:
    """Follow what happens: `id:`, `event: KIND`, `data:` an Event as JSON."""
    for name in tenant or ():
        caller.require(name, Action.READ)
    wanted = frozenset(tenant or caller.tenants)
    return StreamingResponse(
        _stream(context, caller, wanted, frozenset(subject or ()), last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    context: Context,
    caller: Caller,
    wanted: frozenset[str],
    subjects: frozenset[UUID],
    after: int | None,
) -> AsyncIterator[str]:
    guard = _Guard(context, caller, wanted)
    context.metrics.streams.inc()
    try:
        if after is None:
            # What comes now is what comes after the events that there are, and is not known before.
            while not await context.feed.began(HEARTBEAT_S):
                if context.stopping.is_set() or not await guard.alive():
                    return
                yield ": still here\n\n"
            after = context.feed.latest
        yield f": connected\nretry: 2000\nid: {after}\n\n"
        # Of events that are left out nothing is told: their time counts as silence.
        idle_s = HEARTBEAT_S / 2 if subjects else HEARTBEAT_S
        following = context.feed.follow(after, guard.tenants, idle_s, context.stopping.is_set)
        told, passed = context.monotonic(), after
        async for batch in following:
            if not await guard.alive():
                return
            passed = batch[-1].id if batch else passed
            text = "".join(_text(one) for one in batch if not subjects or one.subject in subjects)
            if text or not batch or context.monotonic() - told >= idle_s:
                told = context.monotonic()
                # With the id of what was left out, so that it is not looked through again.
                yield text or (
                    f": still here\nid: {passed}\n\n" if subjects else ": still here\n\n"
                )
    finally:
        context.metrics.streams.dec()


def _text(event: Event) -> str:
    return f"id: {event.id}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"


class _Guard:
    """Asks now and then whether the stream's caller is still one, and of which tenants."""

    def __init__(self, context: Context, caller: Caller, wanted: frozenset[str]) -> None:
        self._context = context
        self._caller = caller
        self._wanted = wanted
        self._checked = context.monotonic()

    def tenants(self) -> frozenset[str]:
        """Return the tenants whose events the caller may see now."""
        caller = self._context.sessions.caller_of(self._caller.identity)
        return frozenset(name for name in self._wanted if caller.may(name, Action.READ))

    async def alive(self) -> bool:
        """Return whether the session still lives; while the hub is away it is taken to."""
        now = self._context.monotonic()
        if now - self._checked < CHECK_S:
            return True
        self._checked = now
        try:
            still = await self._context.sessions.still(self._caller)
        except Unavailable:
            return True
        if still is not None:
            self._caller = still
        return still is not None
