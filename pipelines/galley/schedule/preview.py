"""What a schedule would do, before it is saved."""

from __future__ import annotations

from datetime import datetime

from galley.domain import cron
from galley.domain import timezones as zones
from galley.domain.schedules import PreviewRequest, SchedulePreview


def preview(request: PreviewRequest, now: datetime) -> SchedulePreview:
    """Return the schedule in words and its next firings.

    Raises:
        InvalidInput: the expression or the zone is not valid; ``field`` says which.
    """
    parsed = cron.parse(request.cron, request.timezone)
    return SchedulePreview(
        cron=request.cron,
        timezone=request.timezone,
        description=cron.describe(parsed),
        firings=tuple(cron.firings(parsed, now, request.count)),
    )


def timezones() -> list[str]:
    """Return every zone that a schedule may name, sorted."""
    return list(zones.names())
