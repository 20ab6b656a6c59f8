"""Values for a notebook's parameters, checked against their schema.

Needs nothing but the domain, so that a client's command line can check what was typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.errors import InvalidInput
from galley.notebook.values import check_value, text_to_value


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
