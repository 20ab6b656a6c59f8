"""Commands about backfills: plan, start, list, pause, resume, cancel."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import click

from galley.cli import output
from galley.cli.parameters import parse_values, schema_for
from galley.cli.schedule_options import deadline
from galley.cli.session import Session, parse_id, with_session
from galley.client import Client
from galley.domain import timezones
from galley.domain.backfills import (
    MAX_PARALLEL,
    Backfill,
    BackfillPlan,
    BackfillRequest,
    Only,
    Order,
)
from galley.errors import InvalidInput

_DATES_SHOWN = 20


class _PipelineOrVerb(click.Group):
    """``galley backfill PIPELINE …`` starts one; ``pause``, ``resume`` and ``cancel`` are verbs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a first word that is no verb for the name of a pipeline."""
        if args and args[0] not in self.commands:
            return "start", self.commands["start"], args
        return super().resolve_command(ctx, args)


@click.group(cls=_PipelineOrVerb, subcommand_metavar="PIPELINE --from A --to B [OPTIONS]...")
def backfill() -> None:
    """Run a pipeline for dates that have passed; pause, resume or cancel that.

    `galley backfill start --help` tells the options.
    """


@backfill.command()
@click.argument("pipeline", metavar="PIPELINE[@VERSION]")
@click.option(
    "--from", "first", required=True, metavar="DATE", help="First date, or an instant (ISO 8601)."
)
@click.option(
    "--to", "last", required=True, metavar="DATE", help="Last date, that day included; or instant."
)
@click.option("--cron", help="Default: the pipeline's schedule.")
@click.option("--timezone", help="Of --cron and of dates; default: the schedule's.")
@click.option(
    "--order", type=click.Choice([str(one) for one in Order]), default="oldest", show_default=True
)
@click.option(
    "--parallel",
    type=click.IntRange(1, MAX_PARALLEL),
    default=1,
    show_default=True,
    help="Runs at the same time.",
)
@click.option(
    "--only",
    type=click.Choice([str(one) for one in Only]),
    default="missing",
    show_default=True,
    help="Dates without a success, those that failed, or all again.",
)
@click.option("-p", "--parameter", "values", nargs=2, multiple=True, metavar="NAME VALUE")
@click.option("--stop-at-first-failure", is_flag=True)
@deadline("From when the run of a date is queued until it must have ended.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be run.")
@with_session
def start(
    session: Session,
    pipeline: str,
    first: str,
    last: str,
    cron: str | None,
    timezone: str | None,
    order: str,
    parallel: int,
    only: str,
    values: tuple[tuple[str, str], ...],
    stop_at_first_failure: bool,
    deadline_s: int | None,
    dry_run: bool,
) -> None:
    """Run PIPELINE once for each date of a range; `--dry-run` only tells which."""
    version = session.version(pipeline, default="live")
    slug = version.pipeline
    zone = _zone(session.client, session.tenant, slug, timezone)
    request = BackfillRequest(
        start=_instant(first, zone, "--from"),
        end=_instant(last, zone, "--to", end=True),
        cron=cron,
        timezone=timezone if cron is not None else None,
        version=version.number,
        order=Order(order),
        parallel=parallel,
        only=Only(only),
        parameters=parse_values(schema_for(version, values), values),
        stop_at_first_failure=stop_at_first_failure,
        deadline_s=deadline_s,
    )
    if dry_run:
        _show(session, session.client.plan_backfill(session.tenant, slug, request))
        return
    started = session.client.start_backfill(session.tenant, slug, request)
    session.output.model(
        started, f"backfill {started.id}: {started.total:,} dates of {started.pipeline}"
    )


@backfill.command()
@click.argument("backfill_id", metavar="ID")
@with_session
def pause(session: Session, backfill_id: str) -> None:
    """Start no more dates; what is queued or running goes on to its end."""
    _told(session, session.client.pause_backfill(parse_id(backfill_id, "backfill")))


@backfill.command()
@click.argument("backfill_id", metavar="ID")
@with_session
def resume(session: Session, backfill_id: str) -> None:
    """Start the remaining dates of a paused backfill."""
    _told(session, session.client.resume_backfill(parse_id(backfill_id, "backfill")))


@backfill.command()
@click.argument("backfill_id", metavar="ID")
@with_session
def cancel(session: Session, backfill_id: str) -> None:
    """Start no more dates, and end the runs that are queued or under way."""
    _told(session, session.client.cancel_backfill(parse_id(backfill_id, "backfill")))


@click.command()
@click.option("--pipeline", metavar="NAME", help="Only backfills of this pipeline.")
@click.option("-n", "--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@with_session
def backfills(session: Session, pipeline: str | None, limit: int) -> None:
    """List the tenant's backfills, newest first."""
    found = session.client.backfills(session.tenant, pipeline=pipeline, limit=limit).items
    session.output.models(
        found,
        ("BACKFILL", "PIPELINE", "STATE", "SUCCEEDED", "FAILED", "OPEN", "WAITING", "FROM", "TO"),
        (
            (
                str(one.id),
                f"{one.pipeline}@{one.version}",
                output.state(one.state),
                f"{one.succeeded} of {one.total}",
                one.failed,
                one.open,
                one.waiting,
                # The days of its schedule, as they were asked for.
                f"{one.start.astimezone(timezones.zone(one.timezone)):%Y-%m-%d}",
                f"{one.end.astimezone(timezones.zone(one.timezone)):%Y-%m-%d}",
            )
            for one in found
        ),
        empty="No backfills yet: `galley backfill PIPELINE --from DATE --to DATE` starts one.",
    )


