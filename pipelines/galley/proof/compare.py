"""Comparing a split run with the unsplit ones: every variable, every output, every file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from galley.domain.proof import Difference, DifferenceKind
from galley.domain.split import PlannedTask, SplitPlan
from galley.notebook.outputs import Output, count, differences
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.scrub import Window
from galley.notebook.source import cell_label
from galley.proof.files import compare_files
from galley.proof.seen import PlainRun, SplitRun, TaskSeen
from galley.proof.variables import (
    compare_survivors,
    compare_task,
    names_of,
    tasks_with_next,
    unstable_variables,
)


@dataclass(frozen=True)
class Ground:
    """What a split is held against.

    Attributes:
        first, again: two unsplit runs; ``again`` is None where there was only one.
        hoisted: names that a split need not have at the end: see ``compare_survivors``.
        bindings: index of the cell → the names that it binds, as far as reading it tells.
        window: from the beginning of the first run to the end of the last one.
    """

    first: PlainRun
    again: PlainRun | None = None
    hoisted: frozenset[str] = frozenset()
    bindings: Mapping[int, frozenset[str]] = field(default_factory=dict)
    window: Window | None = None


def compare_split(plan: SplitPlan, ground: Ground, split: SplitRun) -> tuple[Difference, ...]:
    """Return all that differs; what is unstable by itself is among it and marked."""
    split = _without_injected(plan, ground, split)
    found: list[Difference] = []
    if split.broken is not None:
        found.append(_failure(None, None, f"the split project cannot be built: {split.broken}"))
    for task, following in tasks_with_next(plan):
        seen = split.tasks.get(task.name)
        if seen is None:
            found.append(_failure(task.name, None, f"task `{task.name}` did not run"))
            continue
        if seen.error is not None:
            found.append(_failed(task, seen))
        else:
            found += _namespace(task, following, ground, seen)
            found += _outputs(task, ground, seen)
    if not any(one.kind is DifferenceKind.FAILURE for one in found):
        found += _left_out(plan, ground)
        found += compare_survivors(plan, ground.first, split, ground.again, set(ground.hoisted))
        again = ground.again.files if ground.again else None
        found += compare_files(ground.first.files, split.files, again)
    return _once(found)


def compare_plain(
    first: PlainRun, again: PlainRun, window: Window | None
) -> tuple[Difference, ...]:
    """Return what differs between two unsplit runs: what is not deterministic by itself."""
    found = unstable_variables(first, again)
    for cell in sorted(first.outputs.keys() | again.outputs.keys()):
        one, other = first.outputs.get(cell, ()), again.outputs.get(cell, ())
        for difference in differences(one, other, window=window):
            message = f"{cell_label(cell)}: {difference.message}, in a second unsplit run"
            found.append(
                Difference(
                    kind=DifferenceKind.OUTPUT,
                    what=difference.what,
                    cell=cell,
                    unstable=True,
                    message=message,
                )
            )
    for file in compare_files(first.files, again.files, None):
        message = f"{file.message}, in a second unsplit run"
        found.append(file.model_copy(update={"unstable": True, "message": message}))
    return tuple(found)


def counts(run: PlainRun) -> tuple[int, int, int]:
    """Return how many variables, outputs and files of a run are compared."""
    outputs = sum(count(outputs) for outputs in run.outputs.values())
    return len(names_of(run.snapshots) - RESERVED), outputs, len(run.files)


def _without_injected(plan: SplitPlan, ground: Ground, split: SplitRun) -> SplitRun:
    """Leave out the names that Ploomber passes to each task, where they are not the notebook's."""
    tasks = dict(split.tasks)
    for task in plan.tasks:
        seen = tasks.get(task.name)
        if seen is None or seen.snapshot is None:
            continue
        own = {name for load in task.loads for name in load.names}.union(
            *(ground.bindings.get(cell, ()) for cell in task.cells)
        )
        names = {
            name: fact
            for name, fact in seen.snapshot.names.items()
            if name not in RESERVED or name in own
        }
        snapshot = seen.snapshot.model_copy(update={"names": names})
        tasks[task.name] = replace(seen, snapshot=snapshot)
    return replace(split, tasks=tasks)


def _namespace(
    task: PlannedTask, following: int | None, ground: Ground, seen: TaskSeen
) -> list[Difference]:
    if ground.first.end(task) is None:
        return []
    first = ground.first.after(task, following)
    if first is None or seen.snapshot is None:
        which = "unsplit" if first is None else "split"
        message = f"the variables after task `{task.name}` could not be read in the {which} run"
        return [_failure(task.name, ground.first.end(task), message)]
    again = ground.again.after(task, following) if ground.again else None
    return compare_task(task, first, seen.snapshot, again)


def _outputs(task: PlannedTask, ground: Ground, seen: TaskSeen) -> list[Difference]:
    """Compare each of the task's cells; one that is missing, or there twice, differs as well."""
    outputs: dict[int, list[Sequence[Output]]] = {}
    for cell, put_out in seen.outputs:
        outputs.setdefault(cell, []).append(put_out)
    expected = [cell for cell in task.cells if cell in ground.first.outputs]
    found = []
    for cell in sorted({*expected, *outputs}):
        times = len(outputs.get(cell, ()))
        label = f"{cell_label(cell)} in task `{task.name}`"
        if times != 1 or cell not in expected:
            often = "does not run" if not times else f"runs {times} times"
            message = f"{label} {often if cell in expected else 'runs and should not'}"
            found.append(_output("cell", task.name, cell, message, False))
            continue
        again = ground.again.outputs.get(cell, ()) if ground.again else None
        for one in differences(
            ground.first.outputs[cell], outputs[cell][0], again=again, window=ground.window
        ):
            message = f"{label}: {one.message}"
            found.append(_output(one.what, task.name, cell, message, one.unstable))
    return found


def _left_out(plan: SplitPlan, ground: Ground) -> list[Difference]:
    """Return the cells that put something out and are in no task."""
    run = {cell for task in plan.tasks for cell in task.cells}
    return [
        _output(
            "cell", None, cell, f"no task runs {cell_label(cell)}, which puts out something", False
        )
        for cell, outputs in sorted(ground.first.outputs.items())
        if outputs and cell not in run
    ]


def _output(what: str, task: str | None, cell: int, message: str, unstable: bool) -> Difference:
    return Difference(
        kind=DifferenceKind.OUTPUT,
        what=what,
        task=task,
        cell=cell,
        unstable=unstable,
        message=message,
    )


def _failed(task: PlannedTask, seen: TaskSeen) -> Difference:
    assert seen.error is not None
    where = f"in its {seen.role} cell" if seen.role else ""
    message = f"task `{task.name}` failed {where}".rstrip() + f": {seen.error.message}"
    return _failure(task.name, seen.error.cell, message)


def _failure(task: str | None, cell: int | None, message: str) -> Difference:
    what = task or "project"
    return Difference(kind=DifferenceKind.FAILURE, what=what, task=task, cell=cell, message=message)


def _once(found: list[Difference]) -> tuple[Difference, ...]:
    """Say one thing of each: a variable may differ after a task and again at the end."""
    kept: dict[tuple[DifferenceKind, str, str | None, int | None], Difference] = {}
    for one in found:
        key = (one.kind, one.what, one.task, one.cell)
        if key not in kept or (kept[key].unstable and not one.unstable):
            kept[key] = one
    return tuple(kept.values())
