"""Commands about pipelines and runs: list, start, watch, end."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from galley.cli import output
from galley.cli.following import follow as follow_log
from galley.cli.parameters import parse_values, schema_for
from galley.cli.schedule_options import deadline
from galley.cli.session import Session, parse_id, parse_reference, with_session
from galley.client.usage import blocks, busy, peak, size
from galley.domain import days
from galley.domain.runs import Run, RunKind, RunState

_LIMIT = click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 500),
    default=20,
    show_default=True,
    help="Rows at most.",
)
DEADLINE = deadline(
    "From now until it must have ended: skipped if it has not started, else timed out."
)


@click.command()
@click.option("-q", "--query", "q", help="Only names that contain this.")
@_LIMIT
@with_session
def pipelines(session: Session, q: str | None, limit: int) -> None:
    """List the tenant's pipelines."""
    page = session.client.pipelines(session.tenant, q=q, limit=limit)
    session.output.models(
        page.items,
        ("PIPELINE", "NAME", "LIVE", "LATEST", "OWNER", "NEXT FIRING"),
        (
            (
                pipeline.slug,
                pipeline.name,
                f"v{pipeline.live_version}" if pipeline.live_version else "–",
                f"v{pipeline.latest_version}" if pipeline.latest_version else "–",
                pipeline.owner,
                "paused"
                if pipeline.schedule and pipeline.schedule.paused
                else output.moment(pipeline.next_firing),
            )
            for pipeline in page.items
        ),
        empty="No pipelines yet: `galley publish NOTEBOOK` makes one.",
    )


