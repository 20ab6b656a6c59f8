"""What a run left behind that can be compared: outputs, snapshots, files. Never a value itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from galley.domain.split import Observed, PlannedTask, Snapshot
from galley.domain.versions import CellError
from galley.notebook.outputs import Output
from galley.notebook.widget_states import VIEW, WidgetStates
from galley.project.build import published_cell
from galley.proof.files import Written
from galley.proof.observe import SNAPSHOTS
from galley.run.tasks import TaskResult


@dataclass(frozen=True)
class PlainRun:
    """One unsplit run.

    Attributes:
        outputs: index of the published cell → its outputs; of each code cell that ran.
        snapshots: index of the published cell → the namespace after it.
        began: when it began, zone-aware.
        duration_s: wall time, seconds.
        kernels: ``forked`` or ``started``, as far as its tasks had kernels.
        drawn: index of the published cell → where generators of random numbers stood after it that
            nobody had seeded, of each that moved them; -1 → where they began.
    """

    outputs: Mapping[int, tuple[Output, ...]]
    snapshots: Mapping[int, Snapshot]
    files: Written
    began: datetime
    duration_s: float
    kernels: frozenset[str] = frozenset()
    drawn: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def drawing(self) -> tuple[int, ...]:
        """The cells that drew random numbers which nobody had seeded."""
        found, before = [], self.drawn.get(-1, {})
        for cell in sorted(self.drawn):
            now = self.drawn[cell]
            if any(now[name] != before[name] for name in now.keys() & before.keys()):
                found.append(cell)
            before = now
        return tuple(found)

    @property
    def observed(self) -> Observed:
        """The snapshots as the planner takes them."""
        return Observed(snapshots=tuple(self.snapshots[cell] for cell in sorted(self.snapshots)))

    @property
    def last(self) -> Snapshot | None:
        """The namespace at the end."""
        return self.snapshots[max(self.snapshots)] if self.snapshots else None

    def after(self, task: PlannedTask, following: int | None) -> Snapshot | None:
        """Return the namespace at the end of ``task``.

        A cell that is only hoisted belongs to no task, so the snapshot may have been taken a cell
        or two later than the task's last one; but before ``following``, where the next one begins.
        """
        end = self.end(task)
        if end is None:
            return None
        between = (
            cell
            for cell in self.snapshots
            if cell >= end and (following is None or cell < following)
        )
        cell = min(between, default=None)
        return None if cell is None else self.snapshots[cell]

    def end(self, task: PlannedTask) -> int | None:
        """Return the last cell of ``task`` that ran; None where it has only text."""
        return max((cell for cell in task.cells if cell in self.outputs), default=None)


@dataclass(frozen=True)
class TaskSeen:
    """One task of a split run.

    Attributes:
        outputs: index of the published cell → its outputs, once for each time it is there.
        snapshot: the namespace after its last own cell; None where it did not get so far.
        role: what the cell that failed is, if it is not the author's: ``load``, ``save`` …
        duration_s: wall time, seconds; 0 where it did not run again.
    """

    outputs: tuple[tuple[int, tuple[Output, ...]], ...] = ()
    snapshot: Snapshot | None = None
    error: CellError | None = None
    role: str | None = None
    duration_s: float = 0.0


@dataclass(frozen=True)
class SplitRun:
    """One split run; a task that was not started is not among ``tasks``."""

    tasks: Mapping[str, TaskSeen]
    files: Written = field(default_factory=dict)
    reused: tuple[str, ...] = ()
    duration_s: float = 0.0
    broken: str | None = None
    kernels: frozenset[str] = frozenset()


def kernels_of(results: Iterable[TaskResult]) -> frozenset[str]:
    """Return how the kernels of tasks came about: ``forked``, ``started``."""
    return frozenset(re.split("[,:]", one.kernel)[0] for one in results if one.kernel)


def read_outputs(notebook: Path) -> tuple[tuple[int, tuple[Output, ...]], ...]:
    """Return the outputs of the published code cells in an executed notebook, in its order."""
    try:
        document = json.loads(notebook.read_bytes())
        cells: list[dict[str, Any]] = document["cells"]
    except (OSError, ValueError, KeyError):
        return ()
    widgets = WidgetStates(document.get("metadata"))
    found = []
    for cell in cells:
        index = published_cell(cell)
        skipped = "skip-execution" in cell.get("metadata", {}).get("tags", ())
        if (
            index is not None
            and cell.get("cell_type") == "code"
            and _source(cell).strip()
            and not skipped
        ):
            outputs = cell.get("outputs", ())
            found.append((index, tuple(_with_content(one, widgets) for one in outputs)))
    return tuple(found)


def _with_content(output: Output, widgets: WidgetStates) -> Output:
    """Return an output with what its widget holds, which the notebook keeps apart from it."""
    data = output.get("data")
    view = data.get(VIEW) if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(view, dict):
        return output
    return {**output, "data": {**data, VIEW: {**view, "content": widgets.content(view)}}}


def failed_role(notebook: Path) -> str | None:
    """Return what the cell that failed is for, if it is not the author's: ``load``, ``save`` …"""
    try:
        cells: list[dict[str, Any]] = json.loads(notebook.read_bytes())["cells"]
    except (OSError, ValueError, KeyError):
        return None
    for cell in cells:
        metadata = cell.get("metadata", {})
        if metadata.get("papermill", {}).get("status") == "failed":
            role = metadata.get("galley", {}).get("role")
            return role if isinstance(role, str) else None
    return None


def _source(cell: Mapping[str, Any]) -> str:
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def read_snapshots(folder: Path) -> dict[int, Snapshot]:
    """Return the snapshots that a probe wrote; one that it could not take is not among them."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_bytes())
        if "error" not in content:
            snapshot = Snapshot.model_validate(content)
            found[snapshot.cell] = snapshot
    return found


def read_plain(
    notebook: Path,
    probe: Path,
    files: Written,
    *,
    began: datetime,
    duration_s: float,
    results: Iterable[TaskResult],
) -> PlainRun:
    """Return what an unsplit run left: its executed notebook and the folder of its probe."""
    return PlainRun(
        outputs=dict(read_outputs(notebook)),
        snapshots=read_snapshots(probe / SNAPSHOTS),
        files=files,
        began=began,
        duration_s=duration_s,
        kernels=kernels_of(results),
        drawn=_read_drawn(probe / SNAPSHOTS),
    )


def _read_drawn(folder: Path) -> dict[int, dict[str, Any]]:
    return {
        -1 if path.stem == "begin" else int(path.stem): json.loads(path.read_bytes())
        for path in folder.glob("*.random")
    }
