"""The parameter schema of a pipeline: one JSON schema drives forms, the CLI and validation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from galley.domain.model import Model

TIME_PARAMETERS = ("logical_date", "data_interval_start", "data_interval_end")
"""Filled from the run's logical date, as ISO 8601 strings, when a notebook declares them."""


class ParameterSchema(Model):
    """JSON schema (draft 2020-12) of an object whose properties are the parameters.

    Attributes:
        properties: parameter name → JSON schema with ``type``, ``default``, ``description`` and,
            where known, ``enum``, ``minimum``, ``maximum``, ``format``. In the notebook's order.
        required: parameters without a default.
        cell: index of the cell tagged ``parameters``; None when there is none.
    """

    properties: dict[str, dict[str, Any]] = Field(default_factory=dict)
    required: tuple[str, ...] = ()
    cell: int | None = None

    def json_schema(self) -> dict[str, Any]:
        """Return the schema as a JSON schema document."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": self.properties,
            "required": list(self.required),
            "additionalProperties": False,
        }

    def defaults(self) -> dict[str, Any]:
        """Return name → default of every parameter that has one."""
        return {
            name: schema["default"]
            for name, schema in self.properties.items()
            if "default" in schema
        }


JSON_TYPES = ("integer", "number", "boolean", "string", "array", "object", "null")

_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS = ("minItems", "maxItems")
_INNER = ("items", "additionalProperties")


def _checked(schema: ParameterSchema) -> ParameterSchema:
    for name, one in schema.properties.items():
        _check_keywords(one, name)
    return schema


def _check_keywords(schema: dict[str, Any], path: str) -> None:
    for key, value in schema.items():
        if not _fits(key, value):
            raise ValueError(f"{path}.{key} is not a valid {key} of a JSON schema: {value!r:.100}")
        if key in _INNER:
            _check_keywords(value, f"{path}.{key}")


def _fits(key: str, value: object) -> bool:
    """Whether ``value`` is of the kind that this keyword takes; unknown keywords take any."""
    if key in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        return value >= 0 if key == "multipleOf" else isinstance(value, int) or isfinite(value)
    if key in _COUNTS:
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if key in _INNER:
        return isinstance(value, dict)
    match key:
        case "type":
            kinds = [value] if isinstance(value, str) else value
            return isinstance(kinds, list) and all(kind in JSON_TYPES for kind in kinds)
        case "enum":
            return isinstance(value, list)
        case "format":
            return isinstance(value, str)
    return True


CheckedSchema = Annotated[ParameterSchema, AfterValidator(_checked)]
"""A schema that somebody sends: its keywords are of the kinds that checking a value relies on."""


class ParameterLayers(Model):
    """Values in the order in which they override: notebook, tenant, schedule, run."""

    notebook: Mapping[str, Any]
    tenant: Mapping[str, Any]
    run: Mapping[str, Any]

    def merged(self) -> dict[str, Any]:
        """Return the values that a run gets."""
        return {**self.notebook, **self.tenant, **self.run}


def time_values(
    schema: ParameterSchema, logical_date: datetime, start: datetime, end: datetime
) -> dict[str, str]:
    """Return the values of those of :data:`TIME_PARAMETERS` that ``schema`` declares.

    One declared as a date gets the UTC date, all others the instant.
    """
    instants = dict(zip(TIME_PARAMETERS, (logical_date, start, end), strict=True))
    return {
        name: (
            instant.date().isoformat()
            if schema.properties[name].get("format") == "date"
            else instant.isoformat()
        )
        for name, instant in instants.items()
        if name in schema.properties
    }


def declared(schema: ParameterSchema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of ``values`` whose names ``schema`` declares.

    A tenant's overrides name parameters of many notebooks; each notebook takes its own.
    """
    return {name: value for name, value in values.items() if name in schema.properties}
