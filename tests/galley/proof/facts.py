"""Plans, snapshots and runs, made where they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from galley.domain.split import (
    Fragment,
    Load,
    NameFact,
    PlannedTask,
    Save,
    Snapshot,
    SplitLayout,
    SplitPlan,
    SplitSource,
    TaskLayout,
)
from galley.proof.compare import Ground
from galley.proof.seen import PlainRun, SplitRun, TaskSeen

BEGAN = datetime(2026, 11, 21, 9, tzinfo=UTC)


def fact(value: Any, *, form: str | None = None, **more: Any) -> NameFact:
    """Return the fact of a small value: its text is its digest."""
    kind = type(value).__name__
    return NameFact(type=kind, digest=repr(value), form=form or kind, summary=kind, **more)


def unknown(kind: str, why: str) -> NameFact:
    """Return the fact of something that cannot be compared."""
    return NameFact(type=kind, form=kind, why=why)


def snapshot(cell: int, names: Mapping[str, Any], **more: Any) -> Snapshot:
    """Return a snapshot; a value that is no fact becomes one."""
    facts = {
        name: value if isinstance(value, NameFact) else fact(value) for name, value in names.items()
    }
    return Snapshot(cell=cell, names=facts, **more)


def printed(text: str) -> tuple[dict[str, Any], ...]:
    """Return the outputs of a cell that prints."""
    return ({"output_type": "stream", "name": "stdout", "text": text},)


def plain(*snapshots: Snapshot, outputs: Mapping[int, Any] | None = None, **files: str) -> PlainRun:
    """Return an unsplit run; cells with a snapshot and without outputs put out nothing."""
    silent: dict[int, Any] = {one.cell: () for one in snapshots}
    return PlainRun(
        outputs={**silent, **(outputs or {})},
        snapshots={one.cell: one for one in snapshots},
        files=files,
        began=BEGAN,
        duration_s=1,
    )


def task(
    name: str, *cells: int, loads: Mapping[str, str] | None = None, **more: Any
) -> PlannedTask:
    """Return a task; ``loads`` is variable → task."""
    sources = dict.fromkeys((loads or {}).values())
    return PlannedTask(
        name=name,
        cells=cells,
        upstream=tuple(sources),
        loads=tuple(
            Load(task=source, names=tuple(n for n, s in (loads or {}).items() if s == source))
            for source in sources
        ),
        saves=tuple(Save(names=(one,)) for one in more.pop("saves", ())),
        **more,
    )


def plan(*tasks: PlannedTask) -> SplitPlan:
    """Return a plan whose wished layout is its tasks."""
    layout = SplitLayout(tasks=tuple(TaskLayout(name=one.name, cells=one.cells) for one in tasks))
    return SplitPlan(source=SplitSource.HEADINGS, wished=layout, tasks=tasks)


def split(seen: Mapping[str, TaskSeen | Snapshot], **files: str) -> SplitRun:
    """Return a split run; a snapshot stands for a task whose last cell put out nothing."""
    tasks = {
        name: TaskSeen(outputs=((one.cell, ()),), snapshot=one)
        if isinstance(one, Snapshot)
        else one
        for name, one in seen.items()
    }
    return SplitRun(tasks=tasks, files=files)


def ground(first: PlainRun, again: PlainRun | None = None, *hoisted: str) -> Ground:
    """Return what a split is held against."""
    return Ground(first, again, frozenset(hoisted))


def fragment(cell: int, line: int, source: str, *names: str) -> Fragment:
    """Return a hoisted statement."""
    return Fragment(cell=cell, line=line, source=source, names=names)
