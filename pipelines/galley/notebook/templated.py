"""A schedule's own parameters: templates filled in, typed by the notebook's parameter schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from galley.domain import schedule_rules, templates
from galley.domain.cron import Cron
from galley.domain.parameters import ParameterSchema
from galley.domain.schedules import ScheduleRequest
from galley.errors import InvalidInput
from galley.notebook.arguments import parse_text, validate

_NO_RUN = UUID(int=0)
"""Stands for the id of a run that is not there yet."""

CHECKED = 5
"""Firings for which the parameters of a schedule are tried before it is saved."""


def resolve(
    schema: ParameterSchema | None, values: Mapping[str, Any], context: templates.Context
) -> dict[str, Any]:
    """Return ``values`` with the templates among them filled in, typed and checked by ``schema``.

    Text is read as on a command line, so that ``{{ logical_date | date("%H") }}`` is a number for
    a parameter that is one.

    Args:
        schema: of the version; None leaves what templates come to as text, unchecked.

    Raises:
        InvalidInput: a template or a value is not acceptable; ``field`` is ``parameters.NAME``.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, str):
            text = templates.render(name, value, context) if templates.is_template(value) else value
            found[name] = text if schema is None else parse_text(schema, name, text)
        else:
            templates.check_plain(name, value)
            found[name] = value if schema is None else validate(schema, {name: value})[name]
    return found


def foreseen(
    parsed: Cron,
    values: Mapping[str, Any],
    schema: ParameterSchema | None,
    firings: Sequence[datetime],
) -> Iterator[dict[str, Any]]:
    """Yield what ``values`` come to for each of ``firings``, as if each run succeeded.

    The first has no success before it, as the first run of a pipeline.

    Raises:
        InvalidInput: as :func:`resolve`.
    """
    before = parsed.previous(firings[0]) or firings[0] if firings else None
    success = None
    for at in firings:
        context = templates.Context(at, before or at, at, _NO_RUN, success, parsed.zone)
        yield resolve(schema, values, context)
        before = success = at


def check_schedule(
    request: ScheduleRequest, schema: ParameterSchema | None, now: datetime, *, prefix: str = ""
) -> None:
    """Refuse a schedule that could not do what it says.

    Args:
        schema: of the version it is for; None leaves the types of its parameters unchecked.
        prefix: put before the name of a field in an error's ``field`` (``"schedule."``).

    Raises:
        InvalidInput: ``field`` says what of it.
    """
    parsed = schedule_rules.check(request, now, prefix=prefix)
    found = schedule_rules.within(parsed, request.start, request.end, now)
    try:
        for _ in foreseen(parsed, request.parameters, schema, list(islice(found, CHECKED))):
            pass
    except InvalidInput as error:
        raise InvalidInput(error.detail, field=f"{prefix}{error.field}", **error.data) from error
