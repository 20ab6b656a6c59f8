"""Commands about schedules: set, preview, pause, resume, the next firings."""

from __future__ import annotations

import json
from typing import Any

import click

from galley.cli.schedule_options import schedule_options, schedule_request
from galley.cli.session import Session, with_session
from galley.domain.pipelines import Pipeline
from galley.domain.schedules import PreviewRequest


@click.group()
def schedule() -> None:
    """Set, pause or resume a pipeline's schedule, or see its next firings."""


@schedule.command(name="set")
@click.argument("pipeline")
@click.argument("cron")
@schedule_options
@click.option("--replace", is_flag=True, help="Set what is said here and nothing else.")
@with_session
def set_schedule(
    session: Session, pipeline: str, cron: str, *, replace: bool, **options: Any
) -> None:
    """Run PIPELINE at CRON from now on, in a tenant that asks for no review.

    CRON is five fields, or a preset such as @daily. What is not said here stays as it is.
    """
    kept = None if replace else session.client.pipeline(session.tenant, pipeline).schedule
    request = schedule_request(cron, options, kept)
    changed = session.client.set_schedule(session.tenant, pipeline, request)
    session.output.model(changed, f"the schedule of {changed.slug} is set{_next(changed)}")


@schedule.command()
@click.argument("cron")
@schedule_options
@click.option("--of", "pipeline", metavar="PIPELINE", help="Whose parameters the templates are.")
@click.option("-n", "--count", type=click.IntRange(1, 100), default=5, show_default=True)
@with_session
def preview(session: Session, cron: str, pipeline: str | None, count: int, **options: Any) -> None:
    """Say what a schedule would do: in words, its next firings and the parameters of each."""
    request = schedule_request(cron, options)
    schema = None
    if pipeline is not None:
        analysis = session.version(pipeline, default="live").analysis
        schema = analysis and analysis.parameters
    asked = PreviewRequest(**dict(request), count=count, parameter_schema=schema)
    found = session.client.preview_schedule(asked)
    if not session.output.as_json:
        session.output.say(f"{found.description}. {found.clock_rule}")
    session.output.models(
        found.firings,
        ("UTC", "LOCAL", "NOTE", "PARAMETERS"),
        (
            (
                f"{one.at:%Y-%m-%d %H:%M}",
                one.local,
                one.note or "",
                "" if one.parameters is None else json.dumps(one.parameters),
            )
            for one in found.firings
        ),
        empty="It never fires.",
    )


@schedule.command()
@click.argument("pipeline")
@with_session
def pause(session: Session, pipeline: str) -> None:
    """Stop firing until it is resumed; what falls in between is not caught up."""
    paused = session.client.pause_schedule(session.tenant, pipeline)
    session.output.model(paused, f"the schedule of {paused.slug} is paused")


@schedule.command()
@click.argument("pipeline")
@with_session
def resume(session: Session, pipeline: str) -> None:
    """Fire again from now on."""
    resumed = session.client.resume_schedule(session.tenant, pipeline)
    session.output.model(resumed, f"the schedule of {resumed.slug} is on again{_next(resumed)}")


@schedule.command(name="next")
@click.argument("pipeline")
@click.option("-n", "--count", type=click.IntRange(1, 100), default=5, show_default=True)
@with_session
def next_firings(session: Session, pipeline: str, count: int) -> None:
    """List the next firings, with what the clock's changes do to them."""
    firings = session.client.next_firings(session.tenant, pipeline, count).firings
    late = any(one.due is not None for one in firings)
    session.output.models(
        firings,
        ("UTC", *(["DUE"] if late else []), "LOCAL", "NOTE"),
        (
            (
                f"{one.at:%Y-%m-%d %H:%M}",
                *([f"{one.due or one.at:%Y-%m-%d %H:%M:%S}"] if late else []),
                one.local,
                one.note or "",
            )
            for one in firings
        ),
        empty=f"{pipeline} has no firings to come: it has no schedule, or it is paused.",
    )


def _next(pipeline: Pipeline) -> str:
    return f"; next at {pipeline.next_firing:%Y-%m-%d %H:%M} UTC" if pipeline.next_firing else ""
