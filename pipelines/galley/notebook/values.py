"""Checking one value against the JSON schema of its parameter; conversions only without loss."""

from __future__ import annotations

import json
import math
import operator
import re
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any

from galley.errors import InvalidInput


def _path(text: str) -> None:
    if not text.strip() or "\0" in text:
        raise ValueError(text)


_TYPE_NAMES = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "string": "text",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing (null)",
}
_FORMATS = {
    "date": (date.fromisoformat, "a date such as 2026-03-29"),
    "date-time": (datetime.fromisoformat, "a date and time such as 2026-03-29T02:30:00+01:00"),
    "time": (time.fromisoformat, "a time such as 14:30"),
    "path": (_path, "the path of a file or folder"),
}
_LIMITS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("minimum", "at least", operator.ge),
    ("maximum", "at most", operator.le),
    ("exclusiveMinimum", "more than", operator.gt),
    ("exclusiveMaximum", "less than", operator.lt),
)


def types_of(schema: dict[str, Any]) -> tuple[str, ...]:
    """Return the JSON types that a schema allows; empty where it allows any."""
    kind = schema.get("type", ())
    return (kind,) if isinstance(kind, str) else tuple(kind)


def json_type(value: Any) -> str:
    """Return the JSON type of a Python value; ``True`` is a boolean and never a number."""
    for kind, name in (
        (bool, "boolean"),
        (int, "integer"),
        (float, "number"),
        (str, "string"),
        (list, "array"),
        (dict, "object"),
    ):
        if isinstance(value, kind):
            return name
    return "null" if value is None else type(value).__name__


def expected(schema: dict[str, Any]) -> str:
    """Return in words what a schema allows."""
    if "enum" in schema:
        return "one of " + ", ".join(json.dumps(value) for value in schema["enum"])
    if schema.get("format") in _FORMATS:
        words = _FORMATS[schema["format"]][1]
        return words + (" or null" if "null" in types_of(schema) else "")
    return " or ".join(_TYPE_NAMES.get(kind, kind) for kind in types_of(schema)) or "any value"


def check_value(schema: dict[str, Any], value: Any, *, path: str) -> Any:
    """Return ``value``, converted where the schema's type asks for it and nothing is lost.

    Raises:
        InvalidInput: with ``field`` = ``path``; names the value and what is allowed.
    """
    allowed, kind = types_of(schema), json_type(value)
    if kind not in _TYPE_NAMES:
        raise _refused(path, value, f"{kind} has no JSON form")
    if kind == "number" and not math.isfinite(value):
        raise _refused(path, value, "parameters must be finite numbers")
    if kind == "integer" and "number" in allowed and "integer" not in allowed:
        value, kind = _lossless_float(value, path), "number"
    if allowed and kind not in allowed:
        raise _refused(path, value, f"expected {expected(schema)}, not {_TYPE_NAMES[kind]}")
    if "enum" in schema and not any(
        json_type(one) == kind and one == value for one in schema["enum"]
    ):
        raise _refused(path, value, f"expected {expected(schema)}")
    if kind in {"integer", "number"}:
        _check_limits(schema, value, path)
    if kind == "string":
        _check_text(schema, value, path)
    if kind == "array":
        _check_length(schema, value, path)
        items = schema.get("items", {})
        return [check_value(items, one, path=f"{path}[{at}]") for at, one in enumerate(value)]
    if kind == "object":
        return _check_mapping(schema, value, path)
    return value


def text_to_value(schema: dict[str, Any], text: str, *, path: str) -> Any:
    """Return the value that ``text`` (from a command line) stands for, not yet checked.

    Text parameters take the text as it is; the others read JSON (``3``, ``true``,
    ``["a", "b"]``). ``null`` is nothing wherever the schema allows it.
    """
    allowed = types_of(schema)
    stripped = text.strip()
    if "null" in allowed and stripped == "null":
        return None
    if "string" in allowed:
        return text
    if "boolean" in allowed and stripped.lower() in {"true", "false"}:
        return stripped.lower() == "true"
    if "integer" in allowed and re.fullmatch(r"[+-]?\d+", stripped):
        return _whole_number(stripped, path)
    if "number" in allowed and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", stripped):
        return float(stripped)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if not allowed:
            return text
        raise _refused(path, text, f"expected {expected(schema)} written as JSON") from error


def _refused(path: str, value: Any, why: str) -> InvalidInput:
    shown = repr(value)
    if len(shown) > 200:
        shown = shown[:197] + "..."
    name = path.removeprefix("parameters.")
    return InvalidInput(f"parameter {name!r} cannot be {shown}: {why}", field=path)


def _whole_number(text: str, path: str) -> int:
    try:
        return int(text)
    except ValueError as error:  # Python reads no more than 4300 digits
        raise _refused(path, text, "it has too many digits") from error


def _lossless_float(value: int, path: str) -> float:
    try:
        converted = float(value)
    except OverflowError:
        converted = math.inf
    if converted != value:
        raise _refused(path, value, "it cannot be kept exactly as a floating-point number")
    return converted


def _check_limits(schema: dict[str, Any], value: float, path: str) -> None:
    for key, words, holds in _LIMITS:
        if key in schema and not holds(value, schema[key]):
            raise _refused(path, value, f"it must be {words} {schema[key]}")
    step = schema.get("multipleOf")
    if step and not _is_multiple(value, step):
        raise _refused(path, value, f"it must be a multiple of {step}")


def _is_multiple(value: float, step: float) -> bool:
    try:
        return value % step == 0
    except OverflowError:  # a whole number that no floating-point number comes near
        return False


def _check_length(schema: dict[str, Any], value: list[Any], path: str) -> None:
    fewest, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
    if not fewest <= len(value) <= most:
        words = f"exactly {fewest}" if fewest == most else f"{fewest} to {most}"
        raise _refused(path, value, f"it must be a list of {words} items, not of {len(value)}")


def _check_text(schema: dict[str, Any], value: str, path: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _refused(path, value, "it holds a character that is not valid UTF-8") from error
    if schema.get("format") in _FORMATS:
        read, words = _FORMATS[schema["format"]]
        try:
            read(value)
        except ValueError as error:
            raise _refused(path, value, f"expected {words}") from error


def _check_mapping(schema: dict[str, Any], value: dict[Any, Any], path: str) -> dict[str, Any]:
    inner = schema.get("additionalProperties", {})
    checked = {}
    for key, one in value.items():
        if not isinstance(key, str):
            raise _refused(path, value, f"the key {key!r} is not text")
        _check_text({}, key, path)
        checked[key] = check_value(inner, one, path=f"{path}.{key}")
    return checked
