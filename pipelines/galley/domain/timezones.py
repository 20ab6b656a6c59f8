"""IANA time zones by name, and what to suggest when a name is none."""

from __future__ import annotations

import difflib
import zoneinfo
from datetime import datetime
from functools import cache

from galley.errors import InvalidInput

_NOT_FOR_SCHEDULES = frozenset({"localtime", "Factory"})


@cache
def names() -> tuple[str, ...]:
    """Return every zone that a schedule may name, sorted."""
    return tuple(sorted(zoneinfo.available_timezones() - _NOT_FOR_SCHEDULES))


@cache
def zone(name: str, *, field: str = "timezone") -> zoneinfo.ZoneInfo:
    """Return the zone called ``name``.

    Raises:
        InvalidInput: there is none; ``data["suggestions"]`` are the nearest names.
    """
    if name in names():
        return zoneinfo.ZoneInfo(name)
    near = _near(name)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise InvalidInput(
        f"{name[:100]!r} is not an IANA time zone such as Europe/Berlin or UTC.{hint}",
        field=field,
        suggestions=near,
    )


def shown(instant: datetime, zone: zoneinfo.ZoneInfo) -> str:
    """Return an instant as people of a zone write it: ``2026-12-01 11:00 (Europe/Berlin)``."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M} ({zone.key})"


def _near(name: str) -> list[str]:
    """Return up to three zones whose name or city is like ``name``."""
    wanted = name[:100].strip().lower().replace(" ", "_")
    by_name = {zone_name.lower(): zone_name for zone_name in names()}
    by_city = {zone_name.rpartition("/")[2].lower(): zone_name for zone_name in names()}
    found = [
        *difflib.get_close_matches(wanted, by_name, n=3, cutoff=0.75),
        *difflib.get_close_matches(wanted.rpartition("/")[2], by_city, n=3, cutoff=0.75),
    ]
    return list(dict.fromkeys({**by_city, **by_name}[key] for key in found))[:3]
