"""The typed parameters of a notebook, inferred from the cell tagged ``parameters``.

A parameter is a plain assignment of a literal, with or without a type hint; the comment at the
end of its line is its help::

    n_trees: int = 200          # trees in the forest
    kernel: Literal["rbf", "linear"] = "rbf"
    since: "date" = "2026-01-01"

What is not a literal is reported and left as it is, never guessed.
"""

from __future__ import annotations

import ast
import io
import math
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.annotations import SCALARS, UnknownAnnotation, schema_of, schema_of_text
from galley.notebook.source import PARAMETERS_TAG, Cell, galley_metadata, read_cells
from galley.notebook.values import check_value, json_type, text_to_value

RESERVED = frozenset({"product", "upstream"})
"""Names that Ploomber passes to every notebook itself."""


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
    reader = _Reader(cell)
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


def rehearsal_parameters(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the cheaper values that a notebook asks for in its rehearsal.

    They stand in the notebook's metadata: ``{"galley": {"rehearsal_parameters": {...}}}``.

    Raises:
        InvalidInput: they are not a mapping, or not valid for the notebook's parameters.
    """
    values = galley_metadata(notebook).get("rehearsal_parameters", {})
    if not isinstance(values, dict):
        raise InvalidInput(
            "metadata.galley.rehearsal_parameters is not a mapping of names to values",
            field="rehearsal_parameters",
        )
    return validate(infer(notebook), values)


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


class _Reader:
    """Reads the statements of one parameters cell."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.comments = _comments(cell.source)
        self.properties: dict[str, dict[str, Any]] = {}
        self.checks: list[Check] = []

    def check(self, code: str, line: int, why: str, severity: Severity = Severity.WARNING) -> Check:
        return Check(
            code=code,
            severity=severity,
            cell=self.cell.index,
            line=line,
            message=f"{self.cell.label} (parameters), line {line}: {why}",
        )

    def read(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            self._parameter(statement.target.id, statement, statement.annotation, statement.value)
        elif (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
        ):
            self._parameter(statement.targets[0].id, statement, None, statement.value)
        elif not _is_harmless(statement):
            self._report(
                "not-a-parameter",
                statement,
                "this is not a plain `name = value` and makes no parameter",
            )

    def _report(
        self, code: str, at: ast.AST, why: str, severity: Severity = Severity.WARNING
    ) -> None:
        self.checks.append(self.check(code, getattr(at, "lineno", 1), why, severity))

    def _parameter(
        self, name: str, at: ast.stmt, annotation: ast.expr | None, value: ast.expr | None
    ) -> None:
        if name in RESERVED:
            why = f"`{name}` is a name that Ploomber sets itself; rename the parameter"
            self._report("reserved-parameter", at, why, Severity.ERROR)
            return
        if name in self.properties:
            self._report("duplicate-parameter", at, f"`{name}` is set twice; the last one counts")
        hint, description = self._comment(at)
        schema = self._schema(name, at, annotation, hint)
        if value is not None:
            try:
                default = _literal(value)
                if not schema:
                    schema = _schema_of_value(default)
                schema = {**schema, "default": check_value(schema, default, path=name)}
            except ValueError as error:
                why = (
                    f"`{name}` is no parameter, because of its value: {error}; the notebook sets "
                    "it in every run"
                )
                self._report("non-literal-parameter", value, why)
                return
            except InvalidInput as error:
                self._report("parameter-type", value, error.detail, Severity.ERROR)
                return
        if description:
            schema["description"] = description
        self.properties[name] = schema

    def _schema(
        self, name: str, at: ast.stmt, annotation: ast.expr | None, hint: str | None
    ) -> dict[str, Any]:
        try:
            if annotation is not None:
                return dict(schema_of(annotation))
            return dict(schema_of_text(hint)) if hint else {}
        except UnknownAnnotation as unknown:
            why = (
                f"the type hint `{unknown}` of `{name}` is not one of int, float, bool, str, "
                "list[...], dict[str, ...], Literal[...], Optional[...], date, datetime; the type "
                "of the value is used instead"
            )
            self._report("unknown-type-hint", at, why)
            return {}

    def _comment(self, at: ast.stmt) -> tuple[str | None, str | None]:
        """Return the type hint and the help from the comments of a statement's lines."""
        last = self.comments.get(at.end_lineno or at.lineno)
        text = last if last is not None else self.comments.get(at.lineno, "")
        hint = None
        if text.startswith("type:"):
            hint, _, text = text.removeprefix("type:").partition("#")
            hint = hint.strip()
        return hint, text.strip() or None


def _is_harmless(statement: ast.stmt) -> bool:
    """Whether a statement is expected beside parameters: an import, a docstring, ``pass``."""
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal that JSON can carry.

    Raises:
        ValueError: it is not a literal, or holds what JSON lacks: a tuple, a set, infinity.
    """
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ValueError("it is not a literal") from error
    _check_json(value)
    return value


def _check_json(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    if isinstance(value, tuple | set | bytes | complex) or value is ...:
        raise ValueError(f"{type(value).__name__} cannot be passed to a run (a list can)")
    if isinstance(value, list):
        for one in value:
            _check_json(one)
    if isinstance(value, dict):
        if other := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"its key {other[0]!r} is not text")
        for one in value.values():
            _check_json(one)


def _schema_of_value(value: Any) -> dict[str, Any]:
    """Return the schema that an unannotated default stands for."""
    if value is None:
        return {}
    schema: dict[str, Any] = {"type": json_type(value)}
    if isinstance(value, list):
        kinds = {json_type(one) for one in value}
        if kinds == {"integer", "number"}:
            kinds = {"number"}
        if len(kinds) == 1 and kinds <= set(SCALARS.values()):
            schema["items"] = {"type": kinds.pop()}
    return schema


def _comments(source: str) -> dict[int, str]:
    """Return line → text of the comment that ends it; lines that are only a comment stay out."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        return found
    return found
