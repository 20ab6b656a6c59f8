"""A split as text: the tasks, what crosses from one to another, and what is not cut, with why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from galley.cli.output import Output
from galley.domain.proof import Proof, ProofState
from galley.domain.split import SplitPlan
from galley.domain.versions import FileUse
from galley.project.handing import Taken, handings

_VERDICTS = {
    ProofState.EQUAL: "proved equal",
    ProofState.UNEQUAL: "no split could be proved equal",
    ProofState.SKIPPED: "not proved",
    ProofState.NOT_NEEDED: "nothing to prove",
}


def show_plan(output: Output, plan: SplitPlan | None) -> None:
    """Print the tasks of a plan, unless the command answers with JSON."""
    if output.as_json or plan is None:
        return
    if not plan.is_split:
        output.say("one task" + (f": {plan.reason}" if plan.reason else ""))
    else:
        handed = handings(plan)
        output.models(
            plan.tasks,
            ["TASK", "CELLS", "AFTER", "TAKES OVER", "PARAMETERS"],
            [
                (
                    task.name,
                    _ranges(task.cells),
                    ", ".join(handed[task.name].upstream) or "–",
                    _takes(plan, task.name, handed[task.name].taken) or "–",
                    ", ".join(task.parameters) or "–",
                )
                for task in plan.tasks
            ],
            empty="",
        )
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
    """Return cells as people count them: ``1-3, 7``."""
    runs: list[list[int]] = []
    for cell in cells:
        if runs and cell == runs[-1][-1] + 1:
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return ", ".join(
        f"{run[0] + 1}" if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs
    )


def _takes(plan: SplitPlan, task: str, taken: tuple[Taken, ...]) -> str:
    """Return what a task takes over: ``df, y of prepare; model, state of random of fit``."""
    types = {
        (one.producer, one.name): one.type
        for one in plan.crossings
        if one.consumer == task and one.type
    }
    parts = []
    for one in taken:
        names = [
            f"{name} ({types[one.task, name]})" if (one.task, name) in types else name
            for name in one.names
        ]
        names += [f"state of {state}" for state in one.states]
        parts.append(f"{', '.join(names)} of {one.task}")
    return "; ".join(parts)


def verdict(proof: Proof) -> Iterator[str]:
    """Yield what a proof showed, line by line."""
    reason = f": {proof.reason}" if proof.reason else ""
    yield f"{_VERDICTS[proof.state]}{reason}"
    if proof.tries:
        yield (
            f"compared: {proof.variables} variables, {proof.outputs} outputs, {proof.files} files"
        )
    for number, one in enumerate(proof.tries, start=1):
        for difference in one.differences:
            sign = "unstable" if difference.unstable else "differs"
            yield f"  try {number}, {sign}: {difference.message}"
    for difference in proof.unstable:
        yield f"  unstable by itself: {difference.message}"
