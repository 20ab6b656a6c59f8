"""The canonical manifest of a version: what its digest, and so every approval, covers.

It holds what decides a run's result and leaves out what a notebook's file carries along:
outputs, execution counts, cell ids, widget state, the viewer's settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from galley.domain.documents import sent_along
from galley.domain.split import SplitPlan
from galley.domain.versions import Analysis, digest_of
from galley.notebook.imports import imported_as
from galley.notebook.requirements import wanted_requirements
from galley.notebook.scripts import is_script
from galley.notebook.source import Cell, read_cells

FORMAT = 1


def manifest(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    analysis: Analysis,
    *,
    defaults: Mapping[str, Any],
    profile: str,
    datasets: Mapping[str, str],
    timeout_s: int,
    retries: int,
    cell_timeout_s: float | None = None,
    python: str = "",
    plan: SplitPlan | None = None,
    lock: str | None = None,
) -> dict[str, Any]:
    """Return the manifest of a version, in plain JSON.

    Args:
        defaults: value of each parameter that has one, after the publisher's changes.
        datasets: name → mode (``ro`` or ``rw``) of the tenant's datasets.
        cell_timeout_s: time limit of each cell; None leaves the manifest as it was before there
            were any.
        python: version of Python that the requirements are pinned for, such as ``3.11``.
        plan: the accepted split; None, or a plan of one task, leaves the manifest as it was
            before there were splits.
        lock: SHA-256 of the locked environment; None before the rehearsal has made it.
    """
    later: dict[str, Any] = {} if lock is None else {"lock": lock}
    if cell_timeout_s is not None:
        later["cell_timeout_s"] = cell_timeout_s
    if analysis.secrets:
        later["secrets"] = named_secrets(analysis)
    if plan is not None and plan.is_split:
        later["split"] = [task.model_dump(mode="json", exclude={"title"}) for task in plan.tasks]
    return {
        "format": FORMAT,
        "cells": [_cell(cell) for cell in read_cells(notebook)],
        "modules": dict(sorted(used_modules(modules, analysis).items())),
        "requirements": list(wanted_requirements(analysis)),
        "python": python,
        "parameters": analysis.parameters.json_schema(),
        "defaults": dict(defaults),
        "tasks": [task.model_dump(mode="json", exclude={"name"}) for task in analysis.tasks],
        "profile": profile,
        "datasets": dict(datasets),
        "timeout_s": timeout_s,
        "retries": retries,
        **later,
    }


def named_secrets(analysis: Analysis) -> list[dict[str, str]]:
    """Return the secrets that the notebook names, and the variables that shall hold them."""
    named = {(one.name, one.variable or "") for one in analysis.secrets}
    return [{"name": name, "variable": variable} for name, variable in sorted(named)]


def used_modules(modules: Mapping[str, str], analysis: Analysis) -> dict[str, str]:
    """Return path → source of what the notebook imports and runs, of the files sent."""
    return {path: sent_along(path, modules[path]) for path in used_paths(modules, analysis)}


def carried(files: Mapping[str, bytes], analysis: Analysis) -> dict[str, str]:
    """Return path → source of what the notebook imports and runs, of a project's files."""
    return {path: files[path].decode() for path in used_paths(files, analysis)}


def used_paths(paths: Iterable[str], analysis: Analysis) -> list[str]:
    """Return those of the paths that are of what the notebook imports and runs."""
    names, scripts = set(analysis.modules), set(analysis.scripts)
    return [
        path
        for path in paths
        if is_script(path) and (path in scripts or imported_as(path) in names)
    ]


def _cell(cell: Cell) -> dict[str, Any]:
    canonical: dict[str, Any] = {
        "type": cell.type,
        "source": cell.source.rstrip(),
        "tags": sorted(cell.tags),
    }
    if cell.attachments:
        canonical["attachments"] = {
            name: digest_of({"data": data}) for name, data in sorted(cell.attachments.items())
        }
    return canonical
