"""The notebook of a task: the author's cells, and the few that a split adds around them.

::

    setup        imports, functions, classes and settings of earlier cells that the task needs
    parameters   the parameters that it uses
    load         what it takes from the tasks before it
    …            its own cells, as they were published
    save         what later tasks take from it

An added cell says so in its metadata (``galley.role``), an own one where it comes from
(``galley.cell``).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from galley.domain.split import Fragment, PlannedTask
from galley.notebook.source import PARAMETERS_TAG, Cell
from galley.project.handing import Handing

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_KEPT_METADATA = frozenset({"tags", "jupyter", "slideshow", "editable", "deletable"})
_KEYWORDS = frozenset({"together", "states"})
"""Names that ``handover.save`` has for itself: variables called so go in a group."""
_WIDTH = 88


def unsplit_notebook(cells: Iterable[Cell]) -> str:
    """Return the notebook of the one task of an unsplit pipeline, without outputs."""
    return _document([_own(cell) for cell in cells])


def split_notebook(
    cells: tuple[Cell, ...],
    task: PlannedTask,
    handing: Handing,
    *,
    parameters: Collection[str],
    parameter_cell: int | None,
    handover: str,
) -> str:
    """Return the notebook of one task of a split pipeline.

    Args:
        cells: all cells of the published notebook.
        handing: what crosses the task's boundaries.
        parameters: names of the parameters that the task declares.
        parameter_cell: index of the published cell tagged ``parameters``.
        handover: name of the project's module that hands variables over.
    """
    own = [_reduced(cells[index], parameters, parameter_cell) for index in task.cells]
    before = []
    if task.fragments:
        before.append(_added(task, "setup", _setup(task.fragments)))
    if parameters and parameter_cell is not None and parameter_cell not in task.cells:
        source = _parameters(cells[parameter_cell], parameters, task.fragments)
        before.append(_added(task, "parameters", source, tags=[PARAMETERS_TAG]))
    if handing.taken:
        before.append(_added(task, "load", _load(handing, handover)))
    after = [_added(task, "save", _save(task, handing, handover))] if handing.saves else []
    return _document([*before, *own, *after])


def published_cell(task_cell: Mapping[str, Any]) -> int | None:
    """Return the index, in the published notebook, of a cell of a task's notebook.

    None for a cell that was added, such as the one with the injected parameters.
    """
    galley = task_cell.get("metadata", {}).get("galley", {})
    index = galley.get("cell") if isinstance(galley, Mapping) else None
    return index if isinstance(index, int) else None


def handover_name(taken: Iterable[str]) -> str:
    """Return the name of the module that hands over: one that occurs in none of the sources."""
    words = set().union(*(re.findall(r"\w+", source) for source in taken), ())
    name, number = "handover", 2
    while name in words:
        name, number = f"handover{number}", number + 1
    return name


def _document(cells: list[dict[str, Any]]) -> str:
    document = {
        "cells": cells,
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _own(cell: Cell) -> dict[str, Any]:
    metadata = {key: value for key, value in cell.metadata.items() if key in _KEPT_METADATA}
    task_cell: dict[str, Any] = {
        "cell_type": cell.type,
        "id": f"cell-{cell.index}",
        "metadata": {**metadata, "galley": {"cell": cell.index}},
        "source": cell.source,
    }
    if cell.type == "code":
        task_cell |= {"execution_count": None, "outputs": []}
    elif cell.attachments:
        task_cell["attachments"] = cell.attachments
    return task_cell


def _added(
    task: PlannedTask, role: str, source: str, tags: list[str] | None = None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"galley": {"role": role}}
    if tags:
        metadata["tags"] = tags
    return {
        "cell_type": "code",
        "id": f"{role}-{task.name}"[:64],
        "metadata": metadata,
        "source": source,
        "execution_count": None,
        "outputs": [],
    }


def _setup(fragments: tuple[Fragment, ...]) -> str:
    """Return imports first, then the rest as people space it, all in the notebook's order."""
    imports: list[str] = []
    others: list[str] = []
    for fragment in fragments:
        text = fragment.source.rstrip("\n")
        (imports if re.match(r"(from|import)\s", text) else others).append(text)
    parts = ["\n".join(imports)] if imports else []
    small: list[str] = []
    for text in others:
        if re.match(r"(@|def |class |async def )", text):
            if small:
                parts.append("\n".join(small))
                small = []
            parts.append(f"\n{text}" if parts else text)
        else:
            small.append(text)
    if small:
        parts.append("\n".join(small))
    return "\n\n".join(parts)


