"""Whose the cells of a task's notebook are: the author's, or added by the project or the run.

The project notes it in each cell's metadata: ``galley.cell`` is the index in the published
notebook, ``galley.role`` what an added cell is for. A notebook without such notes is the author's,
but for the cell with the injected values.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_AT_LINE = re.compile(r"In\[\d+\], line (\d+)")
_TIMEOUT_TAG = re.compile(r"timeout:(\d+(?:\.\d+)?)")
_DOING = {
    "setup": "while task {task!r} is set up",
    "parameters": "in the parameters of task {task!r}",
    "load": "while task {task!r} takes over variables",
    "save": "while task {task!r} hands variables on",
}


def tags_of(cell: Any) -> list[str]:
    """Return the tags of a cell; what a notebook has among them that is no text is none."""
    return [tag for tag in cell.metadata.get("tags") or () if isinstance(tag, str)]


def is_injected(cell: Any) -> bool:
    """Whether a cell holds the values of a run."""
    return "injected-parameters" in tags_of(cell)


def is_noted(cells: Sequence[Any]) -> bool:
    """Whether a notebook says of its cells whose they are."""
    return any("galley" in cell.metadata for cell in cells)


def own_cells(cells: Sequence[Any]) -> frozenset[int]:
    """Return the places of the author's code cells that are not empty: what progress counts.

    Neither the cells that a split adds count, nor those that Ploomber adds.
    """
    noted = is_noted(cells)
    return frozenset(
        place
        for place, cell in enumerate(cells)
        if cell.cell_type == "code"
        and cell.source.strip()
        and not is_injected(cell)
        and (not noted or isinstance(_note(cell).get("cell"), int))
    )


def role(cells: Sequence[Any], index: int | None) -> str | None:
    """Return what an added cell is for, such as ``load``; None of any other cell."""
    if index is None or index >= len(cells):
        return None
    found = _note(cells[index]).get("role")
    return found if isinstance(found, str) else None


def time_limit(cell: Any, usual: float | None) -> float | None:
    """Return how long a cell may take, seconds: its tag ``timeout:SECONDS``, or ``usual``.

    A tag that names no positive number of seconds is no tag of ours. ``timeout:none`` lifts the
    limit.
    """
    for tag in tags_of(cell):
        if tag == "timeout:none":
            return None
        if (match := _TIMEOUT_TAG.fullmatch(tag)) and float(match[1]) > 0:
            return float(match[1])
    return usual


def doing(role: str | None, task: str) -> str | None:
    """Return what a task does in an added cell, in words that end a sentence; else None."""
    return _DOING[role].format(task=task) if role in _DOING else None


def is_split(cells: Sequence[Any]) -> bool:
    """Whether the notebook is one task of several."""
    return any("role" in _note(cell) for cell in cells)


def hoisted_from(cell: Any, traceback: Sequence[str]) -> int | None:
    """Return the published cell that the failing line of a setup cell comes from."""
    lines = _note(cell).get("lines")
    match = _AT_LINE.search(_ANSI.sub("", "\n".join(traceback)))
    if not isinstance(lines, list) or match is None:
        return None
    before = [published for line, published in lines if line <= int(match[1])]
    return before[-1] if before and isinstance(before[-1], int) else None


def _note(cell: Any) -> dict[str, Any]:
    note = cell.metadata.get("galley", {})
    return note if isinstance(note, dict) else {}
