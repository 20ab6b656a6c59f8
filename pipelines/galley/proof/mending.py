"""From what differs to another arrangement of the tasks, with the offending boundary gone.

The first task in which something differs is put together with the tasks that it took over from:
what went wrong is between them. What differs further down is taken to follow from that.
"""

from __future__ import annotations

from collections.abc import Iterable

from galley.domain.proof import Difference
from galley.domain.split import Merge, PlannedTask, SplitLayout, SplitPlan, TaskLayout


def mend(
    plan: SplitPlan, differences: Iterable[Difference], cells: int
) -> tuple[SplitLayout, tuple[Merge, ...]] | None:
    """Return a layout with fewer tasks; None if no boundary can be blamed, or only one is left.

    Args:
        differences: of the split that ran by ``plan``; unstable ones are passed over.
        cells: how many cells the notebook has.
    """
    counting = [one for one in differences if not one.unstable]
    blamed = {one.task for one in counting if one.task is not None}
    if not blamed or any(one.task is None for one in counting):
        return None
    cuts = set(range(1, len(plan.tasks)))  # a cut lies before the task of that number
    merges = []
    for task in _first_ones(plan, blamed):
        reason = next(one for one in counting if one.task == task.name)
        place = plan.tasks.index(task)
        first = min([*_suspects(plan, task, reason), max(place - 1, 0)])
        last = max(place, 1)
        cuts -= set(range(first + 1, last + 1))
        merges.append(
            Merge(
                tasks=tuple(one.name for one in plan.tasks[first : last + 1]),
                code="unproved",
                reason=f"run split, {reason.message}",
                cells=() if reason.cell is None else (reason.cell,),
            )
        )
    return (_layout(plan, cuts, cells), tuple(merges)) if cuts else None


def _first_ones(plan: SplitPlan, blamed: set[str]) -> list[PlannedTask]:
    """Return the blamed tasks that no other blamed task comes before in the graph."""
    above: dict[str, set[str]] = {}
    for task in plan.tasks:
        above[task.name] = {*task.upstream}.union(*(above[name] for name in task.upstream))
    return [task for task in plan.tasks if task.name in blamed and not above[task.name] & blamed]


def _suspects(plan: SplitPlan, task: PlannedTask, difference: Difference) -> list[int]:
    """Return the places of the tasks that the difference may come from."""
    place = {one.name: number for number, one in enumerate(plan.tasks)}
    name = difference.what
    loaded = [place[load.task] for load in task.loads if name in load.names]
    if not loaded:
        return [place[upstream] for upstream in task.upstream]
    # A task between the two that has the variable as well may have changed it.
    between = [
        number
        for number in range(min(loaded) + 1, place[task.name])
        if any(name in load.names for load in plan.tasks[number].loads)
    ]
    return between or loaded


def _layout(plan: SplitPlan, cuts: set[int], cells: int) -> SplitLayout:
    """Return a layout of all cells with a boundary before each task of ``cuts``."""
    first = [plan.tasks[number] for number in sorted({0, *cuts})]
    starts = [0, *(_start(plan, task) for task in first[1:])]
    return SplitLayout(
        tasks=tuple(
            TaskLayout(name=task.name, title=task.title, cells=tuple(range(start, end)))
            for task, start, end in zip(first, starts, [*starts[1:], cells], strict=True)
        )
    )


def _start(plan: SplitPlan, task: PlannedTask) -> int:
    """Return where the section of a task begins: its first cells may be only hoisted."""
    first = min(task.cells)
    before = max(max(one.cells) for one in plan.tasks if max(one.cells) < first)
    sections = [min(one.cells) for one in plan.wished.tasks] if plan.wished else []
    return max((start for start in sections if before < start <= first), default=first)
