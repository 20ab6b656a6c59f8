"""Ranges and choices from widgets; each test is one way in which people write them."""

from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.parameters import Inferred, inspect, validate
from galley.notebook.source import read_cells

from tests.galley.notebook.builders import code, notebook

IMPORT = "import ipywidgets as widgets\nfrom ipywidgets import *\n"


def read(parameters: str, *cells: str) -> Inferred:
    return inspect(read_cells(notebook(code(parameters, "parameters"), *cells)))


def schema(parameters: str, widget: str) -> dict[str, Any]:
    """Return the schema of the parameter ``n``; fails on any check."""
    found = read(parameters, IMPORT + widget)
    assert found.checks == ()
    return found.schema.properties["n"]


@pytest.mark.parametrize(
    ("widget", "limits"),
    [
        ("n = widgets.IntSlider(min=1, max=10)", {"minimum": 1, "maximum": 10}),
        (
            "n = widgets.IntSlider(value=5, min=1, max=10, step=1)",
            {"minimum": 1, "maximum": 10, "x-step": 1},
        ),
        ("n = IntSlider(5, 1, 10, 2)", {"minimum": 1, "maximum": 10, "x-step": 2}),
        ("n = IntSlider(min=0, max=10, step=5)", {"minimum": 0, "maximum": 10, "multipleOf": 5}),
        ("w = BoundedIntText(description='n', max=9)", {"maximum": 9}),
        ("w = BoundedIntText(description='N:', max=9)", {"maximum": 9}),
        ("w = IntSlider(value=n, min=2)", {"minimum": 2}),
        ("display(IntSlider(value=n, min=2))", {"minimum": 2}),
        ("LOW = 2\nn = IntSlider(min=LOW, max=None)", {"minimum": 2}),
        ("n = IntSlider(min=compute(), max=7)", {"maximum": 7}),
        ("n = IntText(value=5)", {}),
        ("other = IntSlider(min=6)", {}),
        ("interact(f, n=(1, 10))", {"minimum": 1, "maximum": 10}),
        ("interact(f, n=(0, 10, 5))", {"minimum": 0, "maximum": 10, "multipleOf": 5}),
        ("interact_manual(f, n=widgets.IntSlider(min=1, max=9))", {"minimum": 1, "maximum": 9}),
        ("y = interactive(f, n=(1, 9))", {"minimum": 1, "maximum": 9}),
        ("@interact(n=(1, 9))\ndef f(n):\n    pass", {"minimum": 1, "maximum": 9}),
        ("@interact\ndef f(m, n=(1, 9)):\n    pass", {"minimum": 1, "maximum": 9}),
        ("s = IntSlider(min=1)\ninteract(f, n=s)", {"minimum": 1}),
        ("s = IntSlider(min=1)\ninteractive_output(f, {'n': s})", {"minimum": 1}),
        ("interact(f, n=fixed(3))", {}),
        (
            "n = IntSlider(min=1, max=9, description='Trees:')",
            {"minimum": 1, "maximum": 9, "description": "Trees"},
        ),
        ("n = Dropdown(options=[5, 10])", {"enum": [5, 10]}),
        ("n = Dropdown(options=range(5, 8))", {"enum": [5, 6, 7]}),
        ("OPTIONS = [5, 10]\nn = Select(options=OPTIONS)", {"enum": [5, 10]}),
        (
            "n = RadioButtons(options=[('few', 5), ('many', 10)])",
            {"enum": [5, 10], "x-labels": ["few", "many"]},
        ),
        (
            "n = ToggleButtons(options={'few': 5, 'many': 10})",
            {"enum": [5, 10], "x-labels": ["few", "many"]},
        ),
        ("n = SelectionSlider(options=[5, 10])", {"enum": [5, 10]}),
        ("interact(f, n=[5, 10])", {"enum": [5, 10]}),
        ("interact(f, n={'few': 5, 'many': 10})", {"enum": [5, 10], "x-labels": ["few", "many"]}),
    ],
)
def test_a_whole_number(widget: str, limits: dict[str, Any]) -> None:
    assert schema("n = 5", widget) == {"type": "integer", "default": 5, **limits}


