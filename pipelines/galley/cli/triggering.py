"""Commands about triggers: add, change, list, pause, resume, remove, and what they fired upon."""

from __future__ import annotations

from typing import Any

import click
from pydantic import ValidationError

from galley.cli import output
from galley.cli.parameters import parse_templates, schema_for
from galley.cli.schedule_options import deadline
from galley.cli.session import Session, with_session
from galley.domain.triggers import (
    LEAST_INTERVAL_S,
    LONGEST_INTERVAL_S,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    FileSource,
    Source,
    Trigger,
    TriggerChange,
    TriggerMade,
    TriggerRequest,
    UpstreamSource,
    WebhookSource,
)
from galley.errors import InvalidInput, NotFound

_ABOUT = click.argument("pipeline")
_NAME = click.argument("name")
_AFTER = click.option(
    "--after", "upstream", multiple=True, metavar="PIPELINE", help="May be repeated."
)
_FILE = click.option(
    "--file", "url", metavar="URL", help="/datasets/NAME/PATH, or what may be watched."
)
_EVERY = click.option(
    "--every",
    type=click.FloatRange(LEAST_INTERVAL_S, LONGEST_INTERVAL_S),
    metavar="SECONDS",
    help="Pause between looks; default 60.",
)
_PARAMETER = click.option(
    "-p",
    "--parameter",
    "values",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Of the runs; templates as in a schedule.",
)
_DEADLINE = deadline("From when it fires until its run must have ended; 0: no such time.", least=0)


@click.group()
def trigger() -> None:
    """Run a pipeline after others, when a file changes, or upon a signed request."""


@trigger.command()
@_ABOUT
@_NAME
@_AFTER
@_FILE
@_EVERY
@click.option("--webhook", is_flag=True)
@_PARAMETER
@_DEADLINE
@with_session
def add(
    session: Session,
    pipeline: str,
    name: str,
    upstream: tuple[str, ...],
    url: str | None,
    every: float | None,
    webhook: bool,
    values: tuple[tuple[str, str], ...],
    deadline_s: int | None,
) -> None:
    """Add the trigger NAME to PIPELINE: --after, --file or --webhook."""
    request = TriggerRequest(
        name=name,
        source=_source(upstream, url, every, webhook=webhook),
        parameters=_parameters(session, pipeline, values),
        deadline_s=deadline_s or None,
    )
    _made(session, session.client.add_trigger(session.tenant, pipeline, request))


@trigger.command()
@_ABOUT
@_NAME
@_AFTER
@_FILE
@_EVERY
@_PARAMETER
@_DEADLINE
@click.option("--without", multiple=True, metavar="NAME", help="Set this parameter no more.")
@with_session
def change(
    session: Session,
    pipeline: str,
    name: str,
    upstream: tuple[str, ...],
    url: str | None,
    every: float | None,
    values: tuple[tuple[str, str], ...],
    deadline_s: int | None,
    without: tuple[str, ...],
) -> None:
    """Change the trigger NAME of PIPELINE; what is not given stays as it is."""
    found = session.client.triggers(session.tenant, pipeline=pipeline).items
    before = next((one for one in found if one.name == name), None)
    if before is None:
        raise NotFound(f"The pipeline {pipeline!r} has no trigger {name!r}.")
    for one in without:
        if one not in before.parameters:
            raise InvalidInput(f"the trigger sets no parameter {one!r}.", field="--without")
    parameters = {**before.parameters, **_parameters(session, pipeline, values)}
    kept = {key: value for key, value in parameters.items() if key not in without}
    source = before.source
    if isinstance(source, FileSource) and not upstream:
        source = _source((), url or source.url, every or source.interval_s, webhook=False)
    elif upstream or url is not None or every is not None:
        source = _source(upstream, url, every, webhook=False)
    deadline = before.deadline_s if deadline_s is None else deadline_s or None
    wanted = TriggerChange(source=source, parameters=kept, deadline_s=deadline)
    done = session.client.change_trigger(session.tenant, pipeline, name, wanted)
    session.output.model(done, f"the trigger {name} of {pipeline} is changed")


