"""What reading a notebook tells, as text: checks, tasks, what crosses, what is not cut, files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
import yaml
from pydantic import ValidationError

from galley.cli.output import Output
from galley.domain.proof import Proof, ProofState
from galley.domain.split import SplitLayout, SplitPlan
from galley.domain.versions import Analysis, Check, FileUse, Severity
from galley.errors import InvalidInput
from galley.project.handing import Handing, handings

_VERDICTS = {
    ProofState.EQUAL: "proved equal",
    ProofState.UNEQUAL: "no split could be proved equal",
    ProofState.SKIPPED: "not proved",
    ProofState.NOT_NEEDED: "nothing to prove",
}


def show_checks(analysis: Analysis) -> None:
    """Print errors and warnings on standard error, each with its cell."""
    for check in analysis.checks:
        if check.severity is not Severity.INFO:
            click.echo(f"  {check.severity}: {located(check)}", err=True)


def located(check: Check) -> str:
    """Return a check's message with its cell, which many name themselves."""
    if check.cell is None or re.search(rf"\bcell {check.cell + 1}\b", check.message):
        return check.message
    return f"cell {check.cell + 1}: {check.message}"


def show_plan(output: Output, plan: SplitPlan | None) -> None:
    """Print the tasks of a plan, unless the command answers with JSON."""
    if output.as_json or plan is None:
        return
    if not plan.is_split:
        output.say("one task" + (f": {plan.reason}" if plan.reason else ""))
    else:
        handed = handings(plan)
        for task in plan.tasks:
            uses = f"; parameters {', '.join(task.parameters)}" if task.parameters else ""
            output.say(f"{task.name} ({_ranges(task.cells)}{uses})")
            for line in _takes(plan, task.name, handed[task.name]):
                output.say(f"  {line}")
    for merge in plan.merges:
        output.say(f"not cut: {' | '.join(merge.tasks)}: {merge.reason}")


def show_files(output: Output, files: Iterable[FileUse]) -> None:
    """Print the files that a notebook reads and writes, unless the command answers with JSON."""
    if output.as_json:
        return
    for mode, verb in (("read", "reads"), ("write", "writes")):
        cells: dict[str, list[str]] = {}
        for one in files:
            if one.mode == mode:
                place = cells.setdefault(one.path or "a file named when it runs", [])
                place.append(str(one.cell + 1))
        for path, where in cells.items():
            output.say(f"{verb} {path} (cell {', '.join(dict.fromkeys(where))})")


def _ranges(cells: tuple[int, ...]) -> str:
    """Return cells as people count them: ``cells 1-3, 7``, or ``cell 7``."""
    runs: list[list[int]] = []
    for cell in cells:
        if runs and cell == runs[-1][-1] + 1:
            runs[-1].append(cell)
        else:
            runs.append([cell])
    named = ", ".join(
        f"{run[0] + 1}" if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs
    )
    return f"cell{'' if len(cells) == 1 else 's'} {named}"


def _takes(plan: SplitPlan, task: str, handing: Handing) -> Iterator[str]:
    """Yield what a task takes over, a line for each task before it: ``takes df, y of prepare``."""
    types = {
        (one.producer, one.name): one.type
        for one in plan.crossings
        if one.consumer == task and one.type
    }
    for one in handing.taken:
        names = [
            f"{name} ({types[one.task, name]})" if (one.task, name) in types else name
            for name in one.names
        ]
        names += [f"state of {state}" for state in one.states]
        yield f"takes {', '.join(names)} of {one.task}"
    for name in handing.upstream:
        if name not in {one.task for one in handing.taken}:
            yield f"waits for {name}"


def verdict(proof: Proof) -> Iterator[str]:
    """Yield what a proof showed, line by line."""
    reason = f": {proof.reason}" if proof.reason else ""
    yield f"{_VERDICTS[proof.state]}{reason}"
    if proof.tries:
        yield (
            f"compared: {proof.variables} variables, {proof.outputs} outputs, {proof.files} files; "
            f"runs: {len(proof.plain_s)} unsplit, {len(proof.tries)} split, "
            f"kernels {' and '.join(proof.kernels) or 'unknown'}"
        )
    for number, one in enumerate(proof.tries, start=1):
        for difference in one.differences:
            sign = "unstable" if difference.unstable else "differs"
            yield f"  try {number}, {sign}: {difference.message}"
    if proof.drawing:
        yield (
            f"random numbers that nobody seeds: {_ranges(proof.drawing)}; what hangs on them "
            "differs from run to run"
        )
    for difference in proof.unstable:
        yield f"  unstable by itself: {difference.message}"


def read_layout(path: Path) -> SplitLayout:
    """Return the layout in a JSON or YAML file.

    Raises:
        InvalidInput: there is none, or it cannot be read.
    """
    try:
        return SplitLayout.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidInput(f"--layout: {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInput(f"--layout: {path} is neither JSON nor YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise InvalidInput(f"--layout: {path.name}: {where}: {first['msg']}.") from error
