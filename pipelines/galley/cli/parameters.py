"""Parameter values from the command line, typed by a pipeline's schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from galley.domain.parameters import ParameterSchema
from galley.notebook.arguments import parse_text


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
