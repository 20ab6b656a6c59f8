"""`galley try`: a run of any version with other parameters and one's own rights."""

from __future__ import annotations

import click

from galley.cli import output
from galley.cli.following import follow as follow_log
from galley.cli.parameters import parse_values, schema_for
from galley.cli.running import DEADLINE
from galley.cli.session import Session, parse_reference, with_session
from galley.domain.runs import RunState
from galley.errors import InvalidInput


@click.command("try")
@click.argument("pipeline", metavar="PIPELINE[@VERSION]")
@click.option("--version", "number", type=click.IntRange(1), help="Default: the live one.")
@click.option(
    "-p",
    "--parameter",
    "values",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="A parameter's value; may be repeated.",
)
@DEADLINE
@click.option("-f", "--follow", is_flag=True, help="Show the log and wait for the end.")
@with_session
def try_version(
    session: Session,
    pipeline: str,
    number: int | None,
    values: tuple[tuple[str, str], ...],
    deadline_s: int | None,
    follow: bool,
) -> None:
    """Try a version in any state, with your own rights; nothing of it changes.

    Without a version the live one is tried, or the latest where none is live.
    """
    version = session.version(_reference(session, pipeline, number), default="live")
    started = session.client.start_trial(
        session.tenant,
        version.pipeline,
        parse_values(schema_for(version, values), values),
        version=version.number,
        deadline_s=deadline_s,
    )
    if follow:
        session.output.say(f"trial {started.id}: {output.state(started.state)}")
        for text in follow_log(session.client, started.id):
            click.echo(text, nl=False, err=session.output.as_json)
        started = session.client.run(started.id)
    why = f": {started.state_reason}" if started.state_reason else ""
    sentence = f"trial {started.id} of version {version.number}: {output.state(started.state)}{why}"
    session.output.model(started, sentence)
    if started.state.ended and started.state is not RunState.SUCCEEDED:
        raise SystemExit(1)


def _reference(session: Session, pipeline: str, number: int | None) -> str:
    if number is None and "@" not in pipeline:
        found = session.client.pipeline(
            session.tenant, parse_reference(pipeline, "latest").pipeline
        )
        return f"{pipeline}@{'live' if found.live_version else 'latest'}"
    if number is not None and "@" in pipeline:
        raise InvalidInput(f"{pipeline!r} names a version already: leave --version out.")
    return pipeline if number is None else f"{pipeline}@{number}"
