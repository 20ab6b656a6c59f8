"""Commands of the author: publish, analyse, withdraw, export."""

from __future__ import annotations

from collections.abc import Sized
from pathlib import Path
from typing import Any

import click

from galley.cli import output
from galley.cli.following import at_cell
from galley.cli.parameters import parse_values
from galley.cli.plans import read_layout, show_checks, show_files, show_plan, verdict
from galley.cli.schedule_options import schedule_options, schedule_request
from galley.cli.session import Session, with_session
from galley.client import collect_modules
from galley.domain.model import in_words
from galley.domain.pipelines import Direction, Goal
from galley.domain.proof import Proof
from galley.domain.schedules import ScheduleRequest
from galley.domain.slugs import slugify
from galley.domain.versions import PublishRequest, Version, VersionState
from galley.errors import InvalidInput
from galley.project import archive

_UNDER_WAY = (VersionState.ANALYSING, VersionState.REHEARSING)


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--name", help="Name for people; default: the notebook's title or file name.")
@click.option("--slug", help="Name in addresses; default: made from the name.")
@click.option("--description", default="", help="What it is for.")
@click.option("--goal", metavar="METRIC", help="Metric that the runs log to MLflow.")
@click.option("--lower", is_flag=True, help="Less of the goal's metric is better.")
@click.option("--threshold", type=float, help="Value of the goal's metric to reach.")
@click.option(
    "-p",
    "--parameter",
    "values",
    nargs=2,
    multiple=True,
    metavar="NAME VALUE",
    help="Another default for a parameter; may be repeated.",
)
@click.option("--profile", help="Profile of its runs; default: the tenant's.")
@click.option(
    "--timeout",
    "timeout_s",
    type=int,
    default=3600,
    show_default=True,
    help="Time limit of a run, seconds.",
)
@click.option(
    "--cell-timeout",
    "cell_timeout_s",
    type=click.FloatRange(min=0, min_open=True),
    help="Time limit of each cell, seconds; default: the tenant's. The tag timeout:SECONDS of a "
    "cell goes before.",
)
@click.option(
    "--retries",
    type=int,
    default=1,
    show_default=True,
    help="Repeats after a failure of the platform's.",
)
@click.option("--cron", help="Schedule, five fields or a preset such as @daily.")
@schedule_options
@click.option("--note", default="", help="Note to the reviewers.")
@click.option(
    "--layout",
    "layout_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Which cells form which task. JSON or YAML: {tasks: [{name, cells}]}, cells from 0.",
)
@click.option(
    "--prove",
    type=click.Choice(["budget", "always", "never"]),
    default="budget",
    show_default=True,
    help="Prove the split where that fits the tenant's budget, always, or never.",
)
@click.option("--rehearse-only", is_flag=True, help="Stop after the rehearsal.")
@click.option(
    "--continue",
    "continues",
    is_flag=True,
    help="The next version of a pipeline that somebody else owns.",
)
@click.option(
    "--wait/--no-wait",
    default=True,
    show_default=True,
    help="Show the rehearsal until it has ended.",
)
@with_session
def publish(session: Session, notebook: Path, **options: Any) -> None:
    """Rehearse NOTEBOOK and send it to review.

    The version carries the notebook and the files beside it that it imports or runs.
    """
    layout = None if options["layout_file"] is None else read_layout(options["layout_file"])
    found = collect_modules(
        notebook,
        lambda nb, modules: session.client.analyse(session.tenant, nb, modules, layout=layout),
    )
    show_checks(found.analysis)
    name = options["name"] or found.analysis.title or notebook.stem
    request = PublishRequest(
        notebook=found.notebook,
        modules=found.modules,
        name=name[:120],
        description=options["description"],
        goal=_goal(options),
        defaults=parse_values(found.analysis.parameters, options["values"]),
        profile=options["profile"],
        timeout_s=options["timeout_s"],
        cell_timeout_s=options["cell_timeout_s"],
        retries=options["retries"],
        schedule=_schedule(options),
        note=options["note"],
        layout=layout,
        prove=options["prove"],
        rehearse_only=options["rehearse_only"],
        source_path=notebook.name,
        continues=options["continues"] or None,
    )
    version = session.client.publish(session.tenant, options["slug"] or slugify(name), request)
    session.output.say(f"{version.pipeline} v{version.number} is being rehearsed ({version.id})")
    if options["wait"]:
        version = _follow(session, version)
    session.output.model(version, _ending(version))
    if version.evidence is not None and version.evidence.proof is not None:
        _show_proof(session, version, version.evidence.proof)
    if version.state is VersionState.FAILED:
        raise SystemExit(1)


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@with_session
def analyse(session: Session, notebook: Path) -> None:
    """Read NOTEBOOK and say what publishing it would find; nothing is run or kept.

    Shows the tasks that a rehearsal would try to prove, what each takes over from which, and what
    is not cut, with the reason.
    """
    found = collect_modules(
        notebook, lambda nb, modules: session.client.analyse(session.tenant, nb, modules)
    )
    parameters = found.analysis.parameters.properties
    session.output.model(
        found.analysis,
        f"{notebook.name}: {_count(parameters, 'parameter')} ({', '.join(parameters) or 'none'}), "
        f"{_count(found.modules, 'local file')}, "
        f"{_count(found.analysis.requirements, 'requirement')}",
    )
    show_plan(session.output, found.analysis.split)
    show_files(session.output, found.analysis.files)
    show_checks(found.analysis)
    if found.analysis.errors:
        raise SystemExit(1)


