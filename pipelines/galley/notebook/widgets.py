"""Ranges and choices from the ipywidgets of a notebook, read as syntax.

A widget belongs to a parameter when it is assigned to that name, described by it, made with
``value=NAME``, or the keyword of ``interact(f, NAME=...)``. Only limits that are written count:
a slider's own default range (0 to 100) was chosen by nobody.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from galley.notebook.literals import MAX_OPTIONS, Literals, constants
from galley.notebook.source import Cell

_INTEGERS = frozenset({"IntSlider", "BoundedIntText", "IntText", "Play"})
_NUMBERS = frozenset({"FloatSlider", "BoundedFloatText", "FloatText", "FloatLogSlider"})
_RANGES = {"IntRangeSlider": "integer", "FloatRangeSlider": "number"}
_CHOICES = frozenset(
    {"Dropdown", "Select", "RadioButtons", "ToggleButtons", "SelectionSlider", "Combobox"}
)
_PLAIN: dict[str, dict[str, Any]] = {
    "Checkbox": {"type": "boolean"},
    "ToggleButton": {"type": "boolean"},
    "Text": {"type": "string"},
    "Textarea": {"type": "string"},
    "ColorPicker": {"type": "string"},
    "DatePicker": {"type": "string", "format": "date"},
    "DatetimePicker": {"type": "string", "format": "date-time"},
    "NaiveDatetimePicker": {"type": "string", "format": "date-time"},
    "TimePicker": {"type": "string", "format": "time"},
}
_KINDS = _INTEGERS | _NUMBERS | _RANGES.keys() | _CHOICES | _PLAIN.keys() | {"SelectMultiple"}
_INTERACTS = frozenset({"interact", "interact_manual", "interactive"})
_POSITIONAL = {
    **dict.fromkeys(("IntSlider", "BoundedIntText", "Play"), ("value", "min", "max", "step"))
}
_MENTIONS = ("widgets", "interact", *sorted(_KINDS))
"""Of these one is in each notebook that has widgets; to look for them one by one is fast."""
_JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}


@dataclass(frozen=True)
class Widget:
    """One widget, and the names that it may stand for.

    Attributes:
        kind: its class, or ``interact``.
        names: the parameters it belongs to, where they exist; lower case where ``loose``.
        loose: a name that people read (its description): compared without case and blanks.
        schema: what it allows, as JSON schema.
        line: within its cell, from 1.
    """

    kind: str
    cell: int
    line: int
    names: frozenset[str]
    loose: frozenset[str]
    schema: dict[str, Any] = field(default_factory=dict)

    def belongs_to(self, name: str) -> bool:
        """Whether it is a widget of this parameter."""
        return name in self.names or name.lower() in self.loose


def as_name(description: str) -> str:
    """Return a widget's description as a name: ``learning_rate`` of ``Learning rate:``."""
    return re.sub(r"\W+", "_", description.strip(" :")).lower()


def read_widgets(cells: Iterable[Cell]) -> tuple[Widget, ...]:
    """Return the widgets of a notebook, in its order."""
    cells = [cell for cell in cells if cell.type == "code"]
    if not any(one in cell.source for cell in cells for one in _MENTIONS):
        return ()
    reader = _Reader(Literals(constants(cells)))
    return tuple(widget for cell in cells for widget in reader.of(cell))


