"""Parameters whose default is an object: a date, a path, a member of an enum.

A run injects literals (papermill writes text, numbers, lists and mappings), never objects. So such
a parameter is text or a number to people and to the schema, and a line after the injected values
makes of it what the notebook expects: ``since = date.fromisoformat(since)``.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.notebook.enums import EnumClass

KEYWORD = "x-python"
"""Keyword of a parameter's schema: the expression that makes the object of the parameter's name."""

R_KEYWORD, JULIA_KEYWORD = "x-r", "x-julia"
"""The same in R and Julia, where papermill writes ``1`` for a number of either kind."""

_MOMENTS: dict[str, tuple[Any, str]] = {
    "date": (date, "date"),
    "datetime": (datetime, "date-time"),
    "time": (time, "time"),
}
_PATHS = frozenset({"Path", "PurePath", "PosixPath", "PurePosixPath"})


@dataclass(frozen=True)
class Conversion:
    """How a parameter's object is written as a literal, and made of it again.

    Attributes:
        literal: the default, as a run would be given it.
        expression: Python that makes the object of the parameter, whichever of both it holds.
        schema: what the literal may be.
    """

    literal: Any
    expression: str
    schema: dict[str, Any]


def conversion_of(name: str, value: ast.expr, enums: Mapping[str, EnumClass]) -> Conversion | None:
    """Return how the object that ``value`` makes is converted; None where that is not known."""
    if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
        kind = value.value.id
        if kind not in enums or value.attr not in enums[kind].members:
            return None
        members = enums[kind].members
        schema = {
            "type": "string" if isinstance(members[value.attr], str) else "integer",
            "enum": list(members.values()),
            "x-labels": list(members),
        }
        return Conversion(members[value.attr], f"{kind}({name})", schema)
    if not isinstance(value, ast.Call) or value.keywords or not _is_dotted(value.func):
        return None
    try:
        given = [ast.literal_eval(one) for one in value.args]
    except ValueError:
        return None
    made = ast.unparse(value.func)
    return _path(name, made, given) or _moment(name, made, given)


def conversion_source(schema: ParameterSchema, names: Collection[str]) -> str:
    """Return the lines that follow the injected values of ``names``; empty where none is needed."""
    lines = [
        f"{name} = {one[keyword]}"
        for name, one in schema.properties.items()
        for keyword in (KEYWORD, R_KEYWORD, JULIA_KEYWORD)
        if name in names and keyword in one
    ]
    return "\n".join(["# A run sets these as text or numbers.", *lines]) if lines else ""


def _path(name: str, made: str, given: list[Any]) -> Conversion | None:
    if made.rpartition(".")[2] not in _PATHS or not all(isinstance(one, str) for one in given):
        return None
    text = "/".join(given) or "."
    return Conversion(text, f"{made}({name})", {"type": "string", "format": "path"})


def _moment(name: str, made: str, given: list[Any]) -> Conversion | None:
    kind, format_ = _MOMENTS.get(made.rpartition(".")[2], (None, ""))
    if kind is None:
        return None
    try:
        text = kind(*given).isoformat()
    except (TypeError, ValueError):
        return None
    expression = f"{made}.fromisoformat({name}) if isinstance({name}, str) else {name}"
    return Conversion(text, expression, {"type": "string", "format": format_})


def _is_dotted(node: ast.expr) -> bool:
    """Whether this is a name or attributes of one: evaluating it again does nothing."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)
