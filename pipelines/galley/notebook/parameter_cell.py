"""Reading the statements of a parameters cell: names, types, defaults and help."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Mapping
from typing import Any

from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.annotations import SCALARS, UnknownAnnotation, schema_of, schema_of_text
from galley.notebook.conversions import KEYWORD, conversion_of
from galley.notebook.enums import EnumClass, spelled_out
from galley.notebook.literals import json_literal
from galley.notebook.source import Cell
from galley.notebook.values import check_value, json_type

RESERVED = frozenset({"product", "upstream"})
"""Names that Ploomber passes to every notebook itself."""


class ParameterReader:
    """Reads the statements of one parameters cell.

    Args:
        enums: the notebook's ``Enum`` classes, by name.

    Attributes:
        properties: name → JSON schema of each parameter read so far.
        checks: what could not be read.
    """

    def __init__(self, cell: Cell, enums: Mapping[str, EnumClass] | None = None) -> None:
        self.cell = cell
        self._enums = enums or {}
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
        elif not _is_harmless(statement) and not self._is_enum(statement):
            self._report(
                "not-a-parameter",
                statement,
                "this is not a plain `name = value` and makes no parameter",
            )

    def _is_enum(self, statement: ast.stmt) -> bool:
        return isinstance(statement, ast.ClassDef) and statement.name in self._enums

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
                default, inferred = self._default(name, value)
                schema = inferred if not schema or KEYWORD in inferred else schema
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

    def _default(self, name: str, value: ast.expr) -> tuple[Any, dict[str, Any]]:
        """Return the default as a run would be given it, and the schema it stands for.

        Raises:
            ValueError: it is no literal, and no object that can be made of one.
        """
        conversion = conversion_of(name, value, self._enums)
        if conversion is not None:
            return conversion.literal, {**conversion.schema, KEYWORD: conversion.expression}
        default = json_literal(value)
        return default, _schema_of_value(default)

    def _schema(
        self, name: str, at: ast.stmt, annotation: ast.expr | None, hint: str | None
    ) -> dict[str, Any]:
        try:
            if annotation is not None:
                schema = dict(schema_of(spelled_out(annotation, self._enums)))
                if isinstance(annotation, ast.Name) and annotation.id in self._enums:
                    schema["x-labels"] = list(self._enums[annotation.id].members)
                return schema
            return dict(schema_of_text(hint)) if hint else {}
        except UnknownAnnotation as unknown:
            why = (
                f"the type hint `{unknown}` of `{name}` is not one of int, float, bool, str, "
                "list[...], dict[str, ...], Literal[...], Optional[...], date, datetime, Path or "
                "an Enum class of this notebook; the type of the value is used instead"
            )
            self._report("unknown-type-hint", at, why)
            return {}

    def _comment(self, at: ast.stmt) -> tuple[str | None, str | None]:
        """Return the type hint and the help from the comments of a statement's lines.

        A comment that ends the line is its help; else the comment lines directly above it.
        """
        last = self.comments.get(at.end_lineno or at.lineno)
        text = last if last is not None else self.comments.get(at.lineno, "")
        hint = None
        if text.startswith("type:"):
            hint, _, text = text.removeprefix("type:").partition("#")
            hint = hint.strip()
        return hint, text.strip() or _above(self.cell.source, at.lineno) or None


_TITLE = re.compile(r"(?:parameters?|params?|settings?|config(?:uration)?|inputs?)\W*", re.I)
_DIRECTIVE = re.compile(r"type:|noqa|pylint:|ruff:|fmt:|isort:|mypy:|%%|\+|\|")


def _above(source: str, line: int) -> str:
    """Return the text of the comment lines directly above a line; empty where there is none.

    A title over several parameters, a directive and code that was commented out are no help.
    """
    lines = source.splitlines()[: line - 1]
    texts: list[str] = []
    while lines and lines[-1].startswith("#"):
        texts.insert(0, lines.pop().lstrip("#").strip())
    kept = [
        text
        for text in texts
        if text and not (_TITLE.fullmatch(text) or _DIRECTIVE.match(text) or _is_code(text))
    ]
    return " ".join(text for text in kept if text.strip("-=*~#"))


def _is_code(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return any(not isinstance(one, ast.Expr) or isinstance(one.value, ast.Call) for one in body)


def _is_harmless(statement: ast.stmt) -> bool:
    """Whether a statement is expected beside parameters: an import, a docstring, ``pass``."""
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


EXACT = 2**53
"""Up to here every whole number is a floating-point number too."""


def _schema_of_value(value: Any) -> dict[str, Any]:
    """Return the schema that an unannotated default stands for."""
    if value is None:
        return {}
    schema: dict[str, Any] = {"type": json_type(value)}
    if isinstance(value, list):
        kinds = {json_type(one) for one in value}
        if kinds == {"integer", "number"} and all(abs(one) <= EXACT for one in value):
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
