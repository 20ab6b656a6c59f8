"""Commands about what is kept: the policies at work, and what is on disk."""

from __future__ import annotations

import click
from pydantic import ValidationError

from galley.cli.session import Session, with_session
from galley.client.usage import size
from galley.domain.retention import PipelineRetention, RetentionPolicy
from galley.errors import InvalidInput


@click.command()
@click.argument("pipeline", required=False)
@click.option("--dry-run", is_flag=True, help="Say what would go; remove nothing.")
@click.option("--files", metavar="STATE=AGE", multiple=True, help="Its own age for files: 90d.")
@click.option("--runs", metavar="STATE=AGE", multiple=True, help="Its own age for runs: 5y.")
@click.option("--latest", type=int, help="How many runs it keeps at any age; default 10.")
@click.option("--reset", is_flag=True, help="Let the tenant's policy hold for it again.")
@with_session
def retention(
    session: Session,
    pipeline: str | None,
    dry_run: bool,
    files: tuple[str, ...],
    runs: tuple[str, ...],
    latest: int | None,
    reset: bool,
) -> None:
    """Remove now what the policies do not keep; with PIPELINE, show or set its policy."""
    changes = bool(files or runs or latest is not None)
    if pipeline is None:
        if changes or reset:
            raise InvalidInput(
                "name the PIPELINE whose policy is meant; a tenant's is in the tenants file."
            )
        _apply(session, dry_run=dry_run)
        return
    if dry_run or (changes and reset):
        raise InvalidInput(
            "--dry-run is for all pipelines of a tenant; --reset goes without a policy."
        )
    client, tenant = session.client, session.tenant
    if reset:
        held = client.set_retention(tenant, pipeline, None)
    elif changes:
        held = client.set_retention(tenant, pipeline, _policy(files, runs, latest))
    else:
        held = client.retention(tenant, pipeline)
    session.output.model(held, _words(held))


def _apply(session: Session, *, dry_run: bool) -> None:
    client, tenant = session.client, session.tenant
    report = client.plan_retention(tenant) if dry_run else client.apply_retention(tenant)
    if session.output.as_json:
        session.output.model(report, "")
        return
    session.output.models(
        report.pipelines,
        ("PIPELINE", "FILES OF", "RUNS", "SIZE"),
        ((one.pipeline, one.files, one.runs, size(one.size)) for one in report.pipelines),
        empty="Nothing is old enough to go.",
    )
    if report.more:
        session.output.say("There is more: the next pass goes on.")


def _policy(files: tuple[str, ...], runs: tuple[str, ...], latest: int | None) -> RetentionPolicy:
    given: dict[str, object] = {"files": _ages(files, "--files"), "runs": _ages(runs, "--runs")}
    if latest is not None:
        given["latest"] = latest
    try:
        return RetentionPolicy.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "[key]")
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidInput(f"{where}: {message}" if where else message) from error


def _ages(given: tuple[str, ...], option: str) -> dict[str, str]:
    ages = {}
    for one in given:
        state, equals, age = one.partition("=")
        if not equals:
            raise InvalidInput(f"{one!r}: write {option} failed=90d", field=option)
        ages[state] = age
    return ages


def _words(held: PipelineRetention) -> str:
    policy = held.policy
    parts = [
        f"{what} of {state} runs after {days} days"
        for what, ages in (("files", policy.files), ("rows", policy.runs))
        for state, days in ages.items()
    ]
    removed = ", ".join(parts) or "nothing"
    whose = f"set by {held.set_by}" if held.own else "its tenant's policy"
    return f"{held.pipeline} removes {removed}; it keeps its latest {policy.latest} ({whose})"


@click.command()
@with_session
def disk(session: Session) -> None:
    """Say what the tenant keeps on disk."""
    use = session.client.disk(session.tenant)
    lines = [
        (use.notebooks, "executed notebooks and files of runs"),
        (use.tracked, "artifacts in MLflow"),
        (use.logs, "logs"),
        (use.blobs, "content of versions"),
        (use.mirror, "Git repository"),
        (use.total, f"in all; limits.artifacts allows {size(use.limit)} of the first two"),
    ]
    session.output.model(use, "\n".join(f"{size(count):>10}  {what}" for count, what in lines))
