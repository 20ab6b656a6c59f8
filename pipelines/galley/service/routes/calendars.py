"""The calendar of truth: of one pipeline, or of all of a tenant's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from galley import schedule
from galley.domain import days
from galley.domain.calendar import Calendar
from galley.domain.tenants import Action
from galley.service.context import InContext, TheCaller
from galley.service.routes.access import FIFTY, Cursor, Limit

router = APIRouter(tags=["calendar"])

From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=100,
        description="First instant, or first day in the zone; default: two weeks before today.",
    ),
]
To = Annotated[
    str | None,
    Query(
        alias="to",
        max_length=100,
        description="End, not included, or last day, included; at most 100 days later.",
    ),
]
Zone = Annotated[
    str | None,
    Query(
        max_length=100,
        description="IANA zone whose days are shown; default: the schedule's own, or UTC.",
    ),
]


@router.get("/tenants/{tenant}/calendar")
def get_calendar(
    tenant: str,
    caller: TheCaller,
    context: InContext,
    start: From = None,
    end: To = None,
    timezone: Zone = None,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Calendar:
    """Return the dates of a tenant's pipelines, ``limit`` pipelines on a page, by name."""
    caller.require(tenant, Action.READ)
    begin, until = days.parse(start, field="from"), days.parse(end, field="to")
    now = context.clock()
    return context.store.read(
        lambda s: schedule.calendar(
            s,
            tenant,
            None,
            start=begin,
            end=until,
            timezone=timezone,
            now=now,
            cursor=cursor,
            limit=limit,
        )
    )


@router.get("/tenants/{tenant}/pipelines/{slug}/calendar")
def get_calendar_of_pipeline(
    tenant: str,
    slug: str,
    caller: TheCaller,
    context: InContext,
    start: From = None,
    end: To = None,
    timezone: Zone = None,
) -> Calendar:
    """Return the dates of a pipeline: what ran, what did not and why, what is to come."""
    caller.require(tenant, Action.READ)
    begin, until = days.parse(start, field="from"), days.parse(end, field="to")
    now = context.clock()
    return context.store.read(
        lambda s: schedule.calendar(
            s, tenant, slug, start=begin, end=until, timezone=timezone, now=now
        )
    )
