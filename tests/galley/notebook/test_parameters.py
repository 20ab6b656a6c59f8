from __future__ import annotations

import math
from typing import Any

import nbformat
import papermill.parameterize
import papermill.translators
import pytest
from galley.domain.parameters import ParameterSchema
from galley.domain.versions import Severity
from galley.errors import InvalidInput
from galley.notebook.parameters import (
    Inferred,
    complete,
    infer,
    inspect,
    parse_text,
    rehearsal_parameters,
    validate,
)
from galley.notebook.source import read_cells
from hypothesis import example, given, settings
from hypothesis import strategies as st

from .builders import code, markdown, notebook, with_parameters


def properties(source: str) -> dict[str, dict[str, Any]]:
    return infer(with_parameters(source)).properties


@pytest.mark.parametrize(
    ("line", "schema"),
    [
        ("a: int = 3", {"type": "integer", "default": 3}),
        ("a: float = 1", {"type": "number", "default": 1.0}),
        ("a: bool = True", {"type": "boolean", "default": True}),
        ("a: str = 'x'", {"type": "string", "default": "x"}),
        ("a = -3", {"type": "integer", "default": -3}),
        ("a = 1e-3", {"type": "number", "default": 1e-3}),
        ("a = None", {"default": None}),
        ("a: int", {"type": "integer"}),
        ("a = [1, 2.5]", {"type": "array", "items": {"type": "number"}, "default": [1.0, 2.5]}),
        ("a = ['x']", {"type": "array", "items": {"type": "string"}, "default": ["x"]}),
        ("a = []", {"type": "array", "default": []}),
        ("a = [1, 'x']", {"type": "array", "default": [1, "x"]}),
        ("a = {'k': [1]}", {"type": "object", "default": {"k": [1]}}),
        (
            "a: list[float] = [1]",
            {"type": "array", "items": {"type": "number"}, "default": [1.0]},
        ),
        (
            "a: dict[str, int] = {'k': 1}",
            {"type": "object", "additionalProperties": {"type": "integer"}, "default": {"k": 1}},
        ),
        (
            "a: Literal['x', 'y'] = 'y'",
            {"type": "string", "enum": ["x", "y"], "default": "y"},
        ),
        ("a: Optional[int] = None", {"type": ["integer", "null"], "default": None}),
        ("a: typing.Optional[int] = 3", {"type": ["integer", "null"], "default": 3}),
        ("a: 'str | None' = None", {"type": ["string", "null"], "default": None}),
        ("a: int | float = 1", {"type": "number", "default": 1.0}),
        (
            "a: Literal['x', None] = None",
            {"type": ["string", "null"], "enum": ["x", None], "default": None},
        ),
        (
            "a: date = '2026-03-29'",
            {"type": "string", "format": "date", "default": "2026-03-29"},
        ),
        (
            "a: datetime.datetime = '2026-03-29T02:00:00+00:00'",
            {"type": "string", "format": "date-time", "default": "2026-03-29T02:00:00+00:00"},
        ),
        (
            "a = 3 # type: float # the rate",
            {"type": "number", "default": 3.0, "description": "the rate"},
        ),
        ("a = 3  # trees in it", {"type": "integer", "default": 3, "description": "trees in it"}),
        ("a = '# no comment'", {"type": "string", "default": "# no comment"}),
        (
            "a = [\n  '1',  # first\n]  # the list",
            {
                "type": "array",
                "items": {"type": "string"},
                "default": ["1"],
                "description": "the list",
            },
        ),
        (
            "a: Annotated[float, 'share', Field(ge=0, le=1)] = 0.5",
            {
                "type": "number",
                "default": 0.5,
                "description": "share",
                "minimum": 0,
                "maximum": 1,
            },
        ),
    ],
)
def test_the_schema_of_a_line(line: str, schema: dict[str, Any]) -> None:
    assert properties(line) == {"a": schema}


