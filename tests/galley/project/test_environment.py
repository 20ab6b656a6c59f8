"""Against Ploomber's own reading of ``env.yaml`` and ``pipeline.yaml``."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from galley.domain.parameters import ParameterSchema
from galley.project.environment import (
    RENAMED,
    encode,
    environment_keys,
    environment_yaml,
    placeholder,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from ploomber.env.envdict import EnvDict
from ploomber.env.expand import expand_raw_dictionary

TRICKY = [
    "3",
    "true",
    "None",
    "{{x}}",
    "[[x]]",
    "{% raw %}",
    "{# #}",
    "'",
    '"',
    "\\",
    "a\nb\n",
    "[1]",
    "1e5",
    "2026-03-29",
    "it's {x}",
    "yes",
    "~",
    "[ [",
    "{'a': 1}",
    "x == y",
    " ",
    "",
    "\x85",
]
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(TRICKY)
numbers = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**70), 2**70)
anything = st.recursive(
    st.none() | st.booleans() | integers | numbers | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)


def through_ploomber(
    properties: dict[str, dict[str, Any]], values: dict[str, Any], given_: dict[str, str]
) -> dict[str, Any]:
    """Return the values that Ploomber gives to the task; ``given_`` as by ``--env--``."""
    raw = yaml.safe_load(environment_yaml(ParameterSchema(properties=properties), values))
    environment = EnvDict(raw)._replace_flatten_keys(
        {f"env__{key}": value for key, value in given_.items()}
    )
    keys = environment_keys(properties)
    placeholders = {name: placeholder(properties[name], key) for name, key in keys.items()}
    expanded: dict[str, Any] = expand_raw_dictionary(placeholders, environment)
    return expanded


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, all the way down; ``-0.0`` is not ``0.0``."""
    return repr(one) == repr(other)


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"type": "string"}, text),
        ({"type": "number"}, numbers),
        ({"type": "integer"}, integers),
        ({"type": "boolean"}, st.booleans()),
        ({"type": "array"}, st.lists(anything, max_size=4)),
        ({"type": "object"}, st.dictionaries(text, anything, max_size=4)),
        ({"type": ["string", "null"]}, text | st.none()),
        ({"type": ["number", "null"]}, numbers | st.none()),
        ({"type": ["array", "null"]}, st.lists(text) | st.none()),
        ({}, anything),
    ],
    ids=lambda one: str(one) if isinstance(one, dict) else "",
)
def test_every_value_keeps_its_type(schema: dict[str, Any], values: st.SearchStrategy[Any]) -> None:
    @given(value=values)
    @settings(deadline=None, max_examples=60)
    def check(value: Any) -> None:
        properties = {"a": {**schema, "default": None}}
        assert same(through_ploomber(properties, {"a": value}, {}), {"a": value})

    check()


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        ({"type": "integer"}, "3", 3),
        ({"type": "integer"}, "-3", -3),
        ({"type": "number"}, "3", 3.0),
        ({"type": "number"}, "1e-3", 1e-3),
        ({"type": "boolean"}, "false", False),
        ({"type": "string"}, "plain text", "plain text"),
        ({"type": "string"}, "2026-03-29", "2026-03-29"),
        ({"type": "string"}, 'it\'s {x} "q"\nnext', 'it\'s {x} "q"\nnext'),
        ({"type": "string"}, '"3"', "3"),
        ({"type": "string"}, "'true'", "true"),
        ({"type": "array"}, "[1, 'a', None]", [1, "a", None]),
        ({"type": "object"}, "{'a': {'b': 1}}", {"a": {"b": 1}}),
        ({"type": ["string", "null"]}, "None", None),
        ({"type": ["number", "null"]}, "None", None),
        ({}, "None", None),
        ({}, "[1]", [1]),
    ],
)
def test_a_value_given_to_one_build_keeps_its_type(
    schema: dict[str, Any], typed: str, value: Any
) -> None:
    properties = {"a": {**schema, "default": None}}
    defaults = {"a": {"string": "x", "number": 1.0}.get(str(schema.get("type")))}
    assert same(through_ploomber(properties, defaults, {"a": typed}), {"a": value})


@pytest.mark.parametrize("typed", ["3", "1.10", "true", "None", "[1]"])
def test_text_that_ploomber_would_change_silently_is_an_error(typed: str) -> None:
    properties = {"a": {"type": "string", "default": "x"}}
    with pytest.raises(TypeError):
        through_ploomber(properties, {"a": "x"}, {"a": typed})


@pytest.mark.parametrize(
    "name", [*sorted(RENAMED), "_private", "__dunder", "a__b", "größe", "env", "range", "dict"]
)
def test_every_name_can_be_a_parameter(name: str) -> None:
    properties = {name: {"type": "string", "default": "x"}}
    assert through_ploomber(properties, {name: "3"}, {}) == {name: "3"}


def test_names_stay_as_they_are_where_they_can_and_never_meet() -> None:
    keys = environment_keys(["_a", "a", "a_", "path", "path_", "__a", "n"])
    assert keys["a"] == "a"
    assert keys["path_"] == "path_"
    assert keys["n"] == "n"
    assert len(set(keys.values())) == len(keys)
    assert list(keys) == ["_a", "a", "a_", "path", "path_", "__a", "n"]


def test_simple_values_are_written_simply() -> None:
    properties: dict[str, dict[str, Any]] = {
        name: {"type": kind, "default": None}
        for name, kind in {"n": "integer", "s": "string", "l": "array", "path": "string"}.items()
    }
    written = environment_yaml(
        ParameterSchema(properties=properties),
        {"n": 3, "s": "breast cancer", "l": [1, 2], "path": "data/x.csv"},
    )
    assert written.splitlines()[3:] == [
        "n: 3",
        "s: breast cancer",
        "l:",
        "- 1",
        "- 2",
        "# the parameter `path`",
        "path_: data/x.csv",
    ]


def test_a_parameter_without_default_is_told() -> None:
    schema = ParameterSchema(properties={"n": {"type": "number"}}, required=("n",))
    assert "`n` has no default" in environment_yaml(schema, {})
    assert through_ploomber(schema.properties, {}, {}) == {"n": None}
    assert through_ploomber(schema.properties, {}, {"n": "2"}) == {"n": 2.0}


def test_no_parameters_is_still_a_mapping() -> None:
    assert yaml.safe_load(environment_yaml(ParameterSchema(), {})) == {}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), (1,), {1, 2}, b""])
def test_what_is_not_json_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not finite JSON"):
        encode({}, value)
