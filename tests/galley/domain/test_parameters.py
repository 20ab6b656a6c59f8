from __future__ import annotations

from datetime import UTC, datetime

from galley.domain.parameters import ParameterLayers, ParameterSchema, declared, time_values

SCHEMA = ParameterSchema(
    properties={
        "rounds": {"type": "integer", "default": 3},
        "logical_date": {"type": "string", "format": "date"},
        "data_interval_end": {"type": "string"},
    },
    required=("logical_date", "data_interval_end"),
)
START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


def test_only_declared_times_are_filled_and_a_date_gets_a_date() -> None:
    assert time_values(SCHEMA, END, START, END) == {
        "logical_date": "2026-03-02",
        "data_interval_end": "2026-03-02T06:30:00+00:00",
    }


def test_a_tenant_names_parameters_of_many_notebooks() -> None:
    assert declared(SCHEMA, {"rounds": 5, "elsewhere": 1}) == {"rounds": 5}


def test_later_layers_win() -> None:
    layers = ParameterLayers(
        notebook={"a": 1, "b": 1, "c": 1}, tenant={"b": 2, "c": 2}, run={"c": 3}
    )
    assert layers.merged() == {"a": 1, "b": 2, "c": 3}


def test_the_schema_is_a_closed_json_schema() -> None:
    document = SCHEMA.json_schema()
    assert document["additionalProperties"] is False
    assert document["required"] == ["logical_date", "data_interval_end"]
    assert SCHEMA.defaults() == {"rounds": 3}