def test_order_and_required_and_cell() -> None:
    made = notebook(markdown("# T"), code("b: int\na = 1", "parameters"), "print(a)")
    schema = infer(made)
    assert list(schema.properties) == ["b", "a"]
    assert schema.required == ("b",)
    assert schema.cell == 1


def test_magics_imports_and_docstrings_beside_parameters_do_no_harm() -> None:
    found = inspect(
        read_cells(with_parameters('"""Settings."""\nfrom typing import Literal\na = 1'))
    )
    assert list(found.schema.properties) == ["a"]
    assert found.checks == ()


@pytest.mark.parametrize(
    ("line", "code_", "words"),
    [
        ("a = date.today()", "non-literal-parameter", "not a literal"),
        ("a = 10 * 60", "non-literal-parameter", "not a literal"),
        ("a = f'{b}'", "non-literal-parameter", "not a literal"),
        ("a = (1, 2)", "non-literal-parameter", "tuple"),
        ("a = [{1, 2}]", "non-literal-parameter", "set"),
        ("a = 1e999", "non-literal-parameter", "not a finite number"),
        ("a = {1: 2}", "non-literal-parameter", "key 1 is not text"),
        ("a: int = 'x'", "parameter-type", "expected a whole number, not text"),
        ("a: Literal[1, 2] = 3", "parameter-type", "one of 1, 2"),
        ("a: date = 'soon'", "parameter-type", "a date such as"),
        ("a: bool = 1", "parameter-type", "expected true or false"),
        ("a: DataFrame = 1", "unknown-type-hint", "`DataFrame` of `a`"),
        ("a, b = 1, 2", "not-a-parameter", "plain `name = value`"),
        ("if True: a = 1", "not-a-parameter", "plain `name = value`"),
        ("a = 1\na = 2", "duplicate-parameter", "set twice"),
        ("product = 1", "reserved-parameter", "Ploomber"),
        ("upstream = 1", "reserved-parameter", "Ploomber"),
    ],
)
def test_what_is_no_parameter_is_reported_with_its_line(line: str, code_: str, words: str) -> None:
    found = inspect(read_cells(with_parameters(f"first = 1\n{line}")))
    assert [check.code for check in found.checks] == [code_]
    check = found.checks[0]
    assert words in check.message
    assert check.message.startswith("cell 1 (parameters), line ")
    assert (check.cell, check.line) == (0, 3 if code_ == "duplicate-parameter" else 2)
    assert ("a" in found.schema.properties) == (
        code_ in {"unknown-type-hint", "duplicate-parameter"}
    )
    assert "first" in found.schema.properties


def test_no_parameters_cell_is_told() -> None:
    found = inspect(read_cells(notebook(markdown("# T"), "x = 1")))
    assert found.schema == ParameterSchema()
    assert [(check.code, check.severity) for check in found.checks] == [
        ("no-parameters", Severity.INFO)
    ]


def test_only_the_first_tagged_cell_counts() -> None:
    found = inspect(read_cells(notebook(code("a = 1", "parameters"), code("b = 1", "parameters"))))
    assert list(found.schema.properties) == ["a"]
    assert found.checks[0].code == "many-parameter-cells"
    assert found.checks[0].cell == 1


def test_parameters_that_nothing_follows_stop_publishing() -> None:
    found = inspect(read_cells(notebook("x = 1", code("a = 1", "parameters"), markdown("  "))))
    assert [(check.code, check.severity) for check in found.checks] == [
        ("parameters-last", Severity.ERROR)
    ]


SCHEMA = infer(
    with_parameters(
        "n: int = 3\nrate: float = 0.5\nflag: bool = False\nname: str = 'x'\n"
        "xs: list[int] = [1]\nopt: Optional[str] = None\nkind: Literal['a', 'b'] = 'a'\n"
        "anything = None\nmaybe: Optional[int] = None\nwhen: datetime = '2026-01-01'\n"
        "conf: dict[str, float] = {}\nneeded: int"
    )
)


