"""What a widget says of a parameter, joined to what its own line says.

The line wins: a hint or a default is what a run gets, a widget is what its author could move. A
widget that contradicts the line is reported and left out as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.source import cell_label
from galley.notebook.values import check_value, json_type, types_of
from galley.notebook.widgets import Widget, as_name

_LIMITS = ("minimum", "maximum", "multipleOf", "x-step")
_SHAPE = ("minItems", "maxItems")


def enriched(
    properties: dict[str, dict[str, Any]], widgets: Iterable[Widget]
) -> tuple[dict[str, dict[str, Any]], list[Check]]:
    """Return the parameters with the ranges and choices of their widgets, and contradictions."""
    result, checks = dict(properties), []
    for widget in widgets:
        for name in properties:
            if not widget.belongs_to(name):
                continue
            try:
                result[name] = _joined(result[name], widget.schema, name)
            except _Contradiction as error:
                checks.append(_contradiction(name, widget, str(error)))
    return result, checks


class _Contradiction(ValueError):
    """What of a widget does not fit a parameter, in words."""


def _contradiction(name: str, widget: Widget, why: str) -> Check:
    return Check(
        code="widget-contradicts",
        severity=Severity.WARNING,
        cell=widget.cell,
        line=widget.line,
        message=f"{cell_label(widget.cell)}, line {widget.line}: the {widget.kind} of `{name}` "
        f"contradicts its parameter and is not used: {why}",
    )


def _joined(schema: dict[str, Any], offered: dict[str, Any], name: str) -> dict[str, Any]:
    if as_name(offered.get("description", "")) == name.lower():
        offered = {key: value for key, value in offered.items() if key != "description"}
    own, its = types_of(schema), types_of(offered)
    kind = next(one for one in its if one != "null")
    kinds = [one for one in own if one != "null"]
    if not kinds:
        # `None` alone, or no type at all: the widget is all that is known of it.
        joined = {**offered, **schema}
        if schema.get("default", ...) is None:
            joined["type"] = [kind, "null"]
            if "enum" in joined and None not in joined["enum"]:
                joined["enum"] = [*joined["enum"], None]
                if "x-labels" in joined:
                    joined["x-labels"] = [*joined["x-labels"], "None"]
    elif kind in kinds or {kind, *kinds} == {"integer", "number"}:
        joined = _filled(schema, offered, kinds)
    else:
        raise _Contradiction(f"it gives {kind} values, and the parameter is {kinds[0]}")
    if "default" in joined:
        try:
            check_value(joined, joined["default"], path=name)
        except InvalidInput as error:
            raise _Contradiction(error.detail) from error
    return joined


def _filled(schema: dict[str, Any], offered: dict[str, Any], kinds: list[str]) -> dict[str, Any]:
    """Return ``schema`` with what it does not say itself."""
    joined = dict(schema)
    offered = dict(offered)
    if kinds == ["integer"]:
        offered = {key: _whole(key, value) for key, value in offered.items()}
    for key in (*_LIMITS, *_SHAPE, "format", "description"):
        if key in offered and offered[key] is not None and "enum" not in joined:
            joined.setdefault(key, offered[key])
    if "description" in offered:
        joined.setdefault("description", offered["description"])
    if "enum" in offered and not any(key in schema for key in _LIMITS):
        _choices(joined, offered, kinds)
    if "items" in offered:
        joined["items"] = {**offered["items"], **schema.get("items", {})}
    return joined


def _choices(joined: dict[str, Any], offered: dict[str, Any], kinds: list[str]) -> None:
    values, labels = list(offered["enum"]), offered.get("x-labels")
    if kinds == ["number"]:
        values = [float(one) if json_type(one) == "integer" else one for one in values]
    if "enum" not in joined:
        joined["enum"] = values
        if None in values and "null" not in types_of(joined):
            joined["type"] = [*kinds, "null"]
    if labels is not None and joined["enum"] == values:
        joined.setdefault("x-labels", labels)


def _whole(key: str, value: Any) -> Any:
    """Return a slider's limit as whole numbers have it; None where it says nothing."""
    if not isinstance(value, float):
        return value
    if key in {"minimum", "maximum"}:
        return math.ceil(value) if key == "minimum" else math.floor(value)
    return int(value) if value.is_integer() else None
