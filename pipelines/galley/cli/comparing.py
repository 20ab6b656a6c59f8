"""`galley compare`: two runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from galley.cli import output
from galley.cli.session import Session, parse_id, with_session
from galley.domain.comparison import RunComparison


@click.command()
@click.argument("left", metavar="RUN")
@click.argument("right", metavar="RUN", required=False)
@with_session
def compare(session: Session, left: str, right: str | None) -> None:
    """Show what differs between two runs; one RUN: to the successful run before it."""
    found = (
        session.client.compare(parse_id(left))
        if right is None
        else session.client.compare(parse_id(right), parse_id(left))
    )
    session.output.model(found, "\n".join(_lines(found)))


def _lines(found: RunComparison) -> Iterator[str]:
    for side, run in (("left ", found.left), ("right", found.right)):
        yield (
            f"{side} {run.id}  {run.pipeline}@{run.version}  {output.state(run.state)}"
            f"{f'  {run.state_reason}' if run.state_reason else ''}"
        )
    yield from _block("parameters", [(one.name, one.left, one.right) for one in found.parameters])
    yield from _block(
        "metrics",
        [(one.name, _figure(one.left), _figure(one.right)) for one in found.metrics],
        equal_too=True,
    )
    yield from _block(
        "durations",
        [(one.task, _took(one.left), _took(one.right)) for one in found.tasks],
        equal_too=True,
    )
    yield from _block("packages", [(one.name, one.left, one.right) for one in found.packages])
    differ = [str(one.cell + 1) for one in found.outputs if not one.same]
    yield ""
    yield (
        f"outputs: {len(found.outputs) - len(differ)} equal, {len(differ)} different"
        + (f" (cells {', '.join(differ)})" if differ else "")
    )
    yield from found.notes


def _block(
    title: str,
    rows: Sequence[tuple[str, str | None, str | None]],
    *,
    equal_too: bool = False,
) -> Iterator[str]:
    shown = [row for row in rows if equal_too or row[1] != row[2]]
    equal = len(rows) - len(shown)
    yield ""
    yield f"{title}{f' ({equal} equal)' if equal else ''}{'' if shown or equal else ': none'}"
    width = max((len(name) for name, _, _ in shown), default=0)
    for name, left, right in shown:
        yield f"  {name:{width}}  {left or '–'} → {right or '–'}"


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.6g}"


def _took(seconds: float | None) -> str | None:
    return None if seconds is None else output.duration(seconds)
