"""Makes a plain Ploomber project of a notebook: files as path → content.

::

    pipeline.yaml       the graph; products go to products/
    env.yaml            the parameters' values
    tasks/NAME.ipynb    the notebook, or the part of it that is this task, without outputs
    requirements.lock   what it needs: all of it with hashes, once a rehearsal has locked it
    galley.yaml         where it comes from and what it was approved with
    helpers.py, …       the local modules it imports and the files it runs, beside pipeline.yaml
    handover.py         of a split notebook: hands variables from task to task

``ploomber build`` in that folder runs it, wherever Ploomber and the requirements are installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from galley import inside
from galley.domain.model import Model
from galley.domain.slugs import check_slug
from galley.domain.split import SplitPlan
from galley.domain.versions import Analysis, TaskNode
from galley.errors import InvalidInput
from galley.notebook.analysis import task_name
from galley.notebook.other_languages import kernel_of
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.parameters import validate
from galley.notebook.requirements import wanted_text
from galley.notebook.source import Cell, read_cells
from galley.project.added_cells import handover_name
from galley.project.environment import environment_yaml
from galley.project.handing import handings
from galley.project.manifest import FORMAT, named_secrets, used_modules
from galley.project.pipeline_yaml import (
    declared_parameters,
    dump,
    split_pipeline,
    unsplit_pipeline,
)
from galley.project.task_notebook import published_cell, split_notebook, unsplit_notebook

__all__ = ["ProjectFacts", "build_project", "published_cell"]

HANDOVER = Path(inside.__file__).with_name("handover.py")
"""The module that a split project carries."""


class ProjectFacts(Model):
    """What ``galley.yaml`` says beside the pipeline itself; nothing of it is needed to build."""

    version: int | None = None
    digest: str | None = None
    name: str = ""
    description: str = ""
    author: str | None = None
    profile: str | None = None
    datasets: dict[str, str] = Field(default_factory=dict)
    timeout_s: int | None = None
    cell_timeout_s: float | None = None
    retries: int | None = None


def build_project(
    notebook: dict[str, Any],
    modules: Mapping[str, str],
    analysis: Analysis,
    *,
    slug: str,
    tenant: str,
    defaults: Mapping[str, Any] | None = None,
    facts: ProjectFacts | None = None,
    plan: SplitPlan | None = None,
    lock: str | None = None,
) -> dict[str, bytes]:
    """Return the files of the project, path → content; the same input gives the same bytes.

    Args:
        notebook: nbformat 4 JSON; its outputs are left out.
        modules: path → source; those that ``analysis`` found imported are taken.
        defaults: values that replace the notebook's own defaults.
        plan: the tasks; None, or a plan of one task, leaves the notebook in one piece.
        lock: text of ``requirements.lock``; None: what is wanted, not locked yet.

    Raises:
        InvalidInput: a parameter's name is reserved, or a default is not valid.
    """
    check_slug(slug, field="slug")
    schema = analysis.parameters
    if reserved := RESERVED & set(schema.properties):
        raise InvalidInput(
            f"a parameter cannot be called {min(reserved)!r}: Ploomber sets "
            f"{' and '.join(sorted(RESERVED))} itself; rename it in the notebook",
            field=f"parameters.{min(reserved)}",
        )
    values = {**schema.defaults(), **validate(schema, defaults or {})}
    carried = used_modules(modules, analysis)
    cells, name = read_cells(notebook), task_name(slug)
    if plan is not None and plan.is_split:
        graph = _split(cells, analysis, plan, carried)
        nodes = [
            TaskNode(name=task.name, upstream=task.upstream, cells=task.cells)
            for task in plan.tasks
        ]
    else:
        graph = {
            "pipeline.yaml": unsplit_pipeline(name, schema),
            f"tasks/{name}.ipynb": unsplit_notebook(cells, schema, kernel_of(notebook)),
        }
        nodes = [TaskNode(name=name, cells=node.cells) for node in analysis.tasks]
    own = {*graph, "env.yaml", "requirements.lock", "galley.yaml"}
    for path in sorted(carried):
        made = path.startswith("products/") and path.endswith(".ipynb")
        if made or own & {path, *map(str, PurePosixPath(path).parents)}:
            raise InvalidInput(
                f"the notebook runs {path!r}, and the project has something of its own there; "
                "rename the notebook that is run, or its folder",
                field="modules",
            )
    files = {
        **graph,
        "env.yaml": environment_yaml(schema, values),
        "requirements.lock": wanted_text(analysis) if lock is None else lock,
        "galley.yaml": _galley(slug, tenant, nodes, values, analysis, facts or ProjectFacts()),
        **carried,
    }
    return {path: text.encode() for path, text in sorted(files.items())}


def _split(
    cells: tuple[Cell, ...], analysis: Analysis, plan: SplitPlan, modules: Mapping[str, str]
) -> dict[str, str]:
    schema = analysis.parameters
    code = (cell.source for cell in cells if cell.type == "code")
    handover = handover_name([*code, *modules, *modules.values()])
    handed, declared = handings(plan), declared_parameters(plan, schema)
    files = {
        f"tasks/{task.name}.ipynb": split_notebook(
            cells,
            task,
            handed[task.name],
            schema=schema,
            declared=declared[task.name],
            handover=handover,
        )
        for task in plan.tasks
    }
    return {
        "pipeline.yaml": split_pipeline(plan, handed, schema, declared),
        **files,
        f"{handover}.py": HANDOVER.read_text(encoding="utf-8"),
    }


def _galley(
    slug: str,
    tenant: str,
    tasks: list[TaskNode],
    values: Mapping[str, Any],
    analysis: Analysis,
    facts: ProjectFacts,
) -> str:
    document = {
        "format": FORMAT,
        "tenant": tenant,
        "pipeline": slug,
        **facts.model_dump(exclude_none=True),
        "tasks": [
            {"name": task.name, "upstream": list(task.upstream), "cells": list(task.cells)}
            for task in tasks
        ],
        "parameters": analysis.parameters.json_schema(),
        "defaults": dict(values),
        "modules": list(analysis.modules),
        **({"secrets": named_secrets(analysis)} if analysis.secrets else {}),
    }
    return dump(document)
