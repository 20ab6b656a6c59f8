"""The layers of a run's values, checked against the version's schema."""

from __future__ import annotations

from typing import Any

import pytest
from galley.domain.parameters import ParameterSchema
from galley.domain.tenants import Tenant
from galley.domain.versions import Analysis
from galley.errors import InvalidInput
from galley.store.run_parameters import Interval, values_of
from galley.store.tables import VersionRow

from tests.galley.world import START, TENANTS

SCHEMA = ParameterSchema(
    properties={
        "rounds": {"type": "integer", "default": 3, "minimum": 1, "maximum": 10},
        "kind": {"type": "string", "default": "a", "enum": ["a", "b"]},
        "since": {"type": "string", "format": "date", "default": "2026-01-01"},
        "data": {"type": "string", "format": "path", "default": "x.csv"},
        "columns": {"type": "array", "items": {"type": "string", "enum": ["u", "v"]}},
    },
    required=("columns",),
)
NOTEBOOK = {"rounds": 4, "columns": ["u"]}


def tenant_with(**parameters: Any) -> Tenant:
    return TENANTS.tenants["lab"].model_copy(update={"parameters": parameters})


def values(tenant: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    analysis = Analysis(parameters=SCHEMA).model_dump(mode="json")
    version = VersionRow(analysis=analysis, defaults=NOTEBOOK)
    return values_of(version, tenant_with(**tenant), run, Interval(START, START, START))


def test_a_tenants_values_lie_between_the_version_and_the_run() -> None:
    assert values({}, {})["rounds"] == 4
    assert values({"rounds": 5}, {})["rounds"] == 5
    assert values({"rounds": 5}, {"rounds": 6})["rounds"] == 6
    assert values({"rounds": 5, "elsewhere": 1}, {}) == {
        "rounds": 5,
        "kind": "a",
        "since": "2026-01-01",
        "data": "x.csv",
        "columns": ["u"],
    }


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rounds", 11, "at most 10"),
        ("rounds", 0, "at least 1"),
        ("rounds", "many", "a whole number"),
        ("kind", "c", 'one of "a", "b"'),
        ("since", "soon", "a date such as"),
        ("data", "", "the path of a file"),
        ("columns", ["u", "w"], 'one of "u", "v"'),
        ("columns", "u", "a list"),
    ],
)
def test_a_value_out_of_range_is_refused_in_every_layer(name: str, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        values({}, {name: value})
    assert str(caught.value.field).startswith(f"parameters.{name}")
    with pytest.raises(InvalidInput, match=words) as caught:
        values({name: value}, {})
    assert caught.value.detail.startswith("the tenant's own value does not fit this version")
    assert str(caught.value.field).startswith(f"parameters.{name}")


def test_a_tenants_wrong_value_does_no_harm_where_the_run_gives_another() -> None:
    assert values({"rounds": 11}, {"rounds": 5})["rounds"] == 5
