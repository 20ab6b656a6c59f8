"""Compares the variables that a plan carries between tasks with what the oracle saw read.

Pure. An edge is (name, producing task, consuming task). What a task repeats as a fragment, and the
pipeline's parameters, need not be carried and are counted on neither side. A variable that a task
in between hands on has reached its consumer, but the last edge of its way is then a needless one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Edge = tuple[str, str, str]


@dataclass
class Edges:
    """What was found; ``missed`` and ``needless`` are the edges, for people to look at."""

    hit: int = 0
    missed: list[Edge] = field(default_factory=list)
    right: int = 0
    needless: list[Edge] = field(default_factory=list)


def compare(
    reads: Iterable[Sequence[Any]],
    carried: Iterable[Edge],
    *,
    tasks: Mapping[int, str],
    given: Mapping[str, frozenset[str]],
    ran: frozenset[int],
) -> Edges:
    """Return how the carried variables compare with the reads.

    Args:
        reads: rows of :class:`trace.Read`.
        carried: the edges that the plan says.
        tasks: cell → task.
        given: task → names that it has without an edge: fragments and parameters.
        ran: cells that were executed without an error.
    """
    needed: dict[tuple[str, str], set[str]] = {}
    last: dict[Edge, set[str]] = {}
    for name, cell, writers, sure, _kind in reads:
        consumer = tasks.get(cell)
        makers = [tasks[one] for one in writers if one in tasks]
        if consumer is None or not makers or makers[-1] == consumer:
            continue
        allowed = {makers[-1]} if sure else set(makers) - {consumer}
        needed.setdefault((name, consumer), set()).update(allowed)
        if name not in given.get(consumer, frozenset()):
            last[name, makers[-1], consumer] = allowed
    carries = set(carried)
    found = Edges()
    for edge, allowed in sorted(last.items()):
        name, _maker, consumer = edge
        if allowed & _origins(name, consumer, carries):
            found.hit += 1
        else:
            found.missed.append(edge)
    cells: dict[str, set[int]] = {}
    for cell, task in tasks.items():
        cells.setdefault(task, set()).add(cell)
    for edge in sorted(carries):
        name, maker, consumer = edge
        if not cells.get(consumer, set()) <= ran:
            continue  # it may read it in a cell that never ran
        if maker in needed.get((name, consumer), set()):
            found.right += 1
        else:
            found.needless.append(edge)
    return found


def _origins(name: str, consumer: str, carries: set[Edge]) -> set[str]:
    """Return the tasks that a variable comes from, directly or handed on by tasks between."""
    origins: set[str] = set()
    asked = {consumer}
    while asked:
        task = asked.pop()
        makers = {maker for one, maker, to in carries if (one, to) == (name, task)} - origins
        origins |= makers
        asked |= makers
    return origins


def of_plan(plan: Mapping[str, Any], trace: Mapping[str, Any]) -> dict[str, Any]:
    """Return the comparison for a plan (JSON of ``SplitPlan``) and the oracle's answer."""
    code = {index for index, _error, _seconds in trace["cells"]} | set(trace.get("unreached", ()))
    ran = frozenset(index for index, error, _seconds in trace["cells"] if error is None)
    tasks = {cell: task["name"] for task in plan["tasks"] for cell in task["cells"] if cell in code}
    given = {
        task["name"]: frozenset(
            [name for fragment in task["fragments"] for name in fragment["names"]]
            + list(task["parameters"])
        )
        for task in plan["tasks"]
    }
    carried = [(one["name"], one["producer"], one["consumer"]) for one in plan["crossings"]]
    found = compare(trace["reads"], carried, tasks=tasks, given=given, ran=ran)
    return vars(found)
