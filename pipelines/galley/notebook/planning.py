"""From sections to tasks: what each needs, from whom, and what it repeats or hands over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from galley.domain.split import Crossing, Fragment, Load, PlannedTask, Save, TaskLayout
from galley.notebook.files import clash
from galley.notebook.loading import Loaded
from galley.notebook.resolution import Resolver
from galley.notebook.steps import STATES, Step


@dataclass
class Part:
    """One section with its steps, and what is found out about it.

    Attributes:
        start, end: indexes of its steps.
        needs: names that it reads before it binds them.
        maybe: names that it binds or changes only perhaps, so that it hands on what it got.
        writes: names whose value after it is its own.
        drops: names that are gone after it.
        extra: names that it must load and hand on because they share objects.
        apart: names bound by a cell that stands here but is run by no task → where to look
            them up.
    """

    layout: TaskLayout
    cells: tuple[int, ...]
    start: int
    end: int
    needs: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    drops: set[str] = field(default_factory=set)
    extra: set[str] = field(default_factory=set)
    loads: dict[str, set[str]] = field(default_factory=dict)
    repeated: set[int] = field(default_factory=set)
    parameters: set[str] = field(default_factory=set)
    apart: dict[str, int] = field(default_factory=dict)
    states: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The task's name."""
        return self.layout.name

    def entry(self, name: str) -> int:
        """Return the index of the step before which a name must be looked up."""
        return self.apart.get(name, self.start)


@dataclass
class Graph:
    """The tasks with their edges.

    Attributes:
        edges: consumer → producers.
        order: edges that carry no variable.
        groups: names that share objects, by producer.
    """

    parts: list[Part]
    edges: dict[str, set[str]] = field(default_factory=dict)
    order: list[tuple[str, str]] = field(default_factory=list)
    groups: dict[str, list[frozenset[str]]] = field(default_factory=dict)


def read_parts(
    layouts: Sequence[TaskLayout], steps: Sequence[Step], distributed: Iterable[int]
) -> list[Part]:
    """Return the sections with their steps; cells in ``distributed`` are nobody's."""
    apart = set(distributed)
    parts = []
    place = 0
    for layout in layouts:
        cells = tuple(index for index in layout.cells if index not in apart)
        start = place
        while place < len(steps) and steps[place].cell <= layout.cells[-1]:
            place += 1
        part = Part(layout, cells, start, place)
        _names(part, [one for one in steps[start:place] if one.cell not in apart])
        for one in steps[start:place]:
            if one.cell in apart:
                part.apart |= dict.fromkeys(one.binds, one.index + 1)
        parts.append(part)
    return parts


def _names(part: Part, steps: Iterable[Step]) -> None:
    sure: set[str] = set()
    for step in steps:
        part.needs |= step.reads - sure
        for name, certain in step.binds.items():
            if certain:
                sure.add(name)
            elif name not in sure:
                part.maybe.add(name)
        part.maybe |= set(step.changes) - sure
        part.writes |= set(step.binds) | set(step.changes)
        part.drops -= set(step.binds)
        for name in step.deletes - set(step.binds):
            part.drops.add(name)
            part.needs |= {name} - sure
            sure.add(name)
    part.writes -= part.drops


def build(
    parts: list[Part],
    steps: Sequence[Step],
    resolver: Resolver,
    written: Mapping[str, Iterable[int]],
) -> Graph:
    """Return who needs what from whom."""
    for name, indexes in written.items():
        for part in parts:
            if any(part.start <= one < part.end for one in indexes):
                part.writes.add(name)
                part.maybe.add(name)
    _share(parts, steps)
    live: set[str] = set()
    loading = {
        step.index: Loaded.by(step.statement.nodes)
        for step in steps
        if step.hoist is not None and "import" in step.statement.source
    }
    everywhere = _everywhere(steps, loading)
    for part in reversed(parts):
        for index in [one for one in everywhere if one < part.start]:
            part.repeated |= resolver.fragments(index) or frozenset()
        wanted = part.needs | (live & (part.maybe | part.extra))
        _resolve(part, wanted, resolver)
        _submodules(part, steps, resolver, loading)
        bound = {
            name
            for name in part.writes | part.drops
            if name not in part.maybe and name not in part.extra
        }
        live = (live - bound) | wanted
    graph = Graph(parts)
    _edges(graph, resolver, parts)
    _states(graph, steps)
    _effects(graph, steps)
    _grouped(graph, steps)
    return graph


