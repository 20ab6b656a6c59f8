"""A proposal of tasks for a notebook: sections, what crosses between them, what may not be cut.

Reading alone decides; what it cannot know a rehearsal proves or refutes. Whatever the notebook,
there is an answer: one task with all its cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from galley.domain.parameters import ParameterSchema
from galley.domain.split import (
    Merge,
    Observed,
    PlannedTask,
    SplitLayout,
    SplitPlan,
    SplitSource,
    TaskLayout,
)
from galley.notebook.checking import checking, sending
from galley.notebook.facts import Known, Trouble
from galley.notebook.flow import steps_of
from galley.notebook.observing import Sightings, sightings, unchangeable
from galley.notebook.planning import (
    Graph,
    Part,
    build,
    crossings_of,
    let_wait,
    read_parts,
    tasks_of,
)
from galley.notebook.resolution import Resolver
from galley.notebook.sections import checked_layout, wished_layout
from galley.notebook.source import RAISES_TAG, Cell, cell_label
from galley.notebook.statements import cell_statements, known_of
from galley.notebook.steps import Step, plain_names

_SCALARS = ("integer", "number", "boolean", "string", "null")


@dataclass(frozen=True)
class Reading:
    """What reading a notebook from top to bottom tells."""

    known: Known
    steps: list[Step]


def read_through(
    cells: tuple[Cell, ...],
    schema: ParameterSchema,
    modules: Mapping[str, str] | None = None,
    observed: Observed | None = None,
) -> Reading:
    """Return what each statement does; the arguments are those of :func:`plan_split`."""
    known = known_of(cells, modules)
    statements = [one for cell in cells for one in cell_statements(cell, known)]
    scalars = [name for name, one in schema.properties.items() if _is_scalar(one.get("type"))]
    scalars += unchangeable(observed)
    return Reading(known, steps_of(statements, known, plain_names(statements, scalars)))


def plan_split(
    cells: tuple[Cell, ...],
    *,
    schema: ParameterSchema,
    modules: Mapping[str, str] | None = None,
    layout: SplitLayout | None = None,
    observed: Observed | None = None,
    reading: Reading | None = None,
    merged: bool = True,
) -> SplitPlan:
    """Return the tasks that a notebook is cut into.

    Args:
        schema: of the notebook's parameters.
        modules: path relative to the notebook's folder → source of each local module.
        layout: the author's arrangement; without one, tags and headings decide.
        observed: what a plain run showed; it outweighs reading where the two differ.
        reading: of these cells, where it was done before, without ``observed``.
        merged: False leaves every boundary, also where nothing may be cut: to judge what reading
            says of the sections, never to run.

    Raises:
        InvalidInput: ``layout`` is impossible for these cells.
    """
    if layout is not None:
        layout = checked_layout(cells, layout)
    reading = reading or read_through(cells, schema, modules, observed)
    known, steps = reading.known, reading.steps
    working = {step.cell for step in steps if not step.light and step.cell != schema.cell}
    if layout is not None:
        source, wished, merges = SplitSource.AUTHOR, layout, list[Merge]()
    else:
        source, found, merges = wished_layout(cells, working.__contains__)
        if found is None:
            return _one_task(cells, source, None, (), "the notebook has no code to cut")
        wished = found
    if len(wished.tasks) == 1:
        return _one_task(cells, source, wished, tuple(merges), _why_single(source))
    planner = _Planner(cells, schema, known, steps, source, wished, merges, observed)
    return planner.plan() if merged else planner.unmerged()


def _is_scalar(kind: object) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return all(one in _SCALARS for one in kinds)


def _why_single(source: SplitSource) -> str:
    if source is SplitSource.AUTHOR:
        return "its author asks for one task"
    if source is SplitSource.TAGS:
        return "its tags name one task only"
    return "fewer than two headings have code of their own below them"


def _one_task(
    cells: tuple[Cell, ...],
    source: SplitSource,
    wished: SplitLayout | None,
    merges: tuple[Merge, ...],
    reason: str,
) -> SplitPlan:
    name = wished.tasks[0].name if wished and len(wished.tasks) == 1 else "notebook"
    task = PlannedTask(name=name, cells=tuple(cell.index for cell in cells))
    return SplitPlan(source=source, wished=wished, tasks=(task,), merges=merges, reason=reason)


class _Planner:
    def __init__(
        self,
        cells: tuple[Cell, ...],
        schema: ParameterSchema,
        known: Known,
        steps: list[Step],
        source: SplitSource,
        wished: SplitLayout,
        merges: list[Merge],
        observed: Observed | None,
    ) -> None:
        self.cells = cells
        self.schema = schema
        self.known = known
        self.steps = steps
        self.source = source
        self.wished = wished
        self.merges = merges
        self.seen: Sightings = sightings(observed, steps)
        self.resolver = Resolver(steps, schema.properties, schema.cell, self.seen.written)
        self.apart = self._distributed()

    def _distributed(self) -> frozenset[int]:
        """Return the parameters cell if every task can have what it needs of it."""
        cell = self.schema.cell
        own = [step for step in self.steps if step.cell == cell]
        names = {name for step in own for name in step.binds}
        touched = {
            name
            for step in self.steps
            if cell is not None and step.cell < cell
            for name in {*step.reads, *step.binds, *step.changes}
        }
        fine = all(
            set(step.binds) <= set(self.schema.properties)
            if step.binds and set(step.binds) & set(self.schema.properties)
            else step.hoist is not None
            for step in own
        )
        fine = fine and all(
            set(step.binds) & set(self.schema.properties)
            or (step.hoist is not None and step.hoist.kind == "nothing")
            or self.resolver.fragments(step.index) is not None
            for step in own
        )
        if cell is None or not own or not fine or names & touched:
            return frozenset()
        return frozenset({cell})

    def plan(self) -> SplitPlan:
        layouts = list(self.wished.tasks)
        layouts = self._merge_troubles(layouts)
        while len(layouts) > 1:
            parts = read_parts(layouts, self.steps, self.apart)
            graph = build(parts, self.steps, self.resolver, self.seen.written)
            found = self._stuck(graph)
            if found is None:
                return self._planned(parts, graph)
            first, last, merge = found
            layouts = self._merged(layouts, first, last, merge)
        reason = self.merges[0].reason if self.merges else "only one task is left"
        return _one_task(self.cells, self.source, self.wished, tuple(self.merges), reason)

    def unmerged(self) -> SplitPlan:
        """Return the wished sections as they are, whatever must not be cut."""
        parts = read_parts(self.wished.tasks, self.steps, self.apart)
        return self._planned(parts, build(parts, self.steps, self.resolver, self.seen.written))

    def _planned(self, parts: list[Part], graph: Graph) -> SplitPlan:
        expected = {cell.index for cell in self.cells if RAISES_TAG in cell.tags}
        checks = {
            one for one in checking(self.steps, self.known) if self.steps[one].cell not in expected
        }
        let_wait(graph, checks, sending(self.steps, self.known))
        return SplitPlan(
            source=self.source,
            wished=self.wished,
            tasks=tasks_of(graph, self.steps),
            crossings=crossings_of(graph, self.seen.kinds(parts)),
            order=tuple(graph.order),
            merges=tuple(self.merges),
        )

    def _merged(
        self, layouts: list[TaskLayout], first: int, last: int, merge: Merge
    ) -> list[TaskLayout]:
        """Return the layouts with those from ``first`` to ``last`` as one."""
        if merge not in self.merges:
            self.merges.append(merge)
        joined = layouts[first].model_copy(
            update={"cells": tuple(i for one in layouts[first : last + 1] for i in one.cells)}
        )
        return [*layouts[:first], joined, *layouts[last + 1 :]]

    def _merge_troubles(self, layouts: list[TaskLayout]) -> list[TaskLayout]:
        for step in self.steps:
            for trouble in step.troubles:
                if len(layouts) > 1:
                    layouts = self._merge_trouble(layouts, step, trouble)
        for first, reason in self.seen.ties(layouts)[:1]:
            last = len(layouts) - 1
            if last > first:
                names = tuple(one.name for one in layouts[first : last + 1])
                merge = Merge(tasks=names, code="hidden-state", reason=reason)
                layouts = self._merged(layouts, first, last, merge)
        return layouts

    def _merge_trouble(
        self, layouts: list[TaskLayout], step: Step, trouble: Trouble
    ) -> list[TaskLayout]:
        first = 0 if trouble.scope == "all" else _place(layouts, step.cell)
        last = len(layouts) - 1
        if trouble.scope == "mlflow":
            last = self._end_of_run(layouts, step, last)
        if last <= first:
            return layouts
        label = cell_label(step.cell)
        rest = "no part of the notebook" if trouble.scope == "all" else "nothing after it"
        merge = Merge(
            tasks=tuple(one.name for one in layouts[first : last + 1]),
            code=trouble.code,
            reason=f"{label} {trouble.what}, so {rest} can run apart from it",
            cells=(step.cell,),
        )
        return self._merged(layouts, first, last, merge)

    def _end_of_run(self, layouts: list[TaskLayout], step: Step, last: int) -> int:
        for later in self.steps[step.index :]:
            if "end_run" in later.statement.source:
                return _place(layouts, later.cell)
        return last

    def _stuck(self, graph: Graph) -> tuple[int, int, Merge] | None:
        """Return the first range of tasks between which something cannot be handed over."""
        places = {part.name: number for number, part in enumerate(graph.parts)}
        for number, part in enumerate(graph.parts):
            for producer, names in sorted(part.loads.items(), key=lambda one: places[one[0]]):
                if (merge := self._shares_memory(graph, places[producer], number)) is not None:
                    return places[producer], number, merge
                for name in sorted(names):
                    if (why := self._why_stuck(graph.parts[places[producer]], part, name)) is None:
                        continue
                    code, reason, cell = why
                    first = places[producer]
                    merge = Merge(
                        tasks=tuple(one.name for one in graph.parts[first : number + 1]),
                        code=code,
                        reason=reason,
                        cells=(cell,),
                    )
                    return first, number, merge
        return None

    def _shares_memory(self, graph: Graph, first: int, last: int) -> Merge | None:
        """Return a merge where two arrays cross that share memory and one is changed later."""
        part = graph.parts[last]
        names = part.loads[graph.parts[first].name]
        for step in self.steps[part.start :]:
            for group in step.groups:
                shared = sorted(group.names & names)
                if group.memory and len(shared) > 1 and group.since < part.start:
                    return Merge(
                        tasks=tuple(one.name for one in graph.parts[first : last + 1]),
                        code="alias",
                        reason=f"{cell_label(step.cell)} changes memory that `{shared[0]}` and "
                        f"`{shared[1]}` share, and copies of them would not share it",
                        cells=(step.cell,),
                    )
        return None

    def _why_stuck(self, producer: Part, part: Part, name: str) -> tuple[str, str, int] | None:
        for index in self.resolver.at(name, part.entry(name)).chain:
            step = self.steps[index]
            if name in step.stuck:
                code, what = step.stuck[name]
                label = cell_label(step.cell)
                reason = (
                    f"`{name}` of {label} is {what}, which `{part.layout.name}` uses too and "
                    "which cannot be handed to another process"
                )
                return code, reason, step.cell
            for inner in sorted(step.held.get(name, ())):
                value = self.resolver.at(inner, part.start).kind == "value"
                if value and not self._is_settled(inner, index):
                    reason = (
                        f"`{name}` of {cell_label(step.cell)} holds a function that uses "
                        f"`{inner}`, and a copy of it would keep an older one"
                    )
                    return "alias", reason, step.cell
        cell = producer.layout.cells[-1]
        if (told := self.seen.stuck(name, cell)) is not None:
            writers = [one for one in self.resolver.writers.get(name, []) if one < part.start]
            if writers:
                cell = self.steps[writers[-1]].cell
            reason = f"`{name}` of {cell_label(cell)} cannot be handed over: {told}"
            return "not-transferable", reason, cell
        return None

    def _is_settled(self, name: str, index: int) -> bool:
        """Whether nothing binds or changes a name after a step: all copies of it stay alike."""
        return not any(
            name in step.binds
            or name in step.changes
            or name in step.deletes
            or any(name in group.names for group in step.groups)
            for step in self.steps[index + 1 :]
        )


def _place(layouts: list[TaskLayout], cell: int) -> int:
    return next(number for number, one in enumerate(layouts) if cell <= one.cells[-1])
