"""What each task of a plan takes over and hands over, process state included."""

from __future__ import annotations

from dataclasses import dataclass

from galley.domain.split import SplitPlan


@dataclass(frozen=True)
class Taken:
    """What a task takes from one task before it."""

    task: str
    names: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(frozen=True)
class Handing:
    """What crosses the boundaries of one task.

    Attributes:
        taken: in the order in which it is loaded.
        groups: variables, those of one group in one file.
        states: process state that a later task goes on with.
    """

    taken: tuple[Taken, ...]
    groups: tuple[tuple[str, ...], ...]
    states: tuple[str, ...]

    @property
    def saves(self) -> bool:
        """Whether the task hands anything over."""
        return bool(self.groups or self.states)


def handings(plan: SplitPlan) -> dict[str, Handing]:
    """Return task → what crosses its boundaries.

    A task goes on with a state where the last task before it that has the same state left it.
    """
    latest: dict[str, str] = {}
    sources: dict[str, dict[str, list[str]]] = {}
    wanted: dict[str, set[str]] = {task.name: set() for task in plan.tasks}
    for task in plan.tasks:
        sources[task.name] = {}
        for state in task.states:
            if state in latest:
                sources[task.name].setdefault(latest[state], []).append(state)
                wanted[latest[state]].add(state)
            latest[state] = task.name
    found = {}
    for task in plan.tasks:
        names = {load.task: load.names for load in task.loads}
        states = sources[task.name]
        found[task.name] = Handing(
            taken=tuple(
                Taken(one, names.get(one, ()), tuple(states.get(one, ())))
                for one in dict.fromkeys([*names, *states])
            ),
            groups=tuple(save.names for save in task.saves),
            states=tuple(state for state in task.states if state in wanted[task.name]),
        )
    return found