@pytest.mark.parametrize(
    ("name", "given_", "typed"),
    [
        ("n", 4, 4),
        ("rate", 1, 1.0),
        ("rate", 2.5, 2.5),
        ("flag", True, True),
        ("name", "", ""),
        ("xs", [], []),
        ("opt", None, None),
        ("kind", "b", "b"),
        ("anything", {"k": [None, 1]}, {"k": [None, 1]}),
        ("conf", {"k": 1}, {"k": 1.0}),
    ],
)
def test_valid_values_are_typed(name: str, given_: Any, typed: Any) -> None:
    value = validate(SCHEMA, {name: given_})[name]
    assert value == typed
    assert type(value) is type(typed)


@pytest.mark.parametrize(
    ("name", "value", "words", "field"),
    [
        ("m", 1, "'m' is not a parameter of this notebook; its parameters: n, rate", "m"),
        ("n", True, "expected a whole number, not true or false", "n"),
        ("n", 3.0, "expected a whole number, not a number", "n"),
        ("n", "3", "expected a whole number, not text", "n"),
        ("n", None, "not nothing", "n"),
        ("rate", math.nan, "finite", "rate"),
        ("rate", math.inf, "finite", "rate"),
        ("rate", 2**53 + 1, "exactly", "rate"),
        ("rate", 10**400, "exactly", "rate"),
        ("flag", 1, "expected true or false", "flag"),
        ("name", "\ud800", "UTF-8", "name"),
        ("xs", [1, "2"], "expected a whole number, not text", "xs[1]"),
        ("xs", (1, 2), "tuple has no JSON form", "xs"),
        ("kind", "c", 'one of "a", "b"', "kind"),
        ("anything", [math.nan], "finite", "anything[0]"),
        ("anything", {1: 2}, "key 1 is not text", "anything"),
        ("when", "soon", "a date and time such as", "when"),
        ("conf", {"k": "x"}, "expected a number, not text", "conf.k"),
    ],
)
def test_invalid_values_are_refused_with_their_path(
    name: str, value: Any, words: str, field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(SCHEMA, {"n": 1, name: value})
    assert words in caught.value.detail
    assert caught.value.field == f"parameters.{field}"


@pytest.mark.parametrize(
    ("line", "value", "words"),
    [
        ("a: Annotated[float, Field(ge=0, lt=1)] = 0.5", 1, "less than 1"),
        ("a: Annotated[float, Field(ge=0, lt=1)] = 0.5", -1, "at least 0"),
        ("a: Annotated[int, Le(3), Gt(0)] = 2", 4, "at most 3"),
        ("a: Annotated[int, Le(3), Gt(0)] = 2", 0, "more than 0"),
    ],
)
def test_limits_hold(line: str, value: float, words: str) -> None:
    schema = infer(with_parameters(line))
    with pytest.raises(InvalidInput, match=words):
        validate(schema, {"a": value})


def test_complete_adds_defaults_and_asks_for_the_rest() -> None:
    values = complete(SCHEMA, {"needed": 1, "rate": 2})
    assert list(values) == list(SCHEMA.properties)
    assert (values["rate"], values["n"], values["needed"]) == (2.0, 3, 1)
    with pytest.raises(InvalidInput, match="'needed' has no default") as caught:
        complete(SCHEMA, {})
    assert caught.value.field == "parameters.needed"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("n", "3", 3),
        ("n", " +3 ", 3),
        ("rate", "3", 3.0),
        ("rate", "1e-3", 1e-3),
        ("rate", ".5", 0.5),
        ("flag", "True", True),
        ("name", "3", "3"),
        ("name", "null", "null"),
        ("name", ' "q" ', ' "q" '),
        ("opt", "null", None),
        ("opt", "none", "none"),
        ("maybe", "null", None),
        ("maybe", "7", 7),
        ("xs", "[1, 2]", [1, 2]),
        ("conf", '{"k": 1}', {"k": 1.0}),
        ("anything", "[1]", [1]),
        ("anything", "plain", "plain"),
        ("kind", "b", "b"),
    ],
)
def test_text_from_a_command_line(name: str, text: str, value: Any) -> None:
    parsed = parse_text(SCHEMA, name, text)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("n", "3.5", "expected a whole number"),
        ("n", "three", "written as JSON"),
        ("n", "true", "expected a whole number"),
        ("rate", "nan", "expected a number"),
        ("rate", "1e999", "finite"),
        ("rate", "NaN", "finite"),
        ("flag", "1", "expected true or false"),
        ("xs", "1, 2", "expected a list written as JSON"),
        ("nope", "1", "its parameters: n"),
    ],
)
def test_bad_text_from_a_command_line(name: str, text: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        parse_text(SCHEMA, name, text)
    assert caught.value.field == f"parameters.{name}"


def test_rehearsal_parameters_come_from_the_metadata() -> None:
    made = notebook(
        code("n: int = 100\nrate: float = 1", "parameters"),
        "n",
        galley={"rehearsal_parameters": {"n": 3, "rate": 2}},
    )
    assert rehearsal_parameters(made) == {"n": 3, "rate": 2.0}
    assert rehearsal_parameters(with_parameters("n = 1")) == {}


@pytest.mark.parametrize("asked", [{"m": 1}, {"n": "x"}, [1]])
def test_bad_rehearsal_parameters_are_refused(asked: Any) -> None:
    made = notebook(code("n = 1", "parameters"), "n", galley={"rehearsal_parameters": asked})
    with pytest.raises(InvalidInput):
        rehearsal_parameters(made)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(value=json_values)
@example(value=[2**53 + 1, 0.0])
@settings(max_examples=200, deadline=None)
def test_a_value_that_papermill_injects_is_read_back_the_same(value: Any) -> None:
    made = nbformat.from_dict(with_parameters("a = None"))
    for cell in made.cells:
        cell.metadata.setdefault("tags", [])
    made.metadata.update(kernelspec={"name": "python3", "language": "python"}, papermill={})
    injected = papermill.parameterize.parameterize_notebook(
        made, validate(infer(made), {"a": value})
    )
    cell = next(cell for cell in injected.cells if "injected-parameters" in cell.metadata.tags)
    namespace: dict[str, Any] = {}
    exec(cell.source, namespace)
    assert namespace["a"] == value
    assert type(namespace["a"]) is type(value)
    cell.metadata.tags = ["parameters"]
    assert infer({**made, "cells": [cell, code("a")]}).properties["a"]["default"] == value


COLOURS = "from enum import Enum\nclass Colour(Enum):\n    RED = 'red'\n    BLUE = 'blue'\n"


def in_one_cell(source: str) -> Inferred:
    return inspect(read_cells(with_parameters(source)))


@pytest.mark.parametrize("hint", ["Colour", "'Colour'", "Optional[Colour]"])
def test_an_enum_of_the_notebook_gives_its_values_as_choices(hint: str) -> None:
    schema = in_one_cell(f"{COLOURS}a: {hint} = 'red'").schema.properties["a"]
    assert schema["enum"][:2] == ["red", "blue"]
    assert ("null" in schema["type"]) == (hint == "Optional[Colour]")
    assert schema["default"] == "red"


def test_an_enum_of_an_earlier_cell_has_its_members_as_labels() -> None:
    cells = notebook(COLOURS, code("a: Colour = 'red'", "parameters"), "print(Colour(a))")
    assert infer(cells).properties["a"] == {
        "type": "string",
        "enum": ["red", "blue"],
        "x-labels": ["RED", "BLUE"],
        "default": "red",
    }


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ("class C(IntEnum):\n    A = 1\n    B = 2", [1, 2]),
        ("class C(enum.StrEnum):\n    A = auto()\n    B = auto()", ["a", "b"]),
        ("class C(str, Enum):\n    _hidden = 1\n    A = 'x'\n    def f(self): pass", ["x"]),
        ("class C(Enum):\n    A = 1\n    B = 'x'", None),
        ("class C(Enum):\n    A = auto()", None),
        ("class C(Enum):\n    A = object()", None),
        ("class C:\n    A = 1", None),
    ],
)
def test_which_enum_classes_are_read(body: str, values: list[Any] | None) -> None:
    found = in_one_cell(f"{body}\na: C")
    assert found.schema.properties["a"].get("enum") == values
    assert ("unknown-type-hint" in [check.code for check in found.checks]) == (values is None)


