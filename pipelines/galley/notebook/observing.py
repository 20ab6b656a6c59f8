"""What a plain run showed, put to the statements: who wrote what, what cannot leave a process.

A run sees what reading cannot: a change through a name that nobody knew to be shared, a value of
a type that no table lists. It outweighs reading only towards caution, except where a change was
a guess and the value stayed the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from galley.domain.split import NameFact, Observed, Snapshot, TaskLayout
from galley.notebook.planning import Part
from galley.notebook.source import cell_label
from galley.notebook.steps import STATES, Group, Step

_TIES = {
    "cwd": "the working directory changes",
    "environ": "variables of the process's environment change",
    "figures": "figures are left open",
}


@dataclass(frozen=True)
class Sightings:
    """What snapshots say.

    Attributes:
        snapshots: in the notebook's order.
        written: name → indexes of the steps that end a stretch in which it changed unseen.
    """

    snapshots: tuple[Snapshot, ...] = ()
    written: Mapping[str, Sequence[int]] = field(default_factory=dict)
    tied: tuple[tuple[int, str], ...] = ()

    def after(self, cell: int) -> Snapshot | None:
        """Return the last snapshot taken at or before a cell."""
        found = [one for one in self.snapshots if one.cell <= cell]
        return found[-1] if found else None

    def stuck(self, name: str, cell: int) -> str | None:
        """Return why a name could not be handed over after a cell; None where it could."""
        snapshot = self.after(cell)
        fact = snapshot.names.get(name) if snapshot is not None else None
        return None if fact is None else fact.stuck

    def kinds(self, parts: Sequence[Part]) -> dict[tuple[str, str], tuple[str, int | None]]:
        """Return (task, name) → type and size as they were after the task."""
        found = {}
        for part in parts:
            snapshot = self.after(part.layout.cells[-1])
            for name, fact in snapshot.names.items() if snapshot is not None else ():
                found[part.name, name] = (fact.type, fact.size)
        return found

    def ties(self, layouts: Sequence[TaskLayout]) -> list[tuple[int, str]]:
        """Return (number of the task, reason) where process state ties it to what follows."""
        found = []
        for cell, reason in self.tied:
            number = next((n for n, one in enumerate(layouts) if cell <= one.cells[-1]), None)
            if number is not None:
                found.append((number, reason))
        return found


_UNCHANGEABLE = frozenset({"NoneType", "bool", "int", "float", "complex", "str", "bytes", "range"})


def unchangeable(observed: Observed | None) -> list[str]:
    """Return the names that only ever held numbers, texts or nothing: they share no object."""
    kinds: dict[str, set[str]] = {}
    for snapshot in observed.snapshots if observed is not None else ():
        for name, fact in snapshot.names.items():
            kinds.setdefault(name, set()).add(fact.type.removeprefix("builtins."))
    return [name for name, found in kinds.items() if found <= _UNCHANGEABLE]


def sightings(observed: Observed | None, steps: Sequence[Step]) -> Sightings:
    """Return what a plain run showed; the steps are told what was a wrong guess."""
    if observed is None or not observed.snapshots:
        return Sightings()
    snapshots = tuple(sorted(observed.snapshots, key=lambda one: one.cell))
    written: dict[str, list[int]] = {}
    tied: list[tuple[int, str]] = []
    before = Snapshot(cell=-1)
    for after in snapshots:
        stretch = [one for one in steps if before.cell < one.cell <= after.cell]
        if stretch:
            _writings(before, after, stretch, written)
            _states(before, after, stretch)
            tied += _ties(before, after, stretch)
        before = after
    for one, other in pairwise(snapshots):
        _unchanged(one, other, steps)
    _aliases(snapshots, steps)
    return Sightings(snapshots, written, tuple(tied))


def _writings(
    before: Snapshot, after: Snapshot, stretch: Sequence[Step], written: dict[str, list[int]]
) -> None:
    """Note the names that changed in a stretch although no statement of it is known to."""
    known = {name for one in stretch for name in (*one.binds, *one.changes, *one.deletes)}
    used = {name for one in stretch for name in one.reads}
    changed = {name for name in after.names if _differs(before, after, name, used)}
    for group in after.aliases:
        # Whoever writes one writes all; new names among them do not make the others new.
        if any(name in known and name in before.names for name in group) and set(group) & changed:
            changed |= {name for name in group if name in before.names}
    for name in sorted(changed - known):
        written.setdefault(name, []).append(stretch[-1].index)
    bound = {name for one in stretch for name in (*one.binds, *one.deletes)}
    for name in sorted((changed & before.names.keys()) - bound - used):
        if before.names[name].stuck is not None:
            continue
        # By a name that shares it: what changes it there reaches it only where it is, too.
        for step in [one for one in stretch if one.hoist is None][:1]:
            step.reads.add(name)


def _differs(before: Snapshot, after: Snapshot, name: str, used: set[str]) -> bool:
    old, new = before.names.get(name), after.names[name]
    if old is None:
        return True
    if _is_code(new):
        return False
    if old.digest is None or new.digest is None:
        return name in used
    return old.digest != new.digest


def _is_code(fact: NameFact) -> bool:
    """Whether a value is a module, function or class, which is repeated and not compared."""
    return fact.type.rpartition(".")[2] in {
        "module",
        "function",
        "type",
        "builtin_function_or_method",
        "ufunc",
        "ABCMeta",
    }


def _states(before: Snapshot, after: Snapshot, stretch: Sequence[Step]) -> None:
    """Add to the last step of a stretch the random states that it changed unseen."""
    for state in STATES:
        known = any(state in one.states for one in stretch)
        old, new = before.states.get(state), after.states.get(state)
        if before.cell >= 0 and old is not None and new is not None and old != new and not known:
            stretch[-1].states[state] = False


def _ties(before: Snapshot, after: Snapshot, stretch: Sequence[Step]) -> Iterable[tuple[int, str]]:
    if before.cell < 0:
        return
    for state, what in _TIES.items():
        old, new = before.states.get(state), after.states.get(state)
        if old is None or new is None or old == new:
            continue
        if state == "environ" and any(one.hoist is not None for one in stretch):
            continue  # An import or a setting did it; every later task repeats it.
        yield (
            stretch[-1].cell,
            f"{what} between {cell_label(stretch[0].cell)} and {cell_label(stretch[-1].cell)}",
        )


def _unchanged(before: Snapshot, after: Snapshot, steps: Sequence[Step]) -> None:
    """Take back a guess that a value was changed where the run shows that it stayed the same."""
    for step in steps:
        if not before.cell < step.cell <= after.cell:
            continue
        for name, sure in list(step.changes.items()):
            old, new = before.names.get(name), after.names.get(name)
            if sure or old is None or new is None or old.digest is None:
                continue
            if old.digest == new.digest and name not in step.binds:
                del step.changes[name]
        step.groups = [one for one in step.groups if one.names & set(step.changes)]


def _aliases(snapshots: Sequence[Snapshot], steps: Sequence[Step]) -> None:
    """Tie names together that shared an object when one of them was changed or both read next."""
    ends = [*(one.cell for one in snapshots[1:]), max((one.cell for one in steps), default=0)]
    for snapshot, end in zip(snapshots, ends, strict=True):
        stretch = [one for one in steps if snapshot.cell < one.cell <= end]
        read = {name for one in stretch for name in one.reads}
        for members in snapshot.aliases:
            group = frozenset(members)
            if len(both := group & read) > 1:
                stretch[0].groups += _since_birth(both, snapshot.cell, snapshots, steps)
            arrays = [one for one in group if snapshot.names[one].type == "numpy.ndarray"]
            for step in stretch:
                if group & set(step.changes):
                    since = _birth(group, snapshots, steps)
                    step.groups.append(Group(group, since, memory=len(arrays) > 1))
                    for name in group:
                        step.changes.setdefault(name, False)


def _since_birth(
    names: frozenset[str], cell: int, snapshots: Sequence[Snapshot], steps: Sequence[Step]
) -> list[Group]:
    """Return which of the names shared an object from when on, those that came last first.

    On the way to where all are read, each task hands on together what shares an object by then.
    """
    found = {
        names & set(one)
        for snapshot in snapshots
        if snapshot.cell <= cell
        for one in snapshot.aliases
    }
    groups = [Group(one, _birth(one, snapshots, steps)) for one in found if len(one) > 1]
    return sorted(groups, key=lambda one: (-one.since, sorted(one.names)))


def _birth(group: frozenset[str], snapshots: Sequence[Snapshot], steps: Sequence[Step]) -> int:
    """Return the first step of the stretch after which the group was first seen together."""
    previous = -1
    for snapshot in snapshots:
        if any(group <= set(one) for one in snapshot.aliases):
            return next((one.index for one in steps if one.cell > previous), 0)
        previous = snapshot.cell
    return 0
