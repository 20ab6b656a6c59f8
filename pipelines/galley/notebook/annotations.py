"""Type hints of parameters as JSON schema, read as syntax: nothing is imported or evaluated."""

from __future__ import annotations

import ast
from typing import Any

SCALARS = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}
_FORMATS = {
    "date": "date",
    "datetime": "date-time",
    "time": "time",
    **dict.fromkeys(("Path", "PosixPath", "PurePath", "PurePosixPath", "PathLike"), "path"),
}
_ARRAYS = frozenset({"list", "List", "Sequence"})
_OBJECTS = frozenset({"dict", "Dict", "Mapping"})
_LIMITS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
}


class UnknownAnnotation(ValueError):
    """A type hint that has no JSON schema; the text is the hint as written."""


def schema_of(node: ast.expr) -> dict[str, Any]:
    """Return the JSON schema of a type hint.

    Raises:
        UnknownAnnotation: the hint is none of the supported ones.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return schema_of_text(node.value)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right], node)
    if isinstance(node, ast.Constant) and node.value is None:
        return {"type": "null"}
    if isinstance(node, ast.Subscript):
        return _subscript(node)
    name = _name(node)
    if name in SCALARS:
        return {"type": SCALARS[name]}
    if name in _FORMATS:
        return {"type": "string", "format": _FORMATS[name]}
    if name in _ARRAYS:
        return {"type": "array"}
    if name in _OBJECTS:
        return {"type": "object"}
    if name == "Any":
        return {}
    raise UnknownAnnotation(ast.unparse(node))


def schema_of_text(text: str) -> dict[str, Any]:
    """Return the JSON schema of a type hint written as text (``"list[int]"``)."""
    try:
        return schema_of(ast.parse(text.strip(), mode="eval").body)
    except SyntaxError as error:
        raise UnknownAnnotation(text.strip()) from error


def _name(node: ast.expr) -> str | None:
    """Return the last part of ``int``, ``typing.List``, ``datetime.date``."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _arguments(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def _subscript(node: ast.Subscript) -> dict[str, Any]:
    name, arguments = _name(node.value), _arguments(node)
    if name == "Optional" and len(arguments) == 1:
        return _nullable(schema_of(arguments[0]))
    if name == "Union":
        return _union(arguments, node)
    if name == "Literal":
        return _literal(arguments, node)
    if name == "Annotated":
        return _annotated(arguments)
    if name in _ARRAYS and len(arguments) == 1:
        return {"type": "array", "items": schema_of(arguments[0])}
    if name in _OBJECTS and len(arguments) == 2 and _name(arguments[0]) == "str":
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    raise UnknownAnnotation(ast.unparse(node))


def _union(members: list[ast.expr], whole: ast.expr) -> dict[str, Any]:
    schemas = [schema_of(member) for member in members]
    others = [schema for schema in schemas if schema != {"type": "null"}]
    types = [schema.get("type") for schema in others]
    if len(others) == 1:
        return _nullable(others[0]) if len(others) < len(schemas) else others[0]
    if set(types) == {"integer", "number"} and all(len(schema) == 1 for schema in others):
        number = {"type": "number"}
        return _nullable(number) if len(others) < len(schemas) else number
    raise UnknownAnnotation(ast.unparse(whole))


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" not in schema or schema["type"] == "null":
        return schema
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable = {**schema, "type": [*(kind for kind in kinds if kind != "null"), "null"]}
    if "enum" in schema and None not in schema["enum"]:
        nullable["enum"] = [*schema["enum"], None]
    return nullable


def _literal(arguments: list[ast.expr], whole: ast.expr) -> dict[str, Any]:
    try:
        values = [ast.literal_eval(argument) for argument in arguments]
    except ValueError as error:
        raise UnknownAnnotation(ast.unparse(whole)) from error
    kinds = {SCALARS.get(type(value).__name__) for value in values if value is not None}
    if len(kinds) != 1 or None in kinds:
        raise UnknownAnnotation(ast.unparse(whole))
    schema: dict[str, Any] = {
        "type": kinds.pop(),
        "enum": [value for value in values if value is not None],
    }
    return _nullable(schema) if None in values else schema


def _annotated(arguments: list[ast.expr]) -> dict[str, Any]:
    """Read ``Annotated[T, "help", Field(ge=0), Le(1)]``: a help text and limits."""
    schema = dict(schema_of(arguments[0]))
    for extra in arguments[1:]:
        if isinstance(extra, ast.Constant) and isinstance(extra.value, str):
            schema["description"] = extra.value
        if isinstance(extra, ast.Call):
            named = {keyword.arg: keyword.value for keyword in extra.keywords if keyword.arg}
            short = (_name(extra.func) or "").lower()
            if short in _LIMITS and len(extra.args) == 1:
                named[short] = extra.args[0]
            schema.update(
                (_LIMITS[key], value.value)
                for key, value in named.items()
                if key in _LIMITS
                and isinstance(value, ast.Constant)
                and isinstance(value.value, int | float)
            )
    return schema
