"""Comparing namespaces by the fingerprints that were taken inside the kernels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from galley.domain.proof import Difference, DifferenceKind
from galley.domain.split import NameFact, PlannedTask, Snapshot, SplitPlan
from galley.notebook.source import cell_label
from galley.proof.seen import PlainRun, SplitRun

_HELPER = "handover"


def compare_task(
    task: PlannedTask, first: Snapshot, split: Snapshot, again: Snapshot | None
) -> list[Difference]:
    """Return what differs after ``task`` between an unsplit run and the split one.

    Args:
        first, again: the namespaces of two unsplit runs at the same place.
    """
    repeated = again.names if again is not None else first.names
    found: list[Difference] = []
    for name, fact in sorted(split.names.items()):
        if name not in first.names and _is_helper(fact):
            continue
        where = f"`{name}` after task `{task.name}`"
        verdict = _compare(where, first.names.get(name), fact, repeated.get(name))
        if verdict is not None:
            found.append(_variable(name, task.name, split.cell, *verdict))
    found += _aliases(task, first, split, again or first)
    found += _states(task, first, split, again or first)
    return found


def compare_survivors(
    plan: SplitPlan, first: PlainRun, split: SplitRun, again: PlainRun | None, hoisted: set[str]
) -> list[Difference]:
    """Return what is left at the end of an unsplit run and is not what the split run has last.

    Args:
        hoisted: names that a split need not have: nothing uses what they were only bound to.
    """
    last = first.last
    if last is None:
        return []
    end = again.last if again is not None else last
    repeated = end.names if end is not None else {}
    found = []
    for name, fact in sorted(last.names.items()):
        holder = _holder(plan, split, name)
        if holder is None:
            if name not in hoisted and fact.type != "module":
                message = f"`{name}` is there at the end of the unsplit run and in no task"
                unstable = name not in repeated
                found.append(_variable(name, None, last.cell, message, unstable))
            continue
        task, snapshot = holder
        where = f"`{name}` at the end, which task `{task}` has last,"
        verdict = _compare(where, fact, snapshot.names[name], repeated.get(name))
        if verdict is not None:
            found.append(_variable(name, task, snapshot.cell, *verdict))
    return found


def unstable_variables(first: PlainRun, again: PlainRun) -> list[Difference]:
    """Return what differs between two unsplit runs, each variable where it first does."""
    found: dict[str, Difference] = {}
    for cell in sorted(first.snapshots.keys() & again.snapshots.keys()):
        one, other = first.snapshots[cell].names, again.snapshots[cell].names
        for name in sorted(one.keys() | other.keys()):
            if name in found or not _differ(one.get(name), other.get(name)):
                continue
            message = f"`{name}` after {cell_label(cell)} differs in a second unsplit run"
            found[name] = _variable(name, None, cell, message, True)
    return list(found.values())


def incomparable(plan: SplitPlan, first: PlainRun) -> list[Difference]:
    """Return the variables of which no split could be proved: they cannot be compared."""
    found: dict[str, Difference] = {}
    for task, following in tasks_with_next(plan):
        snapshot = first.after(task, following)
        for name, fact in sorted(snapshot.names.items()) if snapshot else ():
            if fact.digest is None and not _pictured(fact) and name not in found:
                message = f"`{name}` after task `{task.name}` {_why_not(fact)}"
                assert snapshot is not None
                found[name] = _variable(name, task.name, snapshot.cell, message, False)
    return list(found.values())


def tasks_with_next(plan: SplitPlan) -> Iterator[tuple[PlannedTask, int | None]]:
    """Yield each task with the first cell of the one after it."""
    for number, task in enumerate(plan.tasks):
        rest = [min(one.cells) for one in plan.tasks[number + 1 :]]
        yield task, min(rest, default=None)


def _variable(name: str, task: str | None, cell: int, message: str, unstable: bool) -> Difference:
    return Difference(
        kind=DifferenceKind.VARIABLE,
        what=name,
        task=task,
        cell=cell,
        unstable=unstable,
        message=message,
    )


def _is_helper(fact: NameFact) -> bool:
    """Whether this is the module that hands variables over: a task has it, the notebook not."""
    return fact.type == "module" and (fact.digest or "").startswith(_HELPER)


def _holder(plan: SplitPlan, split: SplitRun, name: str) -> tuple[str, Snapshot] | None:
    for task in reversed(plan.tasks):
        seen = split.tasks.get(task.name)
        if seen is not None and seen.snapshot is not None and name in seen.snapshot.names:
            return task.name, seen.snapshot
    return None


def _compare(
    where: str, first: NameFact | None, split: NameFact, again: NameFact | None
) -> tuple[str, bool] | None:
    """Return (message, whether it is unstable by itself), or None if nothing differs."""
    if first is None:
        return f"{where} is there and was not in the unsplit run", again is not None
    if _pictured(first) and _pictured(split) and first.form == split.form:
        return None
    for fact in (first, split):
        if fact.digest is None:
            return f"{where} {_why_not(fact)}", False
    if first.digest == split.digest:
        return None
    steady = again is not None and again.digest == first.digest
    same_form = again is None or again.form != first.form or split.form in (first.form, again.form)
    return f"{where} differs: {_versus(first, split)}", not steady and same_form


def _pictured(fact: NameFact) -> bool:
    """Whether this is a figure or a part of one: its picture is among the outputs.

    It never crosses an edge. A container that may hold other things beside does not count.
    """
    return (
        fact.digest is None
        and "part of a figure" in (fact.why or "")
        and fact.type.startswith(("matplotlib.", "mpl_toolkits.", "seaborn.", "numpy.ndarray"))
    )


def _versus(first: NameFact, split: NameFact) -> str:
    one, other = (fact.summary or fact.type for fact in (first, split))
    if first.type != split.type:
        one, other = (f"{fact.type} {fact.summary}".rstrip() for fact in (first, split))
    if one != other:
        return f"{other} against {one} unsplit"
    same = "of the same form with other values" if first.form == split.form else "of another form"
    return f"{one} {same}"


def _why_not(fact: NameFact) -> str:
    why = f": {fact.why}" if fact.why else ""
    return f"cannot be compared ({fact.type}){why}"


def _differ(one: NameFact | None, other: NameFact | None) -> bool:
    if one is None or other is None:
        return one is not other
    # Two of which neither has a digest are not known to differ; they never count as equal either.
    return one.digest != other.digest


def _aliases(
    task: PlannedTask, first: Snapshot, split: Snapshot, again: Snapshot
) -> list[Difference]:
    both = first.names.keys() & split.names.keys()
    ours, theirs = _pairs(first.aliases, both), _pairs(split.aliases, both)
    if ours == theirs or _pairs(again.aliases, both) != ours:
        return []
    found = []
    for shared, pairs in (("share", theirs - ours), ("do not share", ours - theirs)):
        for group in _joined(pairs):
            names = " and ".join(f"`{name}`" for name in group)
            message = f"{names} after task `{task.name}` {shared} objects, other than unsplit"
            found.append(_variable(group[0], task.name, split.cell, message, False))
    return found


def _pairs(aliases: Iterable[tuple[str, ...]], names: Iterable[str]) -> set[tuple[str, str]]:
    """Return which two of ``names`` reach an object in common."""
    among = set(names)
    return {pair for one in aliases for pair in combinations(sorted(among.intersection(one)), 2)}


def _joined(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the names of pairs, those together that are joined by any."""
    groups: list[set[str]] = []
    for pair in pairs:
        touched = [one for one in groups if not one.isdisjoint(pair)]
        groups = [one for one in groups if one.isdisjoint(pair)]
        groups.append(set(pair).union(*touched))
    return sorted(map(sorted, groups))


def _states(
    task: PlannedTask, first: Snapshot, split: Snapshot, again: Snapshot
) -> list[Difference]:
    found = []
    for state in task.states:
        one, other = first.states.get(state), split.states.get(state)
        if one != other:
            message = f"the state of `{state}` after task `{task.name}` differs"
            unstable = again.states.get(state) != one
            found.append(_variable(state, task.name, split.cell, message, unstable))
    return found


def names_of(snapshots: Mapping[int, Snapshot]) -> set[str]:
    """Return all the names in some snapshots."""
    return {name for snapshot in snapshots.values() for name in snapshot.names}
