"""Reading the statements of a parameters cell: names, types, defaults and help."""

from __future__ import annotations

import ast
import io
import math
import tokenize
from typing import Any

from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.annotations import SCALARS, UnknownAnnotation, schema_of, schema_of_text
from galley.notebook.source import Cell
from galley.notebook.values import check_value, json_type

RESERVED = frozenset({"product", "upstream"})
"""Names that Ploomber passes to every notebook itself."""


class ParameterReader:
    """Reads the statements of one parameters cell.

    Attributes:
        properties: name → JSON schema of each parameter read so far.
        checks: what could not be read.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.comments = _comments(cell.source)
        self.properties: dict[str, dict[str, Any]] = {}
        self.checks: list[Check] = []

    def check(self, code: str, line: int, why: str, severity: Severity = Severity.WARNING) -> Check:
        """Return a finding about a line of the cell."""
        return Check(
            code=code,
            severity=severity,
            cell=self.cell.index,
            line=line,
            message=f"{self.cell.label} (parameters), line {line}: {why}",
        )

    def read(self, statement: ast.stmt) -> None:
        """Read one statement of the cell."""
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
