"""One typed input per parameter, from the pipeline's JSON schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ipywidgets

from galley.domain.parameters import ParameterSchema
from galley.errors import InvalidInput

_WIDE = ipywidgets.Layout(width="22em")


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
        widget = ipywidgets.Dropdown(options=schema["enum"], value=default, layout=_WIDE)
        return Field(name, widget)
    if kind == "boolean":
        return Field(name, ipywidgets.Checkbox(value=bool(default), indent=False))
    if kind == "integer":
        return Field(name, ipywidgets.IntText(value=default or 0, layout=_WIDE))
    if kind == "number":
        return Field(name, ipywidgets.FloatText(value=default or 0.0, layout=_WIDE))
    if kind == "string":
        return Field(name, ipywidgets.Text(value=default or "", layout=_WIDE))
    # Lists, mappings and what may be null are written as JSON.
    return Field(name, ipywidgets.Text(value=json.dumps(default), layout=_WIDE), json.loads)
