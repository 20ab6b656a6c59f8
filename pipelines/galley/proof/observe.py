"""Having a run watched: which cells are followed by a snapshot of the namespace.

The probe is :mod:`galley.inside.probe`; it is switched on by two variables in the environment of
the kernel and leaves outputs and execution counts as they are.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from galley.domain.split import SplitPlan
from galley.inside import probe
from galley.project.build import published_cell

SNAPSHOTS = "snapshots"


def plain_probe(notebook: str, plan: SplitPlan, folder: Path) -> dict[str, str]:
    """Return what to add to the environment of an unsplit run, so that it is watched.

    Args:
        notebook: the rendered notebook of the one task (JSON text, as in ``TaskSpec.notebook``).
        plan: the split that is to be proved: snapshots are taken where its wished sections and its
            tasks end, and after the last cell.
        folder: empty or missing; the kernel writes to it. ``folder / "snapshots"`` has the result.
    """
    cells = _executed(notebook)
    published = [cell for cell in cells.values() if cell is not None]
    sections = [task.cells for task in plan.tasks]
    sections += [section.cells for section in plan.wished.tasks] if plan.wished else []
    ends = {
        max((cell for cell in section if cell in published), default=-1) for section in sections
    }
    crossing = sorted({crossing.name for crossing in plan.crossings})
    draws = {number: cell for number, cell in cells.items() if cell is not None}
    return _prepare(cells, {*ends, *published[-1:]}, folder, crossing, draws=draws)


def task_probe(
    notebook: str,
    own: Collection[int],
    folder: Path,
    drawn: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, str]:
    """Return the same for one task of a split: a snapshot after the last of its ``own`` cells.

    Args:
        drawn: cell that moved generators of random numbers → where they stood after it in the
            unsplit run, -1 → at its beginning; the task's first own cell finds them so.
    """
    cells = _executed(notebook)
    numbers = {cell: number for number, cell in cells.items() if cell is not None and cell in own}
    first = min(numbers, default=-1)
    stood = max((cell for cell in drawn if cell < first), default=None)
    restore = {} if stood is None else {numbers[first]: drawn[stood]}
    return _prepare(cells, {max(numbers, default=-1)}, folder, (), restore=restore)


def _prepare(
    cells: Mapping[int, int | None],
    wanted: Collection[int],
    folder: Path,
    crossing: Collection[str],
    draws: Mapping[int, int] = MappingProxyType({}),
    restore: Mapping[int, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    # The last one where a cell is there twice; the comparison tells that it is.
    after = {cell: number for number, cell in cells.items() if cell is not None and cell in wanted}
    return probe.prepare(
        folder,
        after={number: cell for cell, number in after.items()},
        output=folder / SNAPSHOTS,
        crossing=tuple(crossing),
        draws=draws,
        restore=restore,
    )


def _executed(notebook: str) -> dict[int, int | None]:
    """Return number of the executed code cell, from 1 → its published index, if it has one."""
    found: dict[int, int | None] = {}
    for cell in json.loads(notebook)["cells"]:
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(source)
        skipped = "skip-execution" in cell.get("metadata", {}).get("tags", ())
        if cell.get("cell_type") == "code" and text.strip() and not skipped:
            found[len(found) + 1] = published_cell(cell)
    return found
