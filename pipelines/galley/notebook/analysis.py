"""The whole reading of a notebook: what the publish dialog shows before anything runs.

Pure: nothing is imported or executed. Hostile source can still exhaust the reading process, so
a service calls :func:`galley.notebook.limited.analyse_limited` instead.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator, Mapping
from typing import Any

from galley.domain.documents import other_language
from galley.domain.parameters import ParameterSchema
from galley.domain.split import PlannedTask, SplitLayout, SplitPlan, SplitSource
from galley.domain.versions import Analysis, Check, Severity, TaskNode
from galley.errors import InvalidInput
from galley.notebook.dataflow import name_checks
from galley.notebook.file_uses import file_uses
from galley.notebook.hygiene import (
    cell_checks,
    module_checks,
    notebook_checks,
    other_cell_checks,
)
from galley.notebook.imports import resolve
from galley.notebook.installed import Installed
from galley.notebook.other_languages import read_parameters
from galley.notebook.parameters import inspect, rehearsal_parameters
from galley.notebook.requirements import requirement_checks, stated_or_none
from galley.notebook.secret_references import secret_references
from galley.notebook.source import Cell, read_cells, title_of
from galley.notebook.split import plan_split, read_through

_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


def task_name(slug: str) -> str:
    """Return the name of the task of an unsplit pipeline: an identifier made of its slug."""
    return slug.replace("-", "_")


def analyse(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    installed: Installed,
    *,
    task: str = "notebook",
    layout: SplitLayout | None = None,
) -> Analysis:
    """Return what reading a notebook tells.

    Args:
        notebook: nbformat 4 JSON.
        modules: path relative to the notebook's folder → source of each local module sent.
        installed: the environment that its imports are resolved against.
        task: name of the one task; a pipeline's is :func:`task_name` of its slug.
        layout: which cells form which task, as the author arranged them.

    Raises:
        InvalidInput: it is not a notebook, a module's path is not one, or the layout is not one of
            this notebook.
        RecursionError, MemoryError: on hostile source.
    """
    with _uncollected():
        return _read(notebook, modules, installed, task, layout)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no cycles of garbage: all that is made by reading lives until its end.

    It has to be gone when this ends, or the first look would go through all of it.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _read(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    installed: Installed,
    task: str,
    layout: SplitLayout | None,
) -> Analysis:
    cells = read_cells(notebook)
    language = other_language(notebook)
    if language is not None:
        return _unread(notebook, cells, task, language)
    parameters = inspect(cells)
    reading = read_through(cells, parameters.schema, modules)
    stated = stated_or_none(notebook)
    imports = resolve(cells, modules, installed, stated)
    used = {path: modules[path] for path in (*imports.modules.values(), *imports.scripts)}
    secrets = secret_references(notebook, cells, used)
    checks = (
        *notebook_checks(notebook, cells),
        *(check for cell in cells for check in cell_checks(cell)),
        *parameters.checks,
        *name_checks(cells, [step.statement for step in reading.steps]),
        *imports.checks,
        *module_checks(used),
        *requirement_checks(notebook),
        *secrets.checks,
        *_rehearsal_checks(notebook, parameters.schema),
    )
    return Analysis(
        title=title_of(cells),
        parameters=parameters.schema,
        proposed=parameters.proposed,
        checks=tuple(sorted(dict.fromkeys(checks), key=_rank)),
        tasks=(TaskNode(name=task, cells=_code_cells(cells)),),
        split=plan_split(
            cells, schema=parameters.schema, modules=modules, layout=layout, reading=reading
        ),
        files=file_uses(reading.steps),
        requirements=tuple(sorted(imports.requirements.values(), key=lambda one: one.name.lower())),
        stated=stated,
        modules=tuple(sorted(imports.modules)),
        missing_modules=tuple(imports.missing),
        scripts=tuple(sorted(imports.scripts)),
        missing_scripts=tuple(imports.missing_scripts),
        secrets=tuple(secrets.references),
    )


def _unread(
    notebook: dict[str, Any], cells: tuple[Cell, ...], task: str, language: str
) -> Analysis:
    """Return what is known of a notebook in another language: its cells are not understood."""
    nodes = _code_cells(cells)
    reason = f"its kernel speaks {language}: Galley reads only Python, and cannot tell where to cut"
    secrets = secret_references(notebook, (), {})
    parameters, unread = read_parameters(cells, language)
    checks = (
        *notebook_checks(notebook, cells),
        *(check for cell in cells for check in other_cell_checks(cell)),
        *unread,
        *secrets.checks,
        *_rehearsal_checks(notebook, parameters),
    )
    whole = PlannedTask(name=task, cells=tuple(cell.index for cell in cells)) if nodes else None
    return Analysis(
        title=title_of(cells),
        parameters=parameters,
        checks=tuple(sorted(dict.fromkeys(checks), key=_rank)),
        tasks=(TaskNode(name=task, cells=nodes),),
        split=whole and SplitPlan(source=SplitSource.NONE, tasks=(whole,), reason=reason),
        secrets=tuple(secrets.references),
    )


def _rank(check: Check) -> tuple[int, int, int]:
    cell = -1 if check.cell is None else check.cell
    return (_ORDER[check.severity], cell, check.line or 0)


def _code_cells(cells: tuple[Cell, ...]) -> tuple[int, ...]:
    return tuple(cell.index for cell in cells if cell.type == "code" and cell.source.strip())


def _rehearsal_checks(notebook: dict[str, Any], schema: ParameterSchema) -> Iterator[Check]:
    try:
        rehearsal_parameters(notebook, schema)
    except InvalidInput as error:
        yield Check(
            code="rehearsal-parameters",
            severity=Severity.ERROR,
            message=f"the notebook's rehearsal parameters: {error.detail}",
        )
