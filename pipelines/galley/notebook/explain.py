"""What went wrong in a run, as one sentence for people.

Cells are counted from 1 in the sentence and from 0 in the field (see :mod:`galley.notebook`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from galley.domain.versions import CellError
from galley.notebook.dataflow import cell_names
from galley.notebook.source import Cell, cell_label, read_cells

MAX_SENTENCE = 300
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_UNDEFINED = re.compile(r"name '([^']+)' is not defined")
_NO_MODULE = re.compile(r"No module named '([^']+)'")


def explain_error(
    notebook: dict[str, Any],
    *,
    cell: int | None,
    ename: str,
    evalue: str,
    traceback: Iterable[str] = (),
    task: str | None = None,
) -> CellError:
    """Return the error that ended a run, with a sentence for people.

    Args:
        notebook: the published notebook.
        cell: index of its cell, from 0; None when the error was outside a cell.
        ename, evalue: class and text of the exception, as Jupyter reports them.

    Raises:
        InvalidInput: ``notebook`` is not one.
    """
    evalue = _plain(evalue)
    return CellError(
        task=task,
        cell=cell,
        ename=ename,
        evalue=evalue,
        message=_sentence(notebook, cell, ename, evalue),
        traceback=tuple(_plain(line) for line in traceback),
    )


def _plain(text: str) -> str:
    """Return text without terminal colours and without what UTF-8 cannot carry."""
    return _ANSI.sub("", text).encode("utf-8", "replace").decode()


def _sentence(notebook: dict[str, Any], cell: int | None, ename: str, evalue: str) -> str:
    if cell is None:
        return _short(f"the run ended with {ename}" + (f": {evalue}" if evalue else ""))
    label = cell_label(cell)
    if ename == "NameError" and (match := _UNDEFINED.search(evalue)):
        return _undefined(read_cells(notebook), cell, match[1])
    if ename in {"ModuleNotFoundError", "ImportError"} and (match := _NO_MODULE.search(evalue)):
        return f"{label} imports `{match[1]}`, which the environment of the run lacks"
    if ename == "KeyboardInterrupt":
        return f"{label} was interrupted"
    if ename == "MemoryError":
        return f"{label} ran out of memory"
    return _short(f"{label} raised {ename}: {evalue}" if evalue else f"{label} raised {ename}")


def _undefined(cells: tuple[Cell, ...], index: int, name: str) -> str:
    label = cell_label(index)
    code = [cell for cell in cells if cell.type == "code"]
    definers = [cell for cell in code if name in cell_names(cell).defined]
    users = [cell for cell in code if re.search(rf"\b{re.escape(name)}\b", cell.source)]
    if index not in [cell.index for cell in users]:
        calls = f"{label} calls code{f' of {users[0].label}' if users else ''} that uses `{name}`"
        if users and not definers:
            return f"{calls}, which no cell of this notebook defines"
        return f"{calls}, which is not defined when {label} runs"
    if not definers:
        return f"{label} uses `{name}`, which no cell of this notebook defines"
    earlier = [cell for cell in definers if cell.index < index]
    if earlier:
        return (
            f"{label} uses `{name}`, which is not defined by then although {earlier[-1].label} "
            "can define it: that was skipped, or the name was deleted"
        )
    later = [cell for cell in definers if cell.index > index]
    if later:
        return (
            f"{label} uses `{name}`, which only {later[0].label}, further down, defines; a run "
            "goes from top to bottom"
        )
    return f"{label} uses `{name}` above the line that defines it"


def _short(text: str) -> str:
    lines = text.strip().splitlines()
    first = lines[0] if lines else ""
    return first if len(first) <= MAX_SENTENCE else f"{first[: MAX_SENTENCE - 1]}…"