@trigger.command(name="list")
@click.option("--pipeline", metavar="NAME", help="Only triggers of this pipeline.")
@with_session
def list_(session: Session, pipeline: str | None) -> None:
    """List the tenant's triggers."""
    found = session.client.triggers(session.tenant, pipeline=pipeline).items
    session.output.models(
        found,
        ("PIPELINE", "TRIGGER", "UPON", "STATE", "LAST FIRED"),
        (
            (one.pipeline, one.name, _upon(one.source), _state(one), output.moment(one.last_fired))
            for one in found
        ),
        empty="No triggers yet: `galley trigger add PIPELINE NAME --after PIPELINE` adds one.",
    )


@trigger.command()
@_ABOUT
@_NAME
@with_session
def pause(session: Session, pipeline: str, name: str) -> None:
    """Let a trigger rest; what happens meanwhile is not caught up."""
    done = session.client.pause_trigger(session.tenant, pipeline, name)
    session.output.model(done, f"the trigger {name} of {pipeline} is paused")


@trigger.command()
@_ABOUT
@_NAME
@with_session
def resume(session: Session, pipeline: str, name: str) -> None:
    """Let a trigger fire again, from now on."""
    done = session.client.resume_trigger(session.tenant, pipeline, name)
    session.output.model(done, f"the trigger {name} of {pipeline} is on again")


@trigger.command()
@_ABOUT
@_NAME
@with_session
def remove(session: Session, pipeline: str, name: str) -> None:
    """Take a trigger out of force; what it fired stays in its runs and the audit trail."""
    session.client.remove_trigger(session.tenant, pipeline, name)
    session.output.value({"removed": name}, f"the trigger {name} of {pipeline} is removed")


@trigger.command()
@_ABOUT
@_NAME
@with_session
def renew(session: Session, pipeline: str, name: str) -> None:
    """Give a webhook a new secret; the one before is worth nothing from then on."""
    _made(session, session.client.renew_trigger_secret(session.tenant, pipeline, name))


@trigger.command()
@_ABOUT
@_NAME
@click.option("-n", "--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@with_session
def log(session: Session, pipeline: str, name: str, limit: int) -> None:
    """List when a trigger fired, upon what, and which run came of it."""
    found = session.client.trigger_firings(session.tenant, pipeline, name, limit=limit).items
    session.output.models(
        found,
        ("FIRED", "RUN", "UPON"),
        (
            (
                output.moment(one.at),
                str(one.run) if one.run else f"none: {one.reason}",
                output.facts(one.cause),
            )
            for one in found
        ),
        empty=f"{name} has not fired yet.",
    )


def _parameters(
    session: Session, pipeline: str, values: tuple[tuple[str, str], ...]
) -> dict[str, Any]:
    version = session.version(pipeline)
    return parse_templates(schema_for(version, values), values)


def _source(
    upstream: tuple[str, ...], url: str | None, every: float | None, *, webhook: bool
) -> Source:
    if every is not None and url is None:
        raise click.UsageError("--every goes with --file.")
    if (bool(upstream), url is not None, webhook).count(True) != 1:
        raise click.UsageError("say what to wait for: one of --after, --file or --webhook.")
    try:
        if upstream:
            return UpstreamSource(pipelines=upstream)
        if url is not None:
            return FileSource(url=url, interval_s=every or 60)
    except ValidationError as error:
        field = "--after" if upstream else "--file"
        raise InvalidInput(error.errors()[0]["msg"], field=field) from error
    return WebhookSource()


def _upon(source: Source) -> str:
    if isinstance(source, UpstreamSource):
        return f"after {', '.join(source.pipelines)}"
    return source.url if isinstance(source, FileSource) else "webhook"


def _state(one: Trigger) -> str:
    if one.paused:
        return f"paused by {one.paused_by}"
    if one.watch is not None and one.watch.error:
        return f"✗ {one.watch.error}"
    return "on"


def _made(session: Session, made: TriggerMade) -> None:
    one = made.trigger
    session.output.model(made, f"the trigger {one.name} of {one.pipeline} is on")
    if made.secret is not None:
        session.output.say(
            f"address:  {session.client.url}/api/v1{one.hook}\n"
            f"secret:   {made.secret}   (shown this once)\n"
            f"Send POST with {TIMESTAMP_HEADER} (whole seconds since 1970) and {SIGNATURE_HEADER}: "
            "'v1=' and the HMAC-SHA256 in hex of the time, a dot and the body."
        )