@pytest.mark.parametrize(
    ("line", "widget", "expected"),
    [
        (
            "n = 0.5",
            "n = FloatSlider(min=0, max=1.0, step=0.1)",
            {"type": "number", "default": 0.5, "minimum": 0, "maximum": 1.0, "x-step": 0.1},
        ),
        (
            "n = 0.5",
            "interact(f, n=(0.0, 1.0))",
            {"type": "number", "default": 0.5, "minimum": 0.0, "maximum": 1.0},
        ),
        (
            "n = 0.5",
            "n = BoundedFloatText(max=1)",
            {"type": "number", "default": 0.5, "maximum": 1},
        ),
        (
            "n = 1.0",
            "n = FloatLogSlider(base=10, min=-1, max=2)",
            {"type": "number", "default": 1.0, "minimum": 0.1, "maximum": 100.0},
        ),
        (
            "n = 1",
            "n = FloatSlider(min=0.5, max=2.5)",
            {"type": "integer", "default": 1, "minimum": 1, "maximum": 2},
        ),
        (
            "n = 0.5",
            "n = Dropdown(options=[0.5, 1])",
            {"type": "number", "default": 0.5, "enum": [0.5, 1.0]},
        ),
        (
            "n = 'a'",
            "n = Dropdown(options=['a', 'b'])",
            {"type": "string", "default": "a", "enum": ["a", "b"]},
        ),
        (
            "n = 'a'",
            "n = Dropdown(options=['a', None])",
            {"type": ["string", "null"], "default": "a", "enum": ["a", None]},
        ),
        (
            "n = None",
            "n = Dropdown(options=['a', 'b'])",
            {"type": ["string", "null"], "default": None, "enum": ["a", "b", None]},
        ),
        (
            "n = None",
            "n = IntSlider(min=1, max=2)",
            {"type": ["integer", "null"], "default": None, "minimum": 1, "maximum": 2},
        ),
        (
            "n = ['a']",
            "n = SelectMultiple(options=['a', 'b'])",
            {"type": "array", "default": ["a"], "items": {"type": "string", "enum": ["a", "b"]}},
        ),
        (
            "n = [1, 2]",
            "n = IntRangeSlider(min=0, max=9)",
            {
                "type": "array",
                "default": [1, 2],
                "items": {"type": "integer", "minimum": 0, "maximum": 9},
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (
            "n = True",
            "n = Checkbox(value=True, description='Robust')",
            {"type": "boolean", "default": True, "description": "Robust"},
        ),
        (
            "n = True  # help",
            "n = Checkbox(description='Robust')",
            {"type": "boolean", "default": True, "description": "help"},
        ),
        ("n = True", "interact(f, n=True)", {"type": "boolean", "default": True}),
        ("n = 'x'", "n = Text()", {"type": "string", "default": "x"}),
        ("n = 'x'", "n = Combobox(options=['a'])", {"type": "string", "default": "x"}),
        (
            "n = 'a'",
            "n = Combobox(options=['a'], ensure_option=True)",
            {"type": "string", "default": "a", "enum": ["a"]},
        ),
        (
            "n = '2026-01-01'",
            "n = DatePicker()",
            {"type": "string", "default": "2026-01-01", "format": "date"},
        ),
        (
            "n: Literal['a', 'b'] = 'a'",
            "n = Dropdown(options=[('A', 'a'), ('B', 'b')])",
            {"type": "string", "default": "a", "enum": ["a", "b"], "x-labels": ["A", "B"]},
        ),
        (
            "n: Literal['a'] = 'a'",
            "n = Dropdown(options=['a', 'b'])",
            {"type": "string", "default": "a", "enum": ["a"]},
        ),
        (
            "n: Annotated[int, Ge(2)] = 5",
            "n = IntSlider(min=0, max=9)",
            {"type": "integer", "default": 5, "minimum": 2, "maximum": 9},
        ),
    ],
)
def test_other_types(line: str, widget: str, expected: dict[str, Any]) -> None:
    assert schema(line, widget) == expected


def contradiction(parameters: str, widget: str) -> Check:
    found = read(parameters, IMPORT + widget)
    (check,) = found.checks
    assert (check.code, check.severity) == ("widget-contradicts", Severity.WARNING)
    assert (check.cell, check.line) == (1, 3)
    assert "`n`" in check.message
    return check


@pytest.mark.parametrize(
    ("line", "widget", "words"),
    [
        (
            "n = 50",
            "n = IntSlider(min=1, max=10)",
            "is not used: parameter 'n' cannot be 50: it must be at most 10",
        ),
        ("n = 'c'", "n = Dropdown(options=['a', 'b'])", "parameter 'n' cannot be 'c'"),
        ("n = 3", "interact(f, n=[1, 2])", "one of 1, 2"),
        ("n = 'c'", "n = IntSlider(min=1, max=10)", "integer values, and the parameter is string"),
        ("n = 'soon'", "n = DatePicker()", "a date such as"),
        ("n = 7", "n = IntSlider(min=0, max=10, step=5)", "a multiple of 5"),
    ],
)
def test_a_contradiction_names_both_and_is_left_out(line: str, widget: str, words: str) -> None:
    assert words in contradiction(line, widget).message
    alone = read(line, "print(n)").schema
    assert read(line, IMPORT + widget).schema == alone


def test_limits_of_a_widget_hold_before_a_run() -> None:
    found = read("n = 5", IMPORT + "n = IntSlider(min=0, max=10, step=5)").schema
    assert validate(found, {"n": 10}) == {"n": 10}
    for value, words in ((11, "at most 10"), (-5, "at least 0"), (7, "a multiple of 5")):
        with pytest.raises(InvalidInput, match=words):
            validate(found, {"n": value})
    several = read("n = ['a']", IMPORT + "n = SelectMultiple(options=['a', 'b'])").schema
    with pytest.raises(InvalidInput, match="one of"):
        validate(several, {"n": ["a", "c"]})
    pair = read("n = [1, 2]", IMPORT + "n = IntRangeSlider(min=0, max=9)").schema
    with pytest.raises(InvalidInput, match="exactly 2 items, not of 3"):
        validate(pair, {"n": [1, 2, 3]})


def test_source_that_no_reader_understands_is_no_widget() -> None:
    found = read("n = 5", "%%bash\nIntSlider", "IntSlider(", "n = IntSlider(*args, **more)")
    assert found.schema.properties["n"] == {"type": "integer", "default": 5}
