"""Makes a plain Ploomber project of a notebook: files as path → content.

::

    pipeline.yaml       the graph; products go to products/
    env.yaml            the parameters' values
    tasks/NAME.ipynb    the notebook, without outputs
    requirements.lock   what it imports, at exact versions
    galley.yaml         where it comes from and what it was approved with
    helpers.py, …       the local modules it imports, beside pipeline.yaml
    handover.py         where it is split: hands variables from task to task

``ploomber build`` in that folder runs it, wherever Ploomber and the requirements are installed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from galley import inside
from galley.domain.model import Model
from galley.domain.slugs import check_slug
from galley.domain.split import SplitPlan
from galley.domain.versions import Analysis
from galley.errors import InvalidInput
from galley.notebook.analysis import task_name
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.parameters import validate
from galley.notebook.source import read_cells
from galley.project.environment import environment_keys, environment_yaml, placeholder
from galley.project.handing import handings
from galley.project.manifest import FORMAT, used_modules
from galley.project.task_notebook import (
    handover_name,
    published_cell,
    split_notebook,
    unsplit_notebook,
)

__all__ = ["ProjectFacts", "build_project", "published_cell"]

HANDOVER = Path(inside.__file__).parent / "handover.py"
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
) -> dict[str, bytes]:
    """Return the files of the project, path → content; the same input gives the same bytes.

    Args:
        notebook: nbformat 4 JSON; its outputs are left out.
        modules: path → source; those that ``analysis`` found imported are taken.
        defaults: values that replace the notebook's own defaults.
        plan: the tasks; None, or a plan of one task, makes one task of the notebook as it is.

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
    if plan is not None and plan.is_split:
        tasks = _split_tasks(notebook, modules, analysis, plan)
        graph = _split_graph(analysis, plan)
    else:
        name = task_name(slug)
        tasks = {f"tasks/{name}.ipynb": unsplit_notebook(read_cells(notebook))}
        graph = [_task(name, f"products/{name}.ipynb", analysis, analysis.parameters.properties)]
        plan = None
    nodes = _nodes(task_name(slug), analysis, plan)
    files = {
        "pipeline.yaml": _pipeline(graph),
        "env.yaml": environment_yaml(schema, values),
        **tasks,
        "requirements.lock": _requirements(analysis),
        "galley.yaml": _galley(slug, tenant, nodes, values, analysis, facts or ProjectFacts()),
        **used_modules(modules, analysis),
    }
    return {path: text.encode() for path, text in sorted(files.items())}


def _nodes(name: str, analysis: Analysis, plan: SplitPlan | None) -> list[dict[str, Any]]:
    if plan is None:
        return [
            {"name": name, "upstream": [], "cells": list(node.cells)} for node in analysis.tasks
        ]
    return [
        {"name": task.name, "upstream": list(task.upstream), "cells": list(task.cells)}
        for task in plan.tasks
    ]


def _handover(notebook: dict[str, Any], modules: Mapping[str, str]) -> str:
    sources = (cell.source for cell in read_cells(notebook))
    return handover_name([*sources, *modules, *modules.values()])


def _declared(analysis: Analysis, plan: SplitPlan) -> dict[str, tuple[str, ...]]:
    """Return task → the parameters that it declares; those that no task uses go to the first."""
    used = {name for task in plan.tasks for name in task.parameters}
    declared = {}
    for number, task in enumerate(plan.tasks):
        declared[task.name] = tuple(
            name
            for name in analysis.parameters.properties
            if name in task.parameters or (number == 0 and name not in used)
        )
    return declared


def _split_tasks(
    notebook: dict[str, Any], modules: Mapping[str, str], analysis: Analysis, plan: SplitPlan
) -> dict[str, str]:
    cells = read_cells(notebook)
    handover = _handover(notebook, modules)
    declared, handed = _declared(analysis, plan), handings(plan)
    files = {
        f"tasks/{task.name}.ipynb": split_notebook(
            cells,
            task,
            handed[task.name],
            parameters=declared[task.name],
            parameter_cell=analysis.parameters.cell,
            handover=handover,
        )
        for task in plan.tasks
    }
    return {**files, f"{handover}.py": HANDOVER.read_text(encoding="utf-8")}


def _split_graph(analysis: Analysis, plan: SplitPlan) -> list[dict[str, Any]]:
    declared, handed = _declared(analysis, plan), handings(plan)
    graph = []
    for task in plan.tasks:
        product: Any = f"products/{task.name}.ipynb"
        if handed[task.name].saves:
            product = {"nb": product, "values": f"products/{task.name}"}
        spec = _task(task.name, product, analysis, declared[task.name])
        graph.append({**spec, "upstream": list(task.upstream)} if task.upstream else spec)
    return graph


def _task(name: str, product: Any, analysis: Analysis, declared: Iterable[str]) -> dict[str, Any]:
    properties = analysis.parameters.properties
    keys = environment_keys(properties)
    return {
        "source": f"tasks/{name}.ipynb",
        "name": name,
        "product": product,
        "static_analysis": "disable",
        "params": {one: placeholder(properties[one], keys[one]) for one in declared},
    }


def _pipeline(graph: list[dict[str, Any]]) -> str:
    document = {"meta": {"extract_upstream": False}, "tasks": graph}
    head = "# Run it:  pip install ploomber -r requirements.lock && ploomber build\n"
    return head + _yaml(document)


def _requirements(analysis: Analysis) -> str:
    lines = ["# What the notebook and its modules import, at the versions it was rehearsed with."]
    lines += [f"{one.name}=={one.version}" for one in analysis.requirements]
    return "\n".join(lines) + "\n"


def _galley(
    slug: str,
    tenant: str,
    tasks: list[dict[str, Any]],
    values: Mapping[str, Any],
    analysis: Analysis,
    facts: ProjectFacts,
) -> str:
    document = {
        "format": FORMAT,
        "tenant": tenant,
        "pipeline": slug,
        **facts.model_dump(exclude_none=True),
        "tasks": tasks,
        "parameters": analysis.parameters.json_schema(),
        "defaults": dict(values),
        "modules": list(analysis.modules),
    }
    return _yaml(document)


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice, instead of an anchor and an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Never make an alias."""
        return True


def _yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
