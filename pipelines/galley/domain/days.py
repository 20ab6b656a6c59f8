"""Times as people ask for them: an instant with its offset, or a day that is meant whole."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from galley.errors import InvalidInput

Moment = datetime | date
"""An aware instant, or a day of a zone that is named elsewhere."""


def parse(text: str | None, *, field: str) -> Moment | None:
    """Return what ``text`` names; None for None.

    Raises:
        InvalidInput: it is neither an ISO 8601 instant with an offset nor a day.
    """
    if text is None:
        return None
    try:
        if len(text) <= len("2026-11-30"):
            return date.fromisoformat(text)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(
        f"{text[:100]!r} is neither a day nor an instant: write 2026-11-30, or "
        "2026-11-30T06:00:00Z with its offset",
        field=field,
    )


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when ``day`` begins in ``zone``, UTC; raises OverflowError at the end of time."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def begin(moment: Moment | None, zone: ZoneInfo) -> datetime | None:
    """Return an instant as it is, and of a day its beginning."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return midnight(moment, zone)


def end(moment: Moment | None, zone: ZoneInfo) -> datetime | None:
    """Return an instant as it is, and of a day its end, which belongs to the next day."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return midnight(moment + timedelta(days=1), zone)
