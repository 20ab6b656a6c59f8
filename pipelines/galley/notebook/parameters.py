"""The typed parameters of a notebook, inferred from the cell tagged ``parameters``.

A parameter is a plain assignment of a literal, with or without a type hint; the comment at the
end of its line is its help::

    n_trees: int = 200          # trees in the forest
    kernel: Literal["rbf", "linear"] = "rbf"
    since: "date" = "2026-01-01"

What is not a literal is reported and left as it is, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.parameter_cell import ParameterReader
from galley.notebook.source import PARAMETERS_TAG, Cell, galley_metadata, read_cells
from galley.notebook.values import check_value, text_to_value


@dataclass(frozen=True)
class Inferred:
    """The schema and what could not be read."""

    schema: ParameterSchema
    checks: tuple[Check, ...]


def infer(notebook: dict[str, Any]) -> ParameterSchema:
    """Return the parameter schema of a notebook; empty without a ``parameters`` cell."""
    return inspect(read_cells(notebook)).schema


def inspect(cells: tuple[Cell, ...]) -> Inferred:
    """Return the parameter schema of a notebook's cells, with the checks about it."""
    tagged = [cell for cell in cells if PARAMETERS_TAG in cell.tags and cell.type == "code"]
    if not tagged:
        return Inferred(
            ParameterSchema(),
            (
                Check(
                    code="no-parameters",
                    severity=Severity.INFO,
                    message="no cell is tagged `parameters`: every run uses the same values",
                ),
            ),
        )
    cell = tagged[0]
    reader = ParameterReader(cell)
    checks = [
        Check(
            code="many-parameter-cells",
            severity=Severity.WARNING,
            cell=other.index,
            message=f"{other.label} is tagged `parameters` too: only {cell.label}, the first, "
            "is used",
        )
        for other in tagged[1:]
    ]
    if not any(later.source.strip() for later in cells[cell.index + 1 :]):
        checks.append(reader.check("parameters-last", 1, "nothing runs after it", Severity.ERROR))
    if cell.code.tree is not None:
        for statement in cell.code.tree.body:
            reader.read(statement)
    properties = reader.properties
    return Inferred(
        ParameterSchema(
            properties=properties,
            required=tuple(name for name, one in properties.items() if "default" not in one),
            cell=cell.index,
        ),
        (*checks, *reader.checks),
    )


def rehearsal_parameters(
    notebook: dict[str, Any], schema: ParameterSchema | None = None
) -> dict[str, Any]:
    """Return the cheaper values that a notebook asks for in its rehearsal.

    They stand in the notebook's metadata: ``{"galley": {"rehearsal_parameters": {...}}}``.

    Args:
        schema: of the notebook's parameters, where it is known; else its source is read.

    Raises:
        InvalidInput: they are not a mapping, or not valid for the notebook's parameters.
    """
    values = galley_metadata(notebook).get("rehearsal_parameters", {})
    if not isinstance(values, dict):
        raise InvalidInput(
            "metadata.galley.rehearsal_parameters is not a mapping of names to values",
            field="rehearsal_parameters",
        )
    return validate(schema or infer(notebook), values)


def validate(schema: ParameterSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` checked and typed; parameters that are not given stay out.

    Raises:
        InvalidInput: an unknown name or an ill-typed value; ``field`` is ``parameters.NAME``.
    """
    return {
        name: check_value(_property(schema, name), value, path=f"parameters.{name}")
        for name, value in values.items()
    }


def complete(schema: ParameterSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every parameter: ``values`` over the defaults, in schema order.

    Raises:
        InvalidInput: as :func:`validate`; also a parameter without value or default.
    """
    merged = {**schema.defaults(), **validate(schema, values)}
    for name in schema.required:
        if name not in merged:
            raise InvalidInput(
                f"parameter {name!r} has no default: give it a value", field=f"parameters.{name}"
            )
    return {name: merged[name] for name in schema.properties if name in merged}


def parse_text(schema: ParameterSchema, name: str, text: str) -> Any:
    """Return the typed value of ``NAME=TEXT`` from a command line.

    Raises:
        InvalidInput: as :func:`validate`.
    """
    path = f"parameters.{name}"
    one = _property(schema, name)
    return check_value(one, text_to_value(one, text, path=path), path=path)


def _property(schema: ParameterSchema, name: str) -> dict[str, Any]:
    if name in schema.properties:
        return schema.properties[name]
    allowed = ", ".join(schema.properties) or "none; no cell is tagged `parameters`"
    raise InvalidInput(
        f"{name!r} is not a parameter of this notebook; its parameters: {allowed}",
        field=f"parameters.{name}",
    )