RED_OR_BLUE = {"type": "string", "enum": ["red", "blue"], "x-labels": ["RED", "BLUE"]}
DAY = {"type": "string", "format": "date"}
PATH = {"type": "string", "format": "path"}


@pytest.mark.parametrize(
    ("line", "default", "schema", "conversion"),
    [
        ("a = Colour.RED", "red", RED_OR_BLUE, "Colour(a)"),
        ("a: Colour = Colour.BLUE", "blue", RED_OR_BLUE, "Colour(a)"),
        ("a = date(2026, 3, 1)", "2026-03-01", DAY, "date.fromisoformat(a)"),
        ("a: date = date(2026, 3, 1)", "2026-03-01", DAY, "date.fromisoformat(a)"),
        ("a = datetime.date(2026, 3, 1)", "2026-03-01", DAY, "datetime.date.fromisoformat(a)"),
        ("a = Path('data') ", "data", PATH, "Path(a)"),
        ("a: Path = Path()", ".", PATH, "Path(a)"),
        ("a = pathlib.Path('data', 'x.csv')", "data/x.csv", PATH, "pathlib.Path(a)"),
        ("a: str = Path('data')", "data", PATH, "Path(a)"),
    ],
)
def test_an_object_is_a_parameter_by_the_literal_that_it_is_made_of(
    line: str, default: str, schema: dict[str, Any], conversion: str
) -> None:
    found = in_one_cell(COLOURS + line)
    assert found.checks == ()
    one = found.schema.properties["a"]
    assert one.pop("x-python").startswith(conversion)
    assert one == {**schema, "default": default}


