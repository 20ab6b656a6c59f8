"""Schedules: previews, the zones there are, and the schedule in force of a pipeline."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from galley import schedule
from galley.domain.api import Firings
from galley.domain.pipelines import Pipeline
from galley.domain.schedules import PreviewRequest, SchedulePreview, ScheduleRequest
from galley.domain.tenants import Action
from galley.service.context import InContext, SignedIn, TheCaller

router = APIRouter(tags=["schedules"])
PATH = "/tenants/{tenant}/pipelines/{slug}/schedule"


@router.post("/schedules/preview", dependencies=[SignedIn])
def preview_schedule(body: PreviewRequest, context: InContext) -> SchedulePreview:
    """Return the next firings of a schedule that is not saved yet."""
    return schedule.preview(body, context.clock())


@router.get("/timezones", dependencies=[SignedIn])
def list_timezones() -> list[str]:
    """Return the IANA names of all time zones."""
    return schedule.timezones()


@router.get(f"{PATH}/next")
def list_next_firings(
    tenant: str,
    slug: str,
    caller: TheCaller,
    context: InContext,
    count: Annotated[int, Query(ge=1, le=100)] = 5,
) -> Firings:
    """Return the next firings of the schedule in force."""
    caller.require(tenant, Action.READ)
    now = context.clock()
    firings = context.store.read(lambda s: schedule.next_firings(s, tenant, slug, count, now))
    return Firings(firings=tuple(firings))


@router.put(PATH)
def set_schedule(
    tenant: str, slug: str, body: ScheduleRequest, caller: TheCaller, context: InContext
) -> Pipeline:
    """Set the schedule, where no review is asked for; else publish a version with it."""
    caller.require(tenant, Action.OPERATE)
    declared, now = context.tenant(tenant), context.clock()
    return context.store.write(
        lambda s: schedule.set_schedule(s, tenant, declared, slug, body, caller.user, now)
    )


@router.post(f"{PATH}/pause")
def pause_schedule(tenant: str, slug: str, caller: TheCaller, context: InContext) -> Pipeline:
    """Let the schedule rest; firings of that time are not caught up."""
    caller.require(tenant, Action.OPERATE)
    now = context.clock()
    return context.store.write(lambda s: schedule.pause(s, tenant, slug, caller.user, now))


@router.post(f"{PATH}/resume")
def resume_schedule(tenant: str, slug: str, caller: TheCaller, context: InContext) -> Pipeline:
    """Let the schedule fire again, from now on."""
    caller.require(tenant, Action.OPERATE)
    now = context.clock()
    return context.store.write(lambda s: schedule.resume(s, tenant, slug, caller.user, now))