def _share(parts: list[Part], steps: Sequence[Step]) -> None:
    """Let names that share a changed object be loaded and handed on together, wherever written."""
    for step in steps:
        for group in step.groups:
            names, since = group.names, group.since
            place = _place(parts, step.index)
            if place is None:
                continue
            later = {name for part in parts[place:] for name in part.needs}
            live = {name for name in names if name in later}
            if len(live) < 2:
                continue
            for part in parts[: place + 1]:
                if part.end > since and part.writes & live:
                    part.extra |= live
                    part.writes |= live
    for part in parts:
        part.writes -= part.drops


def _place(parts: Sequence[Part], index: int) -> int | None:
    for number, part in enumerate(parts):
        if part.start <= index < part.end:
            return number
    return None


def _everywhere(steps: Sequence[Step], loading: Mapping[int, Loaded]) -> list[int]:
    """Return the steps that each later task repeats: settings, and imports for what they do.

    The names of such an import nobody uses.
    """
    used = {name for step in steps for name in step.reads}
    return [
        step.index
        for step in steps
        if step.hoist is not None
        and (
            step.hoist.kind == "setting"
            or (
                step.hoist.kind == "import"
                and not used & set(step.binds)
                and loading[step.index].may_do_something
            )
        )
    ]


def _submodules(
    part: Part, steps: Sequence[Step], resolver: Resolver, loading: Mapping[int, Loaded]
) -> None:
    """Repeat what loads ``mpl.pyplot``, which is there once anything has imported it."""
    here = {*part.repeated, *range(part.start, part.end)}
    packages = {path for index in here if index in loading for path in loading[index].bound}
    lacking = [
        (index, name)
        for index, loaded in loading.items()
        if index < part.start and index not in part.repeated
        for package, name in loaded.parts
        if package in packages
    ]
    if not lacking:
        return
    text = "\n".join(steps[index].statement.source for index in sorted(here))
    for index, name in lacking:
        if re.search(rf"\.\s*{re.escape(name)}\b", text):
            part.repeated |= resolver.fragments(index) or frozenset()


def _resolve(part: Part, wanted: set[str], resolver: Resolver) -> None:
    for name in sorted(wanted):
        source = resolver.at(name, part.entry(name))
        if source.kind == "fragment":
            part.repeated |= resolver.fragments(source.step) or frozenset()
        elif source.kind == "parameter":
            part.parameters.add(name)
        elif source.kind == "value":
            part.loads.setdefault("", set()).add(name)


def _edges(graph: Graph, resolver: Resolver, parts: list[Part]) -> None:
    for number, part in enumerate(parts):
        graph.edges[part.name] = set()
        for name in sorted(part.loads.pop("", ())):
            source = resolver.at(name, part.entry(name))
            producer = next((one for one in reversed(parts[:number]) if name in one.writes), None)
            if producer is None:
                if any(resolver.is_parameter(name, one) for one in source.chain):
                    part.parameters.add(name)
                continue
            part.loads.setdefault(producer.name, set()).add(name)
            graph.edges[part.name].add(producer.name)


def _states(graph: Graph, steps: Sequence[Step]) -> None:
    for state in STATES:
        last: Part | None = None
        for part in graph.parts:
            used = [one for one in steps[part.start : part.end] if state in one.states]
            if last is None:
                used = used[
                    next((i for i, one in enumerate(used) if one.states[state]), len(used)) :
                ]
            if not used:
                continue
            first = used[0]
            fresh = first.states[state]
            if last is not None and not fresh:
                last.states.add(state)
                part.states.add(state)
                if last.name not in graph.edges[part.name]:
                    graph.edges[part.name].add(last.name)
                    graph.order.append((last.name, part.name))
                part.loads.setdefault(last.name, set())
            last = part


def _effects(graph: Graph, steps: Sequence[Step]) -> None:
    effects = {
        part.name: [one for step in steps[part.start : part.end] for one in step.effects]
        for part in graph.parts
    }
    above: dict[str, set[str]] = {}
    for number, part in enumerate(graph.parts):
        above[part.name] = _ancestors(graph.edges[part.name], above)
        for before in reversed(graph.parts[:number]):
            if before.name in above[part.name]:
                continue
            installs = any(one.kind == "install" for one in effects[before.name])
            if installs or any(
                clash(one, other)
                for one in effects[before.name]
                for other in effects[part.name]
                if "install" not in (one.kind, other.kind)
            ):
                graph.edges[part.name].add(before.name)
                graph.order.append((before.name, part.name))
                above[part.name] = _ancestors(graph.edges[part.name], above)