def _told(session: Session, one: Backfill) -> None:
    session.output.model(
        one,
        f"backfill {one.id}: {output.state(one.state)}; {one.succeeded} of {one.total} succeeded, "
        f"{one.failed} failed, {one.open} open, {one.waiting} waiting",
    )


def _show(session: Session, plan: BackfillPlan) -> None:
    if session.output.as_json:
        session.output.model(plan, "")
        return
    wanted = [one for one in plan.dates if one.wanted]
    session.output.models(
        wanted[:_DATES_SHOWN],
        ("LOGICAL DATE (UTC)", "LOCAL", "SO FAR"),
        (
            (f"{one.logical_date:%Y-%m-%d %H:%M}", one.local, one.standing)
            for one in wanted[:_DATES_SHOWN]
        ),
        empty="No date would be run.",
    )
    if plan.wanted > min(len(wanted), _DATES_SHOWN):
        session.output.say(f"… and {plan.wanted - min(len(wanted), _DATES_SHOWN):,} more")
    takes = (
        f"about {output.duration(plan.duration_s)}"
        if plan.duration_s is not None
        else "nobody knows how long: no run has succeeded yet"
    )
    session.output.say(
        f"{plan.wanted:,} of {plan.total:,} dates would be run with version {plan.version}, "
        f"{plan.parallel} at a time: {takes}. {plan.succeeded:,} have succeeded, "
        f"{plan.failed:,} failed, {plan.open:,} are open{_left_out(plan)}. Nothing was started."
    )


def _left_out(plan: BackfillPlan) -> str:
    """Return what is told only where there is any: dates that `--only all` runs alone."""
    removed = f", the runs of {plan.removed:,} are not kept any more" if plan.removed else ""
    return removed + (f", the schedule was paused at {plan.paused:,}" if plan.paused else "")


def _zone(client: Client, tenant: str, pipeline: str, timezone: str | None) -> ZoneInfo:
    if timezone is not None:
        return timezones.zone(timezone, field="--timezone")
    schedule = client.pipeline(tenant, pipeline).schedule
    return timezones.zone(schedule.timezone if schedule else "UTC", field="timezone")


def _instant(text: str, zone: ZoneInfo, option: str, *, end: bool = False) -> datetime:
    """Return a date's first moment in ``zone`` (its last one: ``end``), or the instant written."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise InvalidInput(
                f"{text!r} is no date: write 2026-11-20, or 2026-11-20T06:30+01:00.", field=option
            ) from None
        return at if at.tzinfo is not None else at.replace(tzinfo=zone)
    try:
        after = datetime.combine(day + timedelta(days=end), time(), zone)
        # In UTC, because the day's last hour may come twice by the clock on the wall.
        return after.astimezone(UTC) - timedelta(microseconds=1) if end else after
    except OverflowError:
        raise InvalidInput(f"{text!r} is too late a date.", field=option) from None
