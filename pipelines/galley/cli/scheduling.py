"""Commands about schedules: pause, resume, the next firings."""

from __future__ import annotations

import click

from galley.cli.session import Session, with_session
from galley.domain.pipelines import Pipeline


@click.group()
def schedule() -> None:
    """Pause or resume a pipeline's schedule, or see its next firings."""


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
    session.output.models(
        firings,
        ("UTC", "LOCAL", "NOTE"),
        ((f"{one.at:%Y-%m-%d %H:%M}", one.local, one.note or "") for one in firings),
        empty=f"{pipeline} has no firings to come: it has no schedule, or it is paused.",
    )


def _next(pipeline: Pipeline) -> str:
    return f"; next at {pipeline.next_firing:%Y-%m-%d %H:%M} UTC" if pipeline.next_firing else ""