class _Reader:
    def __init__(self, literals: Literals) -> None:
        self._literals = literals

    def of(self, cell: Cell) -> Iterator[Widget]:
        """Yield the widgets that one cell makes."""
        tree = cell.code.tree
        if tree is None:
            return
        assigned, keywords, outputs = _places(tree)
        for node in cell.nodes:
            if isinstance(node, ast.Call):
                kind = _last_name(node.func)
                if kind in _KINDS:
                    near = {one for one in (assigned.get(node), keywords.get(node)) if one}
                    names = near | {outputs[one] for one in near & outputs.keys()}
                    yield from self._widget(cell, node, kind, names)
                elif kind in _INTERACTS:
                    yield from self._interact(cell, node.keywords)
            elif isinstance(node, ast.FunctionDef):
                yield from self._decorated(cell, node)

    def _widget(self, cell: Cell, node: ast.Call, kind: str, names: set[str]) -> Iterator[Widget]:
        given = dict(zip(_POSITIONAL.get(kind, ("value",)), node.args, strict=False))
        given |= {one.arg: one.value for one in node.keywords if one.arg}
        if isinstance(given.get("value"), ast.Name):
            names.add(given["value"].id)  # type: ignore[attr-defined]
        description = self._literals.value(given.get("description"))
        loose: set[str] = set()
        if isinstance(description, str):
            loose.add(as_name(description))
        schema = self._schema(kind, given)
        if schema is None or not names | loose:
            return
        if isinstance(description, str) and description.strip(" :"):
            schema["description"] = description.strip(" :")
        yield Widget(kind, cell.index, node.lineno, frozenset(names), frozenset(loose), schema)

    def _schema(self, kind: str, given: dict[str, ast.expr]) -> dict[str, Any] | None:
        read = {key: self._literals.value(node) for key, node in given.items()}
        if kind in _PLAIN:
            return dict(_PLAIN[kind])
        if kind in _INTEGERS:
            return {
                "type": "integer",
                **_limits(read.get("min"), read.get("max"), read.get("step")),
            }
        if kind == "FloatLogSlider":
            base, low, high = read.get("base", 10.0), read.get("min"), read.get("max")
            return {"type": "number", **_limits(_power(base, low), _power(base, high), None)}
        if kind in _NUMBERS:
            return {"type": "number", **_limits(read.get("min"), read.get("max"), read.get("step"))}
        if kind in _RANGES:
            items = {"type": _RANGES[kind], **_limits(read.get("min"), read.get("max"), None)}
            return {"type": "array", "items": items, "minItems": 2, "maxItems": 2}
        if kind == "Combobox" and read.get("ensure_option") is not True:
            return {"type": "string"}
        choices = _choices(read.get("options", ...))
        if choices is None or kind != "SelectMultiple":
            return choices
        return {"type": "array", "items": choices}

    def _interact(self, cell: Cell, keywords: list[ast.keyword]) -> Iterator[Widget]:
        for one in keywords:
            if one.arg:
                yield from self._abbreviated(cell, one.arg, one.value)

    def _decorated(self, cell: Cell, node: ast.FunctionDef) -> Iterator[Widget]:
        """Read ``@interact def f(n=(1, 10))``; a decorator with keywords is a call by itself."""
        named = [_last_name(getattr(one, "func", one)) for one in node.decorator_list]
        if not _INTERACTS & set(named):
            return
        defaults = node.args.defaults
        first = len(node.args.args) - len(defaults)
        for argument, value in zip(node.args.args[first:], defaults, strict=True):
            yield from self._abbreviated(cell, argument.arg, value)

    def _abbreviated(self, cell: Cell, name: str, node: ast.expr) -> Iterator[Widget]:
        """Read interact's short forms: (1, 10), (0.0, 1.0, 0.1), [...], {...}, True, text."""
        value, schema = self._literals.value(node), None
        numbers = isinstance(value, tuple) and all(
            isinstance(one, int | float) and not isinstance(one, bool) for one in value
        )
        if numbers and len(value) in {2, 3}:
            whole = all(isinstance(one, int) for one in value)
            step = value[2] if len(value) == 3 else None
            kind = "integer" if whole else "number"
            schema = {"type": kind, **_limits(value[0], value[1], step)}
        elif isinstance(value, bool):
            schema = {"type": "boolean"}
        elif isinstance(value, str):
            schema = {"type": "string"}
        elif isinstance(value, list | dict | range):
            schema = _choices(value)
        if schema is not None:
            yield Widget(
                "interact", cell.index, node.lineno, frozenset({name}), frozenset(), schema
            )


def _places(
    tree: ast.Module,
) -> tuple[dict[ast.expr, str], dict[ast.expr, str], dict[str, str]]:
    """Return what calls are assigned to, their keyword in an interact, and interactive_output's.

    The last is variable → name: ``interactive_output(f, {"n": slider})``.
    """
    assigned: dict[ast.expr, str] = {}
    keywords: dict[ast.expr, str] = {}
    outputs: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            if isinstance(node.targets[0], ast.Name):
                assigned[node.value] = node.targets[0].id
        elif isinstance(node, ast.Call) and _last_name(node.func) in _INTERACTS:
            keywords |= {one.value: one.arg for one in node.keywords if one.arg}
            outputs |= {
                one.value.id: one.arg
                for one in node.keywords
                if one.arg and isinstance(one.value, ast.Name)
            }
        elif isinstance(node, ast.Call) and _last_name(node.func) == "interactive_output":
            mapping = node.args[1] if len(node.args) == 2 else None
            if isinstance(mapping, ast.Dict):
                outputs |= {
                    value.id: key.value
                    for key, value in zip(mapping.keys, mapping.values, strict=True)
                    if isinstance(value, ast.Name)
                    and isinstance(key, ast.Constant)
                    and isinstance(key.value, str)
                }
    return assigned, keywords, outputs


def _last_name(node: ast.AST) -> str:
    """Return ``IntSlider`` of ``widgets.IntSlider``; empty where there is no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _power(base: Any, exponent: Any) -> Any:
    try:
        return float(base) ** exponent
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _limits(low: Any, high: Any, step: Any) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    if _number(low):
        limits["minimum"] = low
    if _number(high) and not (_number(low) and high < low):
        limits["maximum"] = high
    if _number(step) and step > 0:
        # A slider counts its steps from its minimum: only then is each value a multiple.
        whole = isinstance(step, int) and isinstance(limits.get("minimum", 0), int)
        multiple = whole and step > 1 and limits.get("minimum", 0) % step == 0
        limits["multipleOf" if multiple else "x-step"] = step
    return limits


def _choices(options: Any) -> dict[str, Any] | None:
    """Return the schema of a selection's options: values, (label, value) pairs or a mapping."""
    if isinstance(options, dict):
        pairs = list(options.items())
    elif isinstance(options, list | tuple | range):
        pairs = [one if isinstance(one, tuple) and len(one) == 2 else (one, one) for one in options]
    else:
        return None
    values = [value for _, value in pairs]
    kinds = {_JSON_TYPES.get(type(value)) for value in values if value is not None}
    if not 0 < len(values) <= MAX_OPTIONS or None in kinds or not kinds:
        return None
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    if len(kinds) != 1:
        return None
    kind: Any = kinds.pop()
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        return None
    schema = {"type": [kind, "null"] if None in values else kind, "enum": values}
    if any(label != value for label, value in pairs):
        schema["x-labels"] = [str(label) for label, _ in pairs]
    return schema
