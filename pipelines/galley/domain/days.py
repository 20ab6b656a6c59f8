"""Times as people ask for them: an instant with its offset, or a day that is meant whole."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from galley.errors import InvalidInput

Moment = datetime | date
"""An aware instant, or a day of a zone that is named elsewhere."""

YEARS = (1000, 9000)
"""The first and the last year that may be asked for: those around them can be computed too."""


def parse(text: str | None, *, field: str) -> Moment | None:
    """Return what ``text`` names; None for None.

    Raises:
        InvalidInput: it is neither an ISO 8601 instant with an offset nor a day, or too far away.
    """
    if text is None:
        return None
    try:
        moment: Moment | None = _read(text)
    except ValueError:
        moment = None
    if moment is not None:
        if YEARS[0] <= moment.year <= YEARS[1]:
            return moment.astimezone(UTC) if isinstance(moment, datetime) else moment
        raise InvalidInput(
            f"{text[:100]!r} is not in the years {YEARS[0]} to {YEARS[1]}: choose a time nearer "
            "to today, or leave it out.",
            field=field,
        )
    raise InvalidInput(
        f"{text[:100]!r} is neither a day nor an instant: write 2026-11-30, or "
        "2026-11-30T06:00:00Z with its offset",
        field=field,
    )


def _read(text: str) -> Moment | None:
    if len(text) <= len("2026-11-30"):
        return date.fromisoformat(text)
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo is not None else None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return when ``day`` begins in ``zone``, UTC."""
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
