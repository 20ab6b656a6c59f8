"""Makes a plain Ploomber project of a notebook: files as path → content.

::

    pipeline.yaml       the graph; products go to products/
    env.yaml            the parameters' values
    tasks/NAME.ipynb    the notebook, without outputs
    requirements.lock   what it imports, at exact versions
    galley.yaml         where it comes from and what it was approved with
    helpers.py, …       the local modules it imports, beside pipeline.yaml

``ploomber build`` in that folder runs it, wherever Ploomber and the requirements are installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import Field

from galley.domain.model import Model
from galley.domain.slugs import check_slug
from galley.domain.versions import Analysis
from galley.errors import InvalidInput
from galley.notebook.analysis import task_name
from galley.notebook.parameter_cell import RESERVED
from galley.notebook.parameters import validate
from galley.notebook.source import Cell, read_cells
from galley.project.environment import environment_keys, environment_yaml, placeholder
from galley.project.manifest import FORMAT, used_modules

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_KEPT_METADATA = frozenset({"tags", "jupyter", "slideshow", "editable", "deletable"})


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
) -> dict[str, bytes]:
    """Return the files of the project, path → content; the same input gives the same bytes.

    Args:
        notebook: nbformat 4 JSON; its outputs are left out.
        modules: path → source; those that ``analysis`` found imported are taken.
        defaults: values that replace the notebook's own defaults.

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
    task = task_name(slug)
    files = {
        "pipeline.yaml": _pipeline(task, analysis),
        "env.yaml": environment_yaml(schema, values),
        f"tasks/{task}.ipynb": _task_notebook(notebook),
        "requirements.lock": _requirements(analysis),
        "galley.yaml": _galley(slug, tenant, task, values, analysis, facts or ProjectFacts()),
        **used_modules(modules, analysis),
    }
    return {path: text.encode() for path, text in sorted(files.items())}


def _pipeline(task: str, analysis: Analysis) -> str:
    properties = analysis.parameters.properties
    keys = environment_keys(properties)
    spec: dict[str, Any] = {
        "source": f"tasks/{task}.ipynb",
        "name": task,
        "product": f"products/{task}.ipynb",
        "static_analysis": "disable",
        "params": {name: placeholder(properties[name], key) for name, key in keys.items()},
    }
    document = {"meta": {"extract_upstream": False}, "tasks": [spec]}
    head = "# Run it:  pip install ploomber -r requirements.lock && ploomber build\n"
    return head + _yaml(document)


def _task_notebook(notebook: dict[str, Any]) -> str:
    document = {
        "cells": [_task_cell(cell) for cell in read_cells(notebook)],
        "metadata": {"kernelspec": KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _task_cell(cell: Cell) -> dict[str, Any]:
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


def published_cell(task_cell: Mapping[str, Any]) -> int | None:
    """Return the index, in the published notebook, of a cell of a task's notebook.

    None for a cell that was added, such as the one with the injected parameters.
    """
    galley = task_cell.get("metadata", {}).get("galley", {})
    index = galley.get("cell") if isinstance(galley, Mapping) else None
    return index if isinstance(index, int) else None


def _requirements(analysis: Analysis) -> str:
    lines = ["# What the notebook and its modules import, at the versions it was rehearsed with."]
    lines += [f"{one.name}=={one.version}" for one in analysis.requirements]
    return "\n".join(lines) + "\n"


def _galley(
    slug: str,
    tenant: str,
    task: str,
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
            {"name": task, "upstream": [], "cells": list(node.cells)} for node in analysis.tasks
        ],
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