def test_a_member_of_an_enum_can_be_given_by_its_value_only() -> None:
    schema = in_one_cell(f"{COLOURS}a = Colour.RED").schema
    assert validate(schema, {"a": "blue"}) == {"a": "blue"}
    with pytest.raises(InvalidInput, match='one of "red", "blue"'):
        validate(schema, {"a": "BLUE"})


@pytest.mark.parametrize(
    "line", ["a = Colour.PINK", "a = date(2026, 13, 1)", "a = Path(b)", "a = f().Path('x')"]
)
def test_an_object_that_cannot_be_read_is_only_told(line: str) -> None:
    (check,) = in_one_cell(COLOURS + line).checks
    assert "not a literal" in check.message


def test_a_path_is_text_that_is_not_empty() -> None:
    schema = in_one_cell("a: Path = 'data.csv'").schema
    assert schema.properties["a"] == {"type": "string", "format": "path", "default": "data.csv"}
    assert validate(schema, {"a": "x/y.csv"}) == {"a": "x/y.csv"}
    for value in ("", "  ", "x\0y", 5):
        with pytest.raises(InvalidInput, match="the path of a file or folder"):
            validate(schema, {"a": value})


@pytest.mark.parametrize(
    ("source", "help_"),
    [
        ("# trees in the forest\na = 1", "trees in the forest"),
        ("# trees in\n# the forest\na = 1", "trees in the forest"),
        ("# above\na = 1  # beside", "beside"),
        ("# far\n\na = 1", None),
        ("# Parameters\na = 1", None),
        ("# a = 5\na = 1", None),
        ("# --------\n# help\na = 1", "help"),
        ("# noqa: E501\na = 1", None),
        ("b = 2  # of b\na = 1", None),
    ],
)
def test_comments_above_are_help(source: str, help_: str | None) -> None:
    assert in_one_cell(source).schema.properties["a"].get("description") == help_
