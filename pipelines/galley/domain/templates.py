"""Templates of a schedule's parameters: the time of a run, put into text by a small language.

``{{ logical_date | date }}`` gives ``2026-03-29``. What a template may use::

    names      logical_date, data_interval_start, data_interval_end, previous_success, run_id
    filters    date, date("%Y/%m"), iso, local (in the schedule's zone), timestamp
    sums       logical_date - days(1); weeks, hours and minutes likewise
    choice     previous_success or data_interval_start

Anything else (attributes, loops, macros, calls, comparisons) is refused by walking what Jinja
parsed, before any of it is compiled; it then runs in Jinja's immutable sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined, Template, TemplateError, nodes, pass_context, runtime
from jinja2.sandbox import ImmutableSandboxedEnvironment

from galley.errors import InvalidInput

MAX_SOURCE = 2000
MAX_RESULT = 10_000
"""Longest template and longest text that comes of it, characters."""

_MAX_NODES = 100
_MAX_DEPTH = 20
_DIRECTIVES = "YmdHMSjuVGaAbBzyf%"
_PATTERN = re.compile(rf"(?:[^%]|%[{_DIRECTIVES}])*")
_MARKS = ("{{", "{%", "{#")


class Context(NamedTuple):
    """What the names of a template stand for; instants are zone-aware.

    Attributes:
        previous_success: logical date of the latest run before it that succeeded; None: of none.
        zone: the schedule's, for the filter ``local``.
    """

    logical_date: datetime
    data_interval_start: datetime
    data_interval_end: datetime
    run_id: UUID
    previous_success: datetime | None
    zone: ZoneInfo

    def names(self) -> dict[str, Any]:
        """Return name → value as templates see it; instants are in UTC."""
        return {
            "logical_date": self.logical_date.astimezone(UTC),
            "data_interval_start": self.data_interval_start.astimezone(UTC),
            "data_interval_end": self.data_interval_end.astimezone(UTC),
            "previous_success": self.previous_success and self.previous_success.astimezone(UTC),
            "run_id": str(self.run_id),
        }


NAMES = ("logical_date", "data_interval_start", "data_interval_end", "previous_success", "run_id")
_FILTERS = ("date", "iso", "local", "timestamp")
_SPANS = ("weeks", "days", "hours", "minutes")
_ALLOWED = (
    "names (logical_date, data_interval_start, data_interval_end, previous_success, run_id), "
    "filters (date, iso, local, timestamp), + or - days(N), weeks(N), hours(N), minutes(N), and "
    "`or`"
)


def is_template(value: object) -> bool:
    """Whether ``value`` is text that :func:`render` has something to do for."""
    return isinstance(value, str) and any(mark in value for mark in _MARKS)


def uses(values: Mapping[str, Any], name: str) -> bool:
    """Whether a template among ``values`` names ``name``."""
    return any(name in _names_of(value, key) for key, value in values.items() if is_template(value))


def render(name: str, source: str, context: Context) -> str:
    """Return the text that the template ``source`` of parameter ``name`` comes to.

    Raises:
        InvalidInput: it is not a template of this language, or has no value for ``context``;
            ``field`` is ``parameters.NAME``.
    """
    template = _compiled(source, name)
    try:
        text = template.render(**context.names(), zone=context.zone)
    except (TemplateError, TypeError, ValueError, OverflowError, ArithmeticError) as error:
        raise _refused(name, source, _why(error)) from error
    if len(text) > MAX_RESULT:
        raise _refused(name, source, f"it comes to more than {MAX_RESULT} characters")
    return text


def check_plain(name: str, value: object) -> None:
    """Refuse templates within lists and mappings, where nobody would put them in.

    Raises:
        InvalidInput: ``field`` is ``parameters.NAME``.
    """
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    for one in inner:
        if is_template(one):
            raise _refused(
                name, str(one), "it stands within a list or mapping: write the whole value as text"
            )
        check_plain(name, one)


@lru_cache(maxsize=512)
def _compiled(source: str, name: str) -> Template:
    tree = _parsed(source, name)
    try:
        return _ENVIRONMENT.from_string(tree)
    except (TemplateError, SyntaxError, RecursionError, MemoryError) as error:
        raise _refused(name, source, "it cannot be read") from error


def _names_of(source: str, name: str) -> set[str]:
    return {node.name for node in _parsed(source, name).find_all(nodes.Name)}


def _parsed(source: str, name: str) -> nodes.Template:
    if len(source) > MAX_SOURCE:
        raise _refused(name, source, f"it has more than {MAX_SOURCE} characters")
    try:
        tree = _ENVIRONMENT.parse(source)
        _walk(tree, 0, [_MAX_NODES])
    except _NotAllowed as error:
        raise _refused(name, source, f"{error} is not allowed. Allowed are {_ALLOWED}") from error
    except TemplateError as error:
        raise _refused(name, source, f"it cannot be read: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise _refused(name, source, "it is nested too deeply") from error
    return tree


class _NotAllowed(Exception):
    """A part of a template that the language does not have; its text names the part."""


def _walk(node: nodes.Node, depth: int, left: list[int]) -> None:
    """Refuse every node that is not of the language, too many of them, and too deep ones."""
    left[0] -= 1
    if left[0] < 0 or depth > _MAX_DEPTH:
        raise _NotAllowed("so long an expression")
    _check_node(node)
    for child in node.iter_child_nodes():
        _walk(child, depth + 1, left)


def _check_node(node: nodes.Node) -> None:
    match node:
        case nodes.Template() | nodes.Output() | nodes.TemplateData() | nodes.Or():
            return
        case nodes.Add() | nodes.Sub() | nodes.Neg():
            return
        case nodes.Const():
            if not isinstance(node.value, (str, int)) or isinstance(node.value, bool):
                raise _NotAllowed(f"the value {node.value!r}")
        case nodes.Name():
            if node.ctx != "load" or node.name not in (*NAMES, *_SPANS):
                raise _NotAllowed(f"the name {node.name[:50]!r}")
        case nodes.Filter():
            _check_filter(node)
        case nodes.Call():
            _check_call(node)
        case _:
            raise _NotAllowed(_WORDS.get(type(node).__name__, type(node).__name__.lower()))


_WORDS = {
    "For": "a loop",
    "If": "a condition",
    "Macro": "a macro",
    "Include": "an include",
    "Import": "an import",
    "FromImport": "an import",
    "Extends": "an extends",
    "Assign": "an assignment",
    "Getattr": "an attribute",
    "Getitem": "an item",
    "Mul": "multiplication",
    "Pow": "a power",
}


def _check_filter(node: nodes.Filter) -> None:
    if node.name not in _FILTERS:
        raise _NotAllowed(f"the filter {node.name[:50]!r}")
    pattern = node.args[0] if node.args else None
    fits = len(node.args) <= (node.name == "date") and isinstance(
        pattern, (nodes.Const, type(None))
    )
    if not fits or node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _NotAllowed(f"what the filter {node.name!r} is given")


def _check_call(node: nodes.Call) -> None:
    named = isinstance(node.node, nodes.Name) and node.node.name in _SPANS
    if not named:
        raise _NotAllowed("a call")
    plain = len(node.args) == 1 and not node.kwargs
    if not plain or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise _NotAllowed("a span of time with other than one number")


def _date(value: object, pattern: object = "%Y-%m-%d") -> str:
    if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
        raise ValueError(
            f"the pattern {pattern!r} has a directive other than "
            f"{', '.join('%' + one for one in _DIRECTIVES)}"
        )
    return _instant(value).strftime(pattern)


def _iso(value: object) -> str:
    return _instant(value).isoformat()


def _timestamp(value: object) -> int:
    return int(_instant(value).timestamp())


def _instant(value: object) -> datetime:
    if value is None:
        raise ValueError(_NO_SUCCESS)
    if isinstance(value, timedelta):
        raise ValueError("filters bind before sums: write `(logical_date - days(1)) | date`")  # noqa: TRY004
    if not isinstance(value, datetime):
        raise ValueError(f"{value!r} is not an instant")  # noqa: TRY004 (its text is shown)
    return value


_NO_SUCCESS = (
    "previous_success has no value before the first success: write "
    "`previous_success or data_interval_start`"
)


def _shown(value: object) -> object:
    """Return what ``{{ value }}`` puts in; the only values are instants, text and numbers."""
    if value is None:
        raise ValueError(_NO_SUCCESS)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (str, int)):
        return value
    raise ValueError("a span of time alone is no value: add it to an instant")


def _span(unit: str, number: object) -> timedelta:
    if not isinstance(number, int):
        raise ValueError(f"{unit}() takes a whole number, not {number!r}")  # noqa: TRY004
    return timedelta(**{unit: number})


def _span_of(unit: str) -> Callable[[object], timedelta]:
    return partial(_span, unit)


@pass_context
def _local(context: runtime.Context, value: object) -> datetime:
    zone: ZoneInfo = context["zone"]
    return _instant(value).astimezone(zone)


def _why(error: Exception) -> str:
    text = str(error)
    return text if text else type(error).__name__


def _refused(name: str, source: str, why: str) -> InvalidInput:
    shown = source if len(source) <= 200 else f"{source[:197]}..."
    return InvalidInput(
        f"the template {shown!r} of parameter {name!r} is refused: {why}.",
        field=f"parameters.{name}",
    )


def _environment() -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_shown, autoescape=False, cache_size=0
    )
    made.globals.clear()
    made.tests.clear()
    made.filters.clear()
    made.filters.update({"date": _date, "iso": _iso, "timestamp": _timestamp, "local": _local})
    for unit in _SPANS:
        made.globals[unit] = _span_of(unit)
    return made


_ENVIRONMENT = _environment()
