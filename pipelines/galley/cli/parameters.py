"""Parameter values from the command line, typed by a pipeline's schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Version
from galley.errors import InvalidInput
from galley.notebook.arguments import parse_text


def schema_for(version: Version, pairs: Iterable[tuple[str, str]]) -> ParameterSchema:
    """Return the schema of a version, by which ``-p NAME VALUE`` options are typed.

    Raises:
        InvalidInput: it has not been analysed, and there are such options.
    """
    if version.analysis is not None:
        return version.analysis.parameters
    for name, _ in pairs:
        raise InvalidInput(
            f"{name!r} cannot be given: version {version.number} of {version.pipeline!r} has not "
            "been analysed, so that nothing is known of its parameters; leave out -p",
            field=f"parameters.{name}",
        )
    return ParameterSchema()


def parse_values(schema: ParameterSchema, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return name → typed value of ``-p NAME VALUE`` options.

    Raises:
        InvalidInput: an unknown name or a value of another type, before anything is started.
    """
    return {name: parse_text(schema, name, text) for name, text in pairs}


def parse_templates(schema: ParameterSchema, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return name → typed value as :func:`parse_values`; templates stay text, for the service.

    Raises:
        InvalidInput: as :func:`parse_values`.
    """
    return {name: text if "{{" in text else parse_text(schema, name, text) for name, text in pairs}
