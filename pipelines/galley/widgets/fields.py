"""One typed input per parameter, from the pipeline's JSON schema."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import ipywidgets

from galley.domain.parameters import ParameterSchema
from galley.errors import InvalidInput

_WIDE = ipywidgets.Layout(width="22em")
_MOST: dict[type, float] = {int: 2**53 - 1, float: sys.float_info.max}
"""The largest numbers of a browser."""


class Field:
    """An input and how its value is read.

    Attributes:
        name: of the parameter.
        widget: the input.
    """

    def __init__(
        self, name: str, widget: ipywidgets.Widget, read: Callable[[Any], Any] = lambda value: value
    ) -> None:
        self.name = name
        self.widget = widget
        self._read = read

    def value(self) -> Any:
        """Return what was entered, typed.

        Raises:
            InvalidInput: it is not of the parameter's type.
        """
        try:
            return self._read(self.widget.value)
        except ValueError as error:
            raise InvalidInput(
                f"{self.name}: {self.widget.value!r} is not valid: {error}",
                field=f"parameters.{self.name}",
            ) from error


def fields_of(schema: ParameterSchema) -> list[Field]:
    """Return one input per parameter, in the notebook's order, holding its default."""
    return [_field(name, wanted) for name, wanted in schema.properties.items()]


def _field(name: str, schema: dict[str, Any]) -> Field:
    default = schema.get("default")
    kind = schema.get("type")
    if "enum" in schema:
        options = _options(schema["enum"], schema)
        return Field(name, ipywidgets.Dropdown(options=options, value=default, layout=_WIDE))
    if kind == "boolean":
        return Field(name, ipywidgets.Checkbox(value=bool(default), indent=False))
    if kind == "integer":
        return Field(name, _number(int, schema))
    if kind == "number":
        return Field(name, _number(float, schema))
    if kind == "string" and schema.get("format") == "date":
        return _date(name, default)
    if kind == "string":
        return Field(name, ipywidgets.Text(value=default or "", layout=_WIDE))
    if kind == "array" and "enum" in (items := schema.get("items", {})):
        options, several = _options(items["enum"], items), ipywidgets.SelectMultiple
        widget = several(options=options, value=tuple(default or ()), layout=_WIDE)
        return Field(name, widget, list)
    # Other lists, mappings and what may be null are written as JSON.
    return Field(name, ipywidgets.Text(value=json.dumps(default), layout=_WIDE), json.loads)


def _options(values: list[Any], schema: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return what is shown for each value, and the value."""
    labels = schema.get("x-labels")
    named = labels if labels and len(labels) == len(values) else map(str, values)
    return list(zip(named, values, strict=True))


def _number(typed: type[int] | type[float], schema: dict[str, Any]) -> ipywidgets.Widget:
    """Return an input that keeps within the bounds, where there are any."""
    value = typed(schema.get("default") or 0)
    step = schema.get("x-step") or schema.get("multipleOf") or (1 if typed is int else None)
    free, bounded = (
        (ipywidgets.IntText, ipywidgets.BoundedIntText)
        if typed is int
        else (ipywidgets.FloatText, ipywidgets.BoundedFloatText)
    )
    if "minimum" not in schema and "maximum" not in schema:
        return free(value=value, step=step, layout=_WIDE)
    endless = _MOST[typed]
    least, most = schema.get("minimum", -endless), schema.get("maximum", endless)
    return bounded(value=value, min=typed(least), max=typed(most), step=step, layout=_WIDE)


def _date(name: str, default: str | None) -> Field:
    given = None if default is None else date.fromisoformat(default)

    def read(chosen: date | None) -> str | None:
        return None if chosen is None else chosen.isoformat()

    return Field(name, ipywidgets.DatePicker(value=given, layout=_WIDE), read)