def let_wait(graph: Graph, checks: Iterable[int], sending: Iterable[int]) -> None:
    """Let every part wait for the checks above it, and what leaves the run for all that is above.

    Args:
        checks, sending: indices of steps, see :mod:`galley.notebook.checking`.
    """
    checking = {part.name for part in graph.parts if _has(part, checks)}
    above: dict[str, set[str]] = {}
    for number, part in enumerate(graph.parts):
        above[part.name] = _ancestors(graph.edges[part.name], above)
        wait_for_all = _has(part, sending)
        for before in reversed(graph.parts[:number]):
            if before.name not in above[part.name] and (wait_for_all or before.name in checking):
                graph.edges[part.name].add(before.name)
                graph.order.append((before.name, part.name))
                above[part.name] = _ancestors(graph.edges[part.name], above)


def _has(part: Part, steps: Iterable[int]) -> bool:
    return any(part.start <= index < part.end for index in steps)


def _ancestors(direct: Iterable[str], above: Mapping[str, set[str]]) -> set[str]:
    found = set(direct)
    for one in direct:
        found |= above.get(one, set())
    return found


def _grouped(graph: Graph, steps: Sequence[Step]) -> None:
    """Note which of the names that a task hands over go into one file."""
    wanted: dict[str, set[str]] = {}
    for part in graph.parts:
        for producer, names in part.loads.items():
            wanted.setdefault(producer, set()).update(names)
    for part in graph.parts:
        names = wanted.get(part.name, set())
        groups: list[set[str]] = []
        for step in steps:
            for group in step.groups:
                if group.since >= part.end:
                    continue
                joined = set(group.names) & names
                if len(joined) < 2:
                    continue
                for one in [one for one in groups if one & joined]:
                    joined |= one
                    groups.remove(one)
                groups.append(joined)
        single = [{name} for name in sorted(names - set().union(*groups))] if names else []
        graph.groups[part.name] = [frozenset(one) for one in [*groups, *single]]


def tasks_of(graph: Graph, steps: Sequence[Step]) -> tuple[PlannedTask, ...]:
    """Return the tasks as a plan has them."""
    return tuple(
        PlannedTask(
            name=part.name,
            title=part.layout.title,
            cells=part.cells,
            upstream=tuple(one.name for one in graph.parts if one.name in graph.edges[part.name]),
            fragments=fragments_of(part, steps),
            parameters=tuple(sorted(part.parameters)),
            loads=tuple(
                Load(task=one.name, names=tuple(sorted(part.loads[one.name])))
                for one in graph.parts
                if one.name in part.loads
            ),
            saves=tuple(
                Save(names=tuple(sorted(names)))
                for names in sorted(graph.groups[part.name], key=sorted)
            ),
            states=tuple(sorted(part.states)),
        )
        for part in graph.parts
    )


def fragments_of(part: Part, steps: Sequence[Step]) -> tuple[Fragment, ...]:
    """Return what a task repeats, in the notebook's order; ``__future__`` imports first."""
    found = [
        Fragment(
            cell=steps[index].cell,
            line=steps[index].statement.line,
            source=steps[index].statement.source,
            names=tuple(sorted(steps[index].binds)),
        )
        for index in sorted(part.repeated)
        if not part.start <= index < part.end or steps[index].cell not in part.cells
    ]
    return tuple(sorted(found, key=lambda one: not one.source.startswith("from __future__")))


def crossings_of(
    graph: Graph, seen: Mapping[tuple[str, str], tuple[str, int | None]]
) -> tuple[Crossing, ...]:
    """Return the variables on each edge.

    Args:
        seen: (producer, name) → type and size that a run showed.
    """
    return tuple(
        Crossing(
            producer=producer.name,
            consumer=part.name,
            name=name,
            type=seen.get((producer.name, name), (None, None))[0],
            size=seen.get((producer.name, name), (None, None))[1],
        )
        for part in graph.parts
        for producer in graph.parts
        for name in sorted(part.loads.get(producer.name, ()))
    )
