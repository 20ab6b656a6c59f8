"""What each task of a plan takes over and hands on, process state included."""

from __future__ import annotations

from dataclasses import dataclass

from galley.domain.split import SplitPlan


@dataclass(frozen=True)
class Taken:
    """What a task takes from one task before it."""

    task: str
    names: tuple[str, ...]
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Handing:
    """What crosses the boundaries of one task.

    Attributes:
        upstream: the tasks it waits for.
        taken: in the order in which it is loaded.
        groups: variables; those of one group go in one file.
        states: process state that a later task goes on with.
    """

    upstream: tuple[str, ...] = ()
    taken: tuple[Taken, ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    states: tuple[str, ...] = ()

    @property
    def saves(self) -> bool:
        """Whether the task hands anything on."""
        return bool(self.groups or self.states)


def handings(plan: SplitPlan) -> dict[str, Handing]:
    """Return task → what crosses its boundaries.

    A task goes on with a state where the last task before it that has the same state left it, and
    so waits for that task.
    """
    latest: dict[str, str] = {}
    wanted: dict[str, set[str]] = {task.name: set() for task in plan.tasks}
    taken: dict[str, dict[str, list[str]]] = {}
    for task in plan.tasks:
        taken[task.name] = {}
        for state in task.states:
            if state in latest:
                taken[task.name].setdefault(latest[state], []).append(state)
                wanted[latest[state]].add(state)
            latest[state] = task.name
    found = {}
    for task in plan.tasks:
        names = {load.task: load.names for load in task.loads}
        states = taken[task.name]
        found[task.name] = Handing(
            upstream=tuple(dict.fromkeys([*task.upstream, *names, *states])),
            taken=tuple(
                Taken(one, names.get(one, ()), tuple(states.get(one, ())))
                for one in dict.fromkeys([*names, *states])
            ),
            groups=tuple(save.names for save in task.saves),
            states=tuple(state for state in task.states if state in wanted[task.name]),
        )
    return found
