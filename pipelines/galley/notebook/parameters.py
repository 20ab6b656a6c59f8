"""The typed parameters of a notebook, inferred from the cell tagged ``parameters``.

A parameter is a plain assignment of a literal, with or without a type hint; the comment at the
end of its line is its help::

    n_trees: int = 200          # trees in the forest
    kernel: Literal["rbf", "linear"] = "rbf"
    since: "date" = "2026-01-01"

A date, a path and a member of an enum count by the literal that they are made of
(:mod:`galley.notebook.conversions`); what else is not a literal is reported and left as it is,
never guessed. Ranges and choices come from the notebook's widgets as well
(:mod:`galley.notebook.widgets`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.arguments import complete, parse_text, validate
from galley.notebook.enrich import enriched
from galley.notebook.enums import read_enums
from galley.notebook.parameter_cell import ParameterReader
from galley.notebook.proposals import propose
from galley.notebook.source import PARAMETERS_TAG, Cell, galley_metadata, read_cells
from galley.notebook.widgets import read_widgets

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
    """The schema and what could not be read.

    Attributes:
        proposed: what could be parameters where no cell is tagged; None where one is, or nothing.
    """

    schema: ParameterSchema
    checks: tuple[Check, ...]
    proposed: ParameterSchema | None = None


def infer(notebook: dict[str, Any]) -> ParameterSchema:
    """Return the parameter schema of a notebook; empty without a ``parameters`` cell."""
    return inspect(read_cells(notebook)).schema


def inspect(cells: tuple[Cell, ...]) -> Inferred:
    """Return the parameter schema of a notebook's cells, with the checks about it."""
    tagged = [cell for cell in cells if PARAMETERS_TAG in cell.tags and cell.type == "code"]
    if not tagged:
        return _untagged(cells)
    cell = tagged[0]
    reader = ParameterReader(cell, read_enums(cells[: cell.index + 1]))
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
    schema, contradictions = _schema(reader, cells)
    return Inferred(schema, (*checks, *reader.checks, *contradictions))


def _schema(
    reader: ParameterReader, cells: tuple[Cell, ...]
) -> tuple[ParameterSchema, list[Check]]:
    properties, contradictions = enriched(reader.properties, read_widgets(cells))
    schema = ParameterSchema(
        properties=properties,
        required=tuple(name for name, one in properties.items() if "default" not in one),
        cell=reader.cell.index,
    )
    return schema, contradictions


def _untagged(cells: tuple[Cell, ...]) -> Inferred:
    """Return what a notebook without a parameters cell could have as parameters."""
    checks = [
        Check(
            code="no-parameters",
            severity=Severity.INFO,
            message="no cell is tagged `parameters`: every run uses the same values",
        )
    ]
    proposal = propose(cells)
    if proposal is None:
        return Inferred(ParameterSchema(), tuple(checks))
    proposed, _ = _schema(proposal.reader, cells)
    cell = proposal.reader.cell
    names = ", ".join(f"`{name}`" for name in proposed.properties)
    how = (
        "tag the cell `parameters`"
        if proposal.alone
        else "move them to a cell of their own above and tag it `parameters`"
    )
    checks.append(
        Check(
            code="proposed-parameters",
            severity=Severity.INFO,
            cell=cell.index,
            message=f"{cell.label} sets {names}, which could be parameters: {how}",
        )
    )
    if not proposal.alone:
        proposed = proposed.model_copy(update={"cell": None})
    return Inferred(ParameterSchema(), tuple(checks), proposed)


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
