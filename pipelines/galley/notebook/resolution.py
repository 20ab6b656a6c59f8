"""Where the value of a name comes from: the last writing before a place, or a repetition of it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from galley.notebook.steps import Step


@dataclass(frozen=True)
class Source:
    """What a name is at a place of the notebook.

    Attributes:
        kind: ``fragment`` (repeat the step), ``parameter``, ``value`` (take it from where the
            step is), or ``nothing``: nothing binds it.
        step: index of the last step that writes it.
        chain: indexes of the steps that its value may come from, the last one first.
    """

    kind: str
    step: int = -1
    chain: tuple[int, ...] = ()


class Resolver:
    """Looks names up over the steps of a notebook.

    Args:
        written: name → indexes of further steps that a run showed to write it.
        parameters: names that a run sets, and the cell that holds their defaults.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        parameters: Iterable[str],
        cell: int | None,
        written: Mapping[str, Iterable[int]],
    ) -> None:
        self.steps = steps
        self.parameters = frozenset(parameters)
        self.cell = cell
        self.writers: dict[str, list[int]] = {}
        for step in steps:
            for name in {**step.binds, **step.changes} | dict.fromkeys(step.deletes):
                self.writers.setdefault(name, []).append(step.index)
        for name, more in written.items():
            self.writers[name] = sorted({*self.writers.get(name, ()), *more})
        self.shared = {name for step in steps for one in step.groups for name in one.names}
        self._needs: dict[int, frozenset[int] | None] = {}

    def at(self, name: str, index: int) -> Source:
        """Return what a name is before the step at ``index``."""
        writers = self.writers.get(name, [])
        chain: list[int] = []
        for one in reversed(writers[: bisect_left(writers, index)]):
            step = self.steps[one]
            if name in step.deletes and not step.binds.get(name):
                break
            chain.append(one)
            if step.binds.get(name) and name not in step.reads:
                break
        if not chain:
            return Source("nothing")
        only = chain[0]
        if len(chain) == 1 and self.steps[only].binds.get(name):
            if self.is_parameter(name, only):
                return Source("parameter", only, (only,))
            if name not in self.shared and self.fragments(only) is not None:
                return Source("fragment", only, (only,))
        return Source("value", only, tuple(chain))

    def is_parameter(self, name: str, index: int) -> bool:
        """Whether the step is where the notebook sets the default of a parameter."""
        return name in self.parameters and self.steps[index].cell == self.cell

    def fragments(self, index: int, within: frozenset[int] = frozenset()) -> frozenset[int] | None:
        """Return the steps to repeat for a step, itself included; None if it cannot be."""
        if index in self._needs:
            return self._needs[index]
        step = self.steps[index]
        if step.hoist is None or step.hoist.kind == "nothing" or index in within:
            return None
        found = {index}
        whole = frozenset(found)
        for name in sorted(step.reads):
            source = self.at(name, index)
            if source.kind == "nothing":
                continue
            inner = (
                self.fragments(source.step, within | {index}) if source.kind == "fragment" else None
            )
            if inner is None:
                self._needs[index] = None
                return None
            found |= inner
            whole = frozenset(found)
        self._needs[index] = whole
        return whole
