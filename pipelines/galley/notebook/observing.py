"""What a plain run showed, put to the statements: who wrote what, what cannot leave a process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from galley.domain.split import NameFact, Observed, Snapshot, TaskLayout
from galley.notebook.flow import STATES, Step
from galley.notebook.planning import Part

_TIES = {
    "cwd": "the working directory changes",
    "environ": "the environment's variables change",
    "figures": "figures stay open",
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

    def ties(self, layouts: Sequence[TaskLayout]) -> list[tuple[int, int, str, str]]:
        """Return (first, last, code, reason) of tasks that process state ties to what follows."""
        return []


def sightings(observed: Observed | None, steps: Sequence[Step]) -> Sightings:
    """Return what a plain run showed."""
    if observed is None:
        return Sightings()
    return Sightings(tuple(sorted(observed.snapshots, key=lambda one: one.cell)))


__all__ = ["STATES", "NameFact", "Sightings", "sightings"]
