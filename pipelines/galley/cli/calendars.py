"""The calendar of truth in a terminal: a line for each date, a sum for what fires often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import click

from galley.cli import output
from galley.cli.session import Session, with_session
from galley.domain import days, timezones
from galley.domain.calendar import Calendar, CalendarDay
from galley.domain.days import Moment
from galley.domain.model import Model


class Calendars(Model):
    """All pages of one calendar."""

    pages: tuple[Calendar, ...]


@click.command()
@click.argument("pipeline", required=False)
@click.option("--from", "first", metavar="DATE", help="First day; default: two weeks ago.")
@click.option("--to", "last", metavar="DATE", help="Last day; default: in two weeks.")
@click.option("--timezone", metavar="ZONE", help="Whose days; default: the schedule's, or UTC.")
@with_session
def calendar(
    session: Session,
    pipeline: str | None,
    first: str | None,
    last: str | None,
    timezone: str | None,
) -> None:
    """Show what ran, what did not and why, and what is to come."""
    pages = _pages(
        session,
        pipeline,
        days.parse(first, field="--from"),
        days.parse(last, field="--to"),
        timezone,
    )
    if session.output.as_json:
        shown = pages[0] if len(pages) == 1 else Calendars(pages=tuple(pages))
        session.output.model(shown, "")
        return
    zone = timezones.zone(pages[0].timezone)
    session.output.models(
        [day for page in pages for day in page.days],
        ("DATE", "PIPELINE", "STATE", "REASON"),
        sorted(row for page in pages for day in page.days for row in _rows(day, zone)),
        empty="Nothing ran and nothing is to come in this time.",
    )
    for change in dict.fromkeys(change for page in pages for change in page.clock_changes):
        way, minutes = _way(change.after - change.before)
        session.output.say(
            f"{change.day}: the clock of {change.timezone} goes {way} by {minutes} min"
        )


def _pages(
    session: Session,
    pipeline: str | None,
    first: Moment | None,
    last: Moment | None,
    timezone: str | None,
) -> list[Calendar]:
    """Return every page."""
    pages: list[Calendar] = []
    while not pages or pages[-1].next_cursor:
        cursor = pages[-1].next_cursor if pages else None
        pages.append(
            session.client.calendar(
                session.tenant, pipeline, start=first, end=last, timezone=timezone, cursor=cursor
            )
        )
    return pages


def _rows(day: CalendarDay, zone: ZoneInfo) -> Iterator[tuple[str, str, str, str]]:
    for entry in day.entries:
        local: datetime = entry.logical_date.astimezone(zone)
        why = "; ".join(filter(None, (entry.reason, entry.note)))
        yield (f"{local:%Y-%m-%d %H:%M}", entry.pipeline, output.state(entry.state), why)
    for group in day.groups:
        counts = ", ".join(f"{number} {state}" for state, number in group.counts.items())
        yield f"{day.day}      ", group.pipeline, f"Σ {counts.replace('_', ' ')}", ""


def _way(minutes: int) -> tuple[str, int]:
    return ("forward" if minutes > 0 else "back"), abs(minutes)
