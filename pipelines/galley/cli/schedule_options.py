"""Options that say when a pipeline runs by itself, and the request made of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from galley.domain import timezones
from galley.domain.schedules import MAX_DEADLINE_S, CatchUp, Overlap, ScheduleRequest
from galley.errors import InvalidInput

F = TypeVar("F", bound=Callable[..., Any])

_FIELDS = tuple(name for name in ScheduleRequest.model_fields if name != "cron")
_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M%z"])
_OPTIONS = (
    click.option("--timezone", help="Zone of the schedule; default: UTC."),
    click.option("--start", type=_TIMES, help="No firing before; in the schedule's zone."),
    click.option("--end", type=_TIMES, help="No firing after; in the schedule's zone."),
    click.option(
        "--jitter", "jitter_s", type=int, help="Firings are due up to so many seconds late."
    ),
    click.option(
        "--catch-up",
        type=click.Choice([str(one) for one in CatchUp]),
        help="Which missed firings are run; default: latest.",
    ),
    click.option("--catch-up-limit", type=int, help="How many `all` runs at most; default: 100."),
    click.option(
        "--overlap",
        type=click.Choice([str(one) for one in Overlap]),
        help="What to do while the run before has not ended; default: allow.",
    ),
    click.option(
        "--depends-on-past", is_flag=True, default=None, help="Wait for the success before."
    ),
    click.option("--priority", type=int, help="-100 to 100; more goes first. Default: 0."),
    click.option(
        "--deadline", "deadline_s", type=int, help="Seconds from when it is due to when it ends."
    ),
    click.option("--max-active-runs", type=int, help="Runs of the pipeline at the same time."),
    click.option(
        "--schedule-parameter",
        "templates",
        nargs=2,
        multiple=True,
        metavar="NAME TEMPLATE",
        help="A parameter of the scheduled runs, such as day '{{ logical_date | date }}'.",
    ),
)


def deadline(text: str, least: int = 1) -> Callable[[F], F]:
    """Return the option of a deadline in whole seconds from ``least`` on; ``text`` is its help."""
    return click.option(
        "--deadline",
        "deadline_s",
        type=click.IntRange(least, MAX_DEADLINE_S),
        metavar="SECONDS",
        help=text,
    )


def schedule_options(command: F) -> F:
    """Add the options of a schedule to ``command``, except its ``--cron``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def schedule_request(
    cron: str, options: dict[str, Any], kept: ScheduleRequest | None = None
) -> ScheduleRequest:
    """Return the schedule that the options ask for.

    Args:
        kept: has what the options do not say.

    Raises:
        InvalidInput: a value is outside its bounds; ``field`` names it.
    """
    given = {
        name: options[name]
        for name in ScheduleRequest.model_fields
        if options.get(name) is not None
    }
    rest = {} if kept is None else {name: getattr(kept, name) for name in type(kept).model_fields}
    zone = given.get("timezone") or rest.get("timezone") or "UTC"
    for name in ("start", "end"):
        if name in given:
            given[name] = _instant(given[name], zone)
    given["parameters"] = {**rest.get("parameters", {}), **dict(options["templates"])}
    given = {name: {**rest, **given}[name] for name in _FIELDS if name in rest or name in given}
    try:
        return ScheduleRequest.model_validate({"cron": cron, **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{name}: {first['input']!r}: {first['msg']}.", field=name) from error


def _instant(value: datetime, timezone: str) -> datetime:
    """Return a time of the schedule's zone, which the service judges where no time needs it."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=timezones.zone(timezone))
    return value.astimezone(UTC)