def _statements(cell: Cell) -> list[tuple[ast.stmt, str]]:
    """Return the top-level statements of a cell, each with its lines and the comments above it."""
    if cell.code.tree is None:
        return []
    lines = cell.source.split("\n")
    found, end = [], 0
    for statement in cell.code.tree.body:
        start = statement.lineno - 1
        above = start
        while above > end and lines[above - 1].lstrip().startswith("#"):
            above -= 1
        end = statement.end_lineno or statement.lineno
        found.append((statement, "\n".join(lines[above:end])))
    return found


def _bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.Import() | ast.ImportFrom():
            return {(one.asname or one.name).partition(".")[0] for one in statement.names}
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
        case _:
            return set()


def _names_in(statement: ast.stmt) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}


def _parameters(cell: Cell, wanted: Collection[str], fragments: tuple[Fragment, ...]) -> str:
    """Return the assignments of the wanted parameters, and the imports that their hints need."""
    statements = _statements(cell)
    kept = [one for one in statements if _bound(one[0]) & set(wanted)]
    needed = set().union(*(_names_in(statement) for statement, _ in kept), ())
    needed -= {name for fragment in fragments for name in fragment.names}
    imports = [
        text
        for statement, text in statements
        if isinstance(statement, ast.Import | ast.ImportFrom) and _bound(statement) & needed
    ]
    parts = ["\n".join(imports)] if imports else []
    return "\n\n".join([*parts, "\n".join(text for _, text in kept)])


def _reduced(cell: Cell, wanted: Collection[str], parameter_cell: int | None) -> dict[str, Any]:
    """Return an own cell; of the parameters cell without those that the task does not declare."""
    task_cell = _own(cell)
    if cell.index == parameter_cell:
        kept = [
            text
            for statement, text in _statements(cell)
            if not isinstance(statement, ast.Assign | ast.AnnAssign)
            or not _bound(statement)
            or _bound(statement) & set(wanted)
            or not _is_literal(statement)
        ]
        task_cell["source"] = "\n".join(kept)
    return task_cell


def _is_literal(statement: ast.Assign | ast.AnnAssign) -> bool:
    try:
        ast.literal_eval(statement.value or ast.Constant(None))
    except (ValueError, TypeError, SyntaxError):
        return False
    return True


def _load(handing: Handing, handover: str) -> str:
    lines = [f"import {handover}", ""]
    for taken in handing.taken:
        arguments = [_text(taken.task), *map(_text, taken.names)]
        if taken.states:
            arguments.append(f"states={_texts(taken.states)}")
        call = _call(f"{handover}.load", arguments)
        target = ", ".join(taken.names)
        lines.append(f"{target} = {call}" if target else call)
    return "\n".join(lines)


def _save(task: PlannedTask, handing: Handing, handover: str) -> str:
    arguments, together = [_text(task.name)], []
    for names in handing.groups:
        if len(names) == 1 and names[0] not in _KEYWORDS:
            arguments.append(f"{names[0]}={names[0]}")
        else:
            inner = ", ".join(f"{_text(name)}: {name}" for name in names)
            together.append(f"{{{inner}}}")
    if together:
        arguments.append(f"together=[{', '.join(together)}]")
    if handing.states:
        arguments.append(f"states={_texts(handing.states)}")
    call = _call(f"{handover}.save", arguments)
    return call if handing.taken else f"import {handover}\n\n{call}"


def _call(function: str, arguments: list[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    return f"{function}(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def _texts(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _text(text: str) -> str:
    """Return text as a Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)
