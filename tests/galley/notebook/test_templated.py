from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from galley.domain.parameters import ParameterSchema
from galley.domain.schedules import ScheduleRequest
from galley.domain.templates import Context
from galley.errors import InvalidInput
from galley.notebook.templated import check_schedule, resolve

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
CONTEXT = Context(AT, AT - timedelta(hours=1), AT, UUID(int=1), None, ZoneInfo("UTC"))
SCHEMA = ParameterSchema(
    properties={
        "day": {"type": "string", "format": "date"},
        "hour": {"type": "integer", "minimum": 0, "maximum": 23},
        "days": {"type": "array", "items": {"type": "string"}},
        "rate": {"type": "number"},
    }
)


def test_values_have_the_types_of_the_schema() -> None:
    values = {
        "day": "{{ logical_date | date }}",
        "hour": "{{ logical_date | date('%H') }}",
        "days": '["{{ logical_date | date }}", "x"]',
        "rate": 3,
    }
    assert resolve(SCHEMA, values, CONTEXT) == {
        "day": "2026-03-02",
        "hour": 9,
        "days": ["2026-03-02", "x"],
        "rate": 3.0,
    }
    assert resolve(SCHEMA, {"hour": "7", "rate": "0.5"}, CONTEXT) == {"hour": 7, "rate": 0.5}
    untyped = {"hour": "{{ logical_date | date('%H') }}", "rate": 3}
    assert resolve(None, untyped, CONTEXT) == {"hour": "09", "rate": 3}


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"other": "{{ run_id }}"}, "parameters.other", "is not a parameter"),
        ({"other": 1}, "parameters.other", "is not a parameter"),
        ({"hour": "{{ run_id }}"}, "parameters.hour", "expected a whole number"),
        ({"hour": 24}, "parameters.hour", "at most 23"),
        ({"day": "{{ logical_date }}"}, "parameters.day", "expected a date"),
        ({"days": ["{{ run_id }}"]}, "parameters.days", "within a list"),
        ({"day": "{{ previous_success | date }}"}, "parameters.day", "before the first success"),
    ],
)
def test_values_that_do_not_fit_are_refused(values: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        resolve(SCHEMA, values, CONTEXT)
    assert caught.value.field == field


def test_a_schedule_is_tried_for_the_firings_to_come() -> None:
    late = "{{ logical_date | date('%H') }}"
    schema = ParameterSchema(properties={"hour": {"type": "integer", "maximum": 11}})
    request = ScheduleRequest(cron="0 * * * *", parameters={"hour": late})
    check_schedule(request, SCHEMA, AT)
    with pytest.raises(InvalidInput, match="at most 11") as caught:
        check_schedule(request, schema, AT, prefix="schedule.")
    assert caught.value.field == "schedule.parameters.hour"
    check_schedule(request.model_copy(update={"cron": "0 9 * * *"}), schema, AT)
