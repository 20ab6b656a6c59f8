"""What a schedule would do, before it is saved."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from galley.domain import cron, schedule_rules
from galley.domain import timezones as zones
from galley.domain.cron import Cron
from galley.domain.schedules import Firing, PreviewRequest, SchedulePreview, ScheduleRequest
from galley.notebook.templated import foreseen


def preview(request: PreviewRequest, now: datetime) -> SchedulePreview:
    """Return the schedule in words and its next firings, with the parameters of each.

    Raises:
        InvalidInput: the schedule is not acceptable; ``field`` says what of it.
    """
    parsed = schedule_rules.check(request, now)
    firings = explained(parsed, request, now, request.count)
    if request.parameters:
        values = foreseen(
            parsed, request.parameters, request.parameter_schema, [one.at for one in firings]
        )
        firings = [
            firing.model_copy(update={"parameters": one})
            for firing, one in zip(firings, values, strict=True)
        ]
    return SchedulePreview(
        cron=request.cron,
        timezone=request.timezone,
        description=cron.describe(parsed),
        clock_rule=cron.clock_rule(parsed),
        firings=tuple(firings),
    )


def explained(parsed: Cron, request: ScheduleRequest, now: datetime, count: int) -> list[Firing]:
    """Return the next ``count`` firings between the start and the end of ``request``."""
    found = schedule_rules.within(parsed, request.start, request.end, now)
    return cron.explained(parsed, now, islice(found, count))


def timezones() -> list[str]:
    """Return every zone that a schedule may name, sorted."""
    return list(zones.names())
