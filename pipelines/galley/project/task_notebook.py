"""The notebook of a task: the author's cells, and the few that a split adds around them.

::

    setup        imports, functions, classes and settings of other cells that the task needs
    parameters   the parameters that it uses
    load         what it takes over from the tasks before it
    …            its own cells, as they were published
    save         what later tasks take over from it

An added cell says so in its metadata (``galley.role``), an own one where it comes from
(``galley.cell``); a setup cell notes that of its lines, as [line, cell] (``galley.lines``).

Split or not: below parameters that hold objects stands a cell that makes them of what a run sets
(``galley.added``, see :mod:`galley.notebook.conversions`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.domain.split import Fragment, PlannedTask
from galley.notebook.conversions import conversion_source
from galley.notebook.source import PARAMETERS_TAG, Cell
from galley.project import added_cells, parameter_source
from galley.project.handing import Handing

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
INJECTED_TAG = "injected-parameters"
NO_PARAMETERS = "# This task has no parameters."
"""Ploomber would write such a cell into the notebook itself."""

_KEPT_METADATA = frozenset({"tags", "jupyter", "slideshow", "editable", "deletable"})


def unsplit_notebook(
    cells: Iterable[Cell], schema: ParameterSchema, kernel: Mapping[str, Any] | None = None
) -> str:
    """Return the notebook of the one task of an unsplit pipeline, without outputs.

    Args:
        kernel: the ``kernelspec`` of a notebook in another language; None: Python's.
    """
    own = [_own(cell) for cell in cells]
    return _document(_with_conversion(own, schema, schema.properties), kernel or KERNEL)


def split_notebook(
    cells: tuple[Cell, ...],
    task: PlannedTask,
    handing: Handing,
    *,
    schema: ParameterSchema,
    declared: Collection[str],
    handover: str,
) -> str:
    """Return the notebook of one task of a split pipeline.

    Args:
        cells: all cells of the published notebook.
        handing: what crosses the task's boundaries.
        schema: the pipeline's parameters.
        declared: names of those that the task declares.
        handover: name of the project's module that hands variables on.
    """
    owns = schema.cell is not None and schema.cell in task.cells
    own = _with_conversion(
        [_split_own(cells[index], schema, declared) for index in task.cells], schema, declared
    )
    parameters = frozenset() if owns else frozenset(schema.properties)
    above, below = added_cells.after_parameters(task.fragments, parameters)
    before = [_setup(above)] if above else []
    if not owns:
        source = _parameters(cells, task, schema, declared)
        before.append(_added("parameters", source, tags=[PARAMETERS_TAG]))
        before += _conversion(schema, declared)
    if below:
        before.append(_setup(below, number=2))
    if handing.taken:
        before.append(_added("load", added_cells.load(handing, handover)))
    after = []
    if handing.saves:
        after.append(_added("save", added_cells.save(task.name, handing, handover)))
    elif not own or own[-1]["metadata"].get("tags", []).count(PARAMETERS_TAG):
        # Ploomber refuses a notebook that ends with its parameters.
        after.append(_added("save", "# Nothing follows its parameters."))
    return _document([*before, *own, *after])


def published_cell(task_cell: Mapping[str, Any]) -> int | None:
    """Return the index, in the published notebook, of a cell of a task's notebook.

    None for a cell that was added, such as the one with the injected parameters.
    """
    galley = task_cell.get("metadata", {}).get("galley", {})
    index = galley.get("cell") if isinstance(galley, Mapping) else None
    return index if isinstance(index, int) else None


def _document(cells: list[dict[str, Any]], kernel: Mapping[str, Any] = KERNEL) -> str:
    language = {"name": kernel.get("language", "python")}
    document = {
        "cells": cells,
        "metadata": {"kernelspec": dict(kernel), "language_info": language},
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


def _split_own(cell: Cell, schema: ParameterSchema, declared: Collection[str]) -> dict[str, Any]:
    """Return an own cell; the parameters cell without the parameters of other tasks only.

    Only the first cell that is tagged ``parameters`` counts in the whole notebook, so it must in a
    task; the values that an earlier execution left in the notebook never count.
    """
    task_cell = _own(cell)
    if cell.type == "code" and cell.index == schema.cell:
        task_cell["source"] = parameter_source.without(cell, set(schema.properties) - set(declared))
    elif cell.type == "code":
        if INJECTED_TAG in cell.tags:
            task_cell["source"] = ""
        marks = {PARAMETERS_TAG, INJECTED_TAG}
        tags = [tag for tag in cell.tags if tag not in marks]
        if len(tags) != len(cell.tags):
            task_cell["metadata"]["tags"] = tags
    return task_cell


def _with_conversion(
    own: list[dict[str, Any]], schema: ParameterSchema, declared: Collection[str]
) -> list[dict[str, Any]]:
    """Return own cells with the conversion below the parameters cell, if it is among them."""
    place = next((at for at, one in enumerate(own) if published_cell(one) == schema.cell), None)
    if place is None or schema.cell is None:
        return own
    return [*own[: place + 1], *_conversion(schema, declared), *own[place + 1 :]]


def _conversion(schema: ParameterSchema, declared: Collection[str]) -> list[dict[str, Any]]:
    source = conversion_source(schema, declared)
    if not source:
        return []
    cell = _added("conversion", source)
    return [{**cell, "metadata": {"galley": {"added": "conversion"}}}]


def _setup(fragments: tuple[Fragment, ...], number: int = 1) -> dict[str, Any]:
    """Return a setup cell that notes which of its lines comes from which published cell."""
    source = added_cells.setup(fragments)
    starts = {
        source.count("\n", 0, source.index(fragment.source.strip("\n"))) + 1: fragment.cell
        for fragment in fragments
    }
    setup = _added("setup", source, number=number)
    setup["metadata"]["galley"]["lines"] = [[line, starts[line]] for line in sorted(starts)]
    return setup


def _parameters(
    cells: tuple[Cell, ...], task: PlannedTask, schema: ParameterSchema, declared: Collection[str]
) -> str:
    if not declared or schema.cell is None:
        return NO_PARAMETERS
    defined = {name for fragment in task.fragments for name in fragment.names}
    source = parameter_source.only(cells[schema.cell], declared, defined)
    above = parameter_source.from_above(source, cells[: schema.cell], defined)
    return f"{above}\n\n{source}" if above else source


def _added(
    role: str, source: str, *, tags: list[str] | None = None, number: int = 1
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"galley": {"role": role}}
    if tags:
        metadata["tags"] = tags
    return {
        "cell_type": "code",
        "id": role if number == 1 else f"{role}-{number}",
        "metadata": metadata,
        "source": source,
        "execution_count": None,
        "outputs": [],
    }