@click.command()
@click.option("--pipeline", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--state", type=click.Choice([str(state) for state in RunState]))
@click.option("--kind", type=click.Choice([str(kind) for kind in RunKind]))
@click.option("--from", "first", metavar="DATE", help="Only logical dates from here on (UTC).")
@click.option("--to", "last", metavar="DATE", help="Only logical dates up to here (UTC).")
@_LIMIT
@with_session
def runs(
    session: Session,
    pipeline: str | None,
    state: str | None,
    kind: str | None,
    first: str | None,
    last: str | None,
    limit: int,
) -> None:
    """List the tenant's runs, newest first; between two dates, the latest date first."""
    page = session.client.runs(
        session.tenant,
        pipeline=pipeline,
        state=RunState(state) if state else None,
        kind=RunKind(kind) if kind else None,
        start=days.parse(first, field="--from"),
        end=days.parse(last, field="--to"),
        limit=limit,
    )
    session.output.models(
        page.items,
        ("RUN", "PIPELINE", "STATE", "TRIGGER", "LOGICAL DATE", "TOOK"),
        (
            (
                str(run.id),
                f"{run.pipeline}@{run.version}",
                output.state(run.state),
                run.trigger,
                output.moment(run.logical_date),
                _took(run),
            )
            for run in page.items
        ),
        empty="No runs yet: `galley run PIPELINE` starts one.",
    )


@click.command()
@click.argument("pipeline", metavar="PIPELINE[@VERSION]")
@click.option(
    "-p",
    "--parameter",
    "values",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A parameter's value; may be repeated.",
)
@click.option("--logical-date", metavar="ISO", help="Default: now.")
@click.option(
    "--priority",
    type=click.IntRange(-100, 100),
    default=0,
    show_default=True,
    help="More goes first within the tenant.",
)
@DEADLINE
@click.option(
    "--incremental",
    is_flag=True,
    help="Execute only the tasks whose source, parameters, modules, environment or upstream tasks "
    "have changed since an earlier run with this option. What they read elsewhere does not count.",
)
@click.option("-f", "--follow", is_flag=True, help="Show the log and wait for the end.")
@with_session
def run(
    session: Session,
    pipeline: str,
    values: tuple[tuple[str, str], ...],
    logical_date: str | None,
    priority: int,
    deadline_s: int | None,
    incremental: bool,
    follow: bool,
) -> None:
    """Start a run now; default is the live version."""
    named = parse_reference(pipeline, "live")
    version = session.version(pipeline, default="live")
    started = session.client.start_run(
        session.tenant,
        named.pipeline,
        parse_values(schema_for(version, values), values),
        version=version.number,
        logical_date=_instant(logical_date),
        priority=priority,
        deadline_s=deadline_s,
        incremental=incremental,
    )
    if follow:
        session.output.say(f"run {started.id}: {output.state(started.state)}")
        for text in follow_log(session.client, started.id):
            click.echo(text, nl=False, err=session.output.as_json)
        started = session.client.run(started.id)
    session.output.model(started, f"run {started.id}: {output.state(started.state)}{_why(started)}")
    if started.state.ended and started.state is not RunState.SUCCEEDED:
        raise SystemExit(1)


@click.command()
@click.argument("run_id", metavar="RUN")
@with_session
def cancel(session: Session, run_id: str) -> None:
    """Ask for the end of a run."""
    asked = session.client.cancel(parse_id(run_id))
    now = output.state(asked.state) if asked.state.ended else "asked to end"
    session.output.model(asked, f"run {asked.id}: {now}")


@click.command()
@click.argument("run_id", metavar="RUN")
@with_session
def retry(session: Session, run_id: str) -> None:
    """Put a failed run back into the queue, as a new attempt."""
    queued = session.client.retry(parse_id(run_id))
    session.output.model(queued, f"run {queued.id}: {output.state(queued.state)}")


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has ended.")
@with_session
def logs(session: Session, run_id: str, follow: bool) -> None:
    """Print the log of a run, attempt after attempt."""
    run_uuid = parse_id(run_id)
    if session.output.as_json:
        text = "".join(session.client.follow_log(run_uuid, follow=follow))
        session.output.value({"run": str(run_uuid), "log": text}, text)
        return
    followed = (
        follow_log(session.client, run_uuid)
        if follow
        else session.client.follow_log(run_uuid, follow=False)
    )
    for text in followed:
        click.echo(text, nl=False)


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--attempt", type=click.IntRange(1), help="Default: the latest.")
@click.option(
    "--save",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Save them there; what is there of the same name is replaced.",
)
@with_session
def files(session: Session, run_id: str, attempt: int | None, save: Path | None) -> None:
    """List the files that a run wrote, or save them."""
    run_uuid = parse_id(run_id)
    found = session.client.files(run_uuid, attempt=attempt)
    for one in found if save is not None else ():
        assert save is not None
        save.mkdir(parents=True, exist_ok=True)
        (save / one.name).write_bytes(session.client.file(run_uuid, one.name, attempt=attempt))
    session.output.models(
        found,
        ("FILE", "SIZE"),
        ((one.name, size(one.size)) for one in found),
        empty="It left no files.",
    )


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--attempt", type=click.IntRange(1), help="Default: the latest.")
@with_session
def resources(session: Session, run_id: str, attempt: int | None) -> None:
    """Show what the tasks of a run used: memory and CPU."""
    found = session.client.run(parse_id(run_id))
    if not found.attempts and attempt is None:
        session.output.say(f"run {found.id} has not been started yet")
        return
    used = session.client.resources(found.id, attempt or found.attempt_count)
    session.output.models(
        used.tasks,
        ("TASK", "PEAK MEMORY", "OF", "", "CPU TIME", "MOST CPU", "OF", ""),
        (
            (
                one.task,
                size(peak(one)),
                size(used.memory),
                blocks([point.memory for point in one.points], used.memory),
                output.duration(max(point.cpu_s for point in one.points)),
                f"{max(busy(one.points), default=0):.1f}",
                f"{used.cpu:g}",
                blocks(busy(one.points), used.cpu),
            )
            for one in used.tasks
            if one.points
        ),
        empty="No task was measured: none ran for long enough, or it was run before measuring.",
    )


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is not an ISO 8601 date, such as 2026-03-29T06:30+02:00",
            param_hint="--logical-date",
        ) from error
    return instant if instant.tzinfo else instant.astimezone()


def _took(run: Run) -> str:
    if run.started_at is None or run.ended_at is None:
        return "–"
    return output.duration((run.ended_at - run.started_at).total_seconds())


def _why(run: Run) -> str:
    return f": {run.state_reason}" if run.state_reason else ""
