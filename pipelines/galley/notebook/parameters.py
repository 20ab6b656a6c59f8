"""The typed parameters of a notebook, inferred from the cell tagged ``parameters``.

A parameter is a plain assignment of a literal, with or without a type hint; the comment at the
end of its line is its help::

    n_trees: int = 200          # trees in the forest
    kernel: Literal["rbf", "linear"] = "rbf"
    since: "date" = "2026-01-01"

What is not a literal is reported and left as it is, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.arguments import complete, parse_text, validate
from galley.notebook.parameter_cell import ParameterReader
from galley.notebook.source import PARAMETERS_TAG, Cell, galley_metadata, read_cells

__all__ = [
    "Inferred",
    "complete",
    "infer",
    "inspect",
    "parse_text",
    "rehearsal_parameters",
    "validate",
]


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
