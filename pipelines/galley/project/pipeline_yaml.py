"""``pipeline.yaml``: the graph as Ploomber reads it, one task or several."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import yaml

from galley.domain.parameters import ParameterSchema
from galley.domain.split import SplitPlan
from galley.project.environment import environment_keys, placeholder
from galley.project.handing import Handing

_HEAD = "# Run it:  pip install -r requirements.lock && pip install ploomber && ploomber build\n"


def unsplit_pipeline(task: str, schema: ParameterSchema) -> str:
    """Return the pipeline of one task, which has all the parameters."""
    product = f"products/{task}.ipynb"
    return _pipeline([_task(task, product, schema, tuple(schema.properties))])


def split_pipeline(
    plan: SplitPlan,
    handed: Mapping[str, Handing],
    schema: ParameterSchema,
    declared: Mapping[str, Collection[str]],
) -> str:
    """Return the pipeline of a plan.

    Args:
        handed: task → what crosses its boundaries.
        declared: task → the parameters that it declares.
    """
    return _pipeline(
        [
            _task(
                task.name,
                _product(task.name, handed[task.name]),
                schema,
                declared[task.name],
                handed[task.name].upstream,
            )
            for task in plan.tasks
        ]
    )


def declared_parameters(plan: SplitPlan, schema: ParameterSchema) -> dict[str, tuple[str, ...]]:
    """Return task → the parameters that it declares, in the schema's order.

    One that no task uses stays with the task of the parameters cell, or with the first one: every
    parameter of a pipeline can be given to a run.
    """
    used = {name for task in plan.tasks for name in task.parameters}
    keeper = next(
        (task.name for task in plan.tasks if schema.cell in task.cells), plan.tasks[0].name
    )
    return {
        task.name: tuple(
            name
            for name in schema.properties
            if name in task.parameters or (name not in used and task.name == keeper)
        )
        for task in plan.tasks
    }


def _product(task: str, handing: Handing) -> Any:
    notebook = f"products/{task}.ipynb"
    return {"nb": notebook, "values": f"products/{task}"} if handing.saves else notebook


def _task(
    name: str,
    product: Any,
    schema: ParameterSchema,
    declared: Collection[str],
    upstream: tuple[str, ...] = (),
) -> dict[str, Any]:
    properties, keys = schema.properties, environment_keys(schema.properties)
    spec: dict[str, Any] = {
        "source": f"tasks/{name}.ipynb",
        "name": name,
        "product": product,
        "static_analysis": "disable",
    }
    if upstream:
        spec["upstream"] = list(upstream)
    return {**spec, "params": {one: placeholder(properties[one], keys[one]) for one in declared}}


def _pipeline(tasks: list[dict[str, Any]]) -> str:
    return _HEAD + dump({"meta": {"extract_upstream": False}, "tasks": tasks})


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice twice, instead of an anchor and an alias."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        """Never make an alias."""
        return True


def dump(document: dict[str, Any]) -> str:
    """Return a document as YAML, its keys in their order."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=1000, allow_unicode=True)