@click.command()
@click.argument("version", metavar="PIPELINE[@VERSION]")
@with_session
def withdraw(session: Session, version: str) -> None:
    """Take a version back before it is approved."""
    taken = session.client.withdraw(session.version(version).id)
    session.output.model(taken, f"{taken.pipeline} v{taken.number} is withdrawn")


@click.command()
@click.argument("version", metavar="PIPELINE[@VERSION]")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@with_session
def export(session: Session, version: str, folder: Path) -> None:
    """Write a version as a plain Ploomber project into FOLDER; default is the live version.

    `ploomber build` in that folder runs it without Galley.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty: choose a new or an empty folder.")
    wanted = session.version(version, default="live")
    archive.unpack(session.client.export(wanted.id), folder)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    session.output.value(
        {"version": wanted.number, "folder": str(folder), "files": files},
        f"{wanted.pipeline} v{wanted.number} is in {folder}: cd {folder} && ploomber build",
    )


def _goal(options: dict[str, Any]) -> Goal | None:
    if options["goal"] is None:
        if options["threshold"] is not None or options["lower"]:
            raise InvalidInput("--lower and --threshold need --goal METRIC.")
        return None
    direction = Direction.LOWER if options["lower"] else Direction.HIGHER
    return Goal(metric=options["goal"], direction=direction, threshold=options["threshold"])


def _schedule(options: dict[str, Any]) -> ScheduleRequest | None:
    if options["cron"] is None:
        return None
    return schedule_request(options["cron"], options)


def _show_proof(session: Session, version: Version, proof: Proof) -> None:
    if not session.output.as_json:
        session.output.say(f"tasks: {', '.join(task.name for task in version.tasks)}")
        for line in verdict(proof):
            session.output.say(line)


def _follow(session: Session, version: Version) -> Version:
    said = None
    with session.client.watch(version.id) as watch:
        while version.state in _UNDER_WAY:
            line = _progress(version.progress or {})
            if line and line != said:
                said = line
                click.echo(line, err=True)
            watch.wait()
            version = session.client.version(version.id)
    return version


def _progress(progress: dict[str, Any]) -> str | None:
    if progress.get("phase"):
        return f"  {progress['phase']}"
    where = at_cell(progress.get("cell"), progress.get("cells"))
    return f"  {where}" if where else None


def _ending(version: Version) -> str:
    name = f"{version.pipeline} v{version.number}"
    took = (
        ""
        if version.evidence is None
        else (f" (rehearsed in {output.duration(version.evidence.duration_s)})")
    )
    match version.state:
        case VersionState.IN_REVIEW:
            gates = " and ".join(gate.gate for gate in version.gates)
            return f"{name} waits for {gates}{took}"
        case VersionState.APPROVED:
            return f"{name} is approved{' and live' if version.live else ''}{took}"
        case VersionState.FAILED:
            return f"{name} failed: {version.state_reason}"
        case VersionState.WITHDRAWN:
            return f"{name}: {version.state_reason or 'withdrawn'}{took}"
        case _:
            return f"{name} is {in_words(version.state)}"


def _count(found: Sized, noun: str) -> str:
    return f"{len(found)} {noun}{'' if len(found) == 1 else 's'}"
