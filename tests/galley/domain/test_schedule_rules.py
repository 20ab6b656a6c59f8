from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import pytest
from galley.domain import cron, schedule_rules
from galley.domain.schedules import ScheduleRequest, jitter_of
from galley.errors import InvalidInput
from pydantic import ValidationError

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


def request_of(**fields: Any) -> ScheduleRequest:
    return ScheduleRequest.model_validate({"cron": "0 * * * *", **fields})


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        (
            {"start": "2026-04-02T00:00Z", "end": "2026-04-01T00:00Z"},
            "end",
            "The end 2026-04-01T00:00:00+00:00 is not after the start",
        ),
        ({"start": "2026-04-01T00:00Z", "end": "2026-04-01T00:00Z"}, "end", "is not after"),
        ({"end": "2026-03-02T08:30Z"}, "end", "never fires from now on until 2026-03-02T08:30"),
        (
            {"start": "2026-04-01T00:10Z", "end": "2026-04-01T00:20Z"},
            "end",
            "never fires from 2026-04-01T00:10",
        ),
        ({"jitter_s": 3600}, "jitter_s", "can be 3600 s apart. Allowed are 0 to 3599 s"),
        ({"cron": "*/5 * * * *", "jitter_s": 300}, "jitter_s", "0 to 299 s"),
        ({"cron": "0,30 6 * * 1", "jitter_s": 1800}, "jitter_s", "0 to 1799 s"),
        (
            {"cron": "59 1,2 * * *", "timezone": "Europe/Berlin", "jitter_s": 60},
            "jitter_s",
            "can be 60 s apart",
        ),
        ({"jitter_s": 600, "deadline_s": 600}, "deadline_s", "within the jitter"),
        ({"timezone": "Europe/Berln"}, "timezone", "not an IANA time zone"),
        ({"cron": "*/0 * * * *"}, "cron", "not a valid minute"),
        ({"cron": "0 0 31 2 *"}, "cron", "never fires"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused_by_field(
    fields: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        schedule_rules.check(request_of(**fields), NOW, prefix="schedule.")
    assert caught.value.field == f"schedule.{field}"
    assert words in caught.value.detail


@pytest.mark.parametrize(
    "fields",
    [
        {"priority": 101},
        {"priority": -101},
        {"jitter_s": -1},
        {"catch_up_limit": 0},
        {"catch_up_limit": 1001},
        {"max_active_runs": 0},
        {"deadline_s": 0},
        {"overlap": "maybe"},
        {"catch_up": "some"},
        {"start": "2026-04-02T00:00"},
        {"jitters": 1},
    ],
)
def test_a_value_outside_its_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request_of(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"jitter_s": 3599},
        {"cron": "@yearly", "jitter_s": 86400},
        {"cron": "0 0 29 2 *", "jitter_s": 10},
        {"end": "2026-03-02T09:00Z"},
    ],
)
def test_a_schedule_within_the_bounds_is_taken(fields: dict[str, Any]) -> None:
    schedule_rules.check(request_of(**fields), NOW)


def test_firings_lie_from_the_start_to_the_end_both_included() -> None:
    parsed = cron.parse("0 * * * *", "UTC")
    start, end = NOW + timedelta(hours=3), NOW + timedelta(hours=5)
    found = list(schedule_rules.within(parsed, start, end, NOW))
    assert found == [NOW + timedelta(hours=one) for one in (3, 4, 5)]
    assert next(schedule_rules.within(parsed, start, None, end)) == end + timedelta(hours=1)


def test_a_jitter_is_the_same_each_time_and_spread_over_its_length() -> None:
    firings = list(islice(cron.parse("0 * * * *", "UTC").after(NOW), 500))
    one, other = ([jitter_of(UUID(int=n), at, 600) for at in firings] for n in (1, 2))
    assert one == [jitter_of(UUID(int=1), at, 600) for at in firings]
    assert one != other
    seconds = [late.total_seconds() for late in one]
    assert min(seconds) >= 0
    assert max(seconds) <= 600
    assert 250 < sum(seconds) / len(seconds) < 350
    assert jitter_of(UUID(int=1), NOW, 0) == timedelta()


@pytest.mark.parametrize(
    ("expression", "zone", "words"),
    [
        ("30 2 * * *", "Europe/Berlin", "fires right after the jump"),
        ("*/5 * * * *", "Europe/Berlin", "follows real time"),
        ("0 * * * *", "America/New_York", "follows real time"),
        ("30 2 * * *", "UTC", "never changes"),
    ],
)
def test_the_rule_for_clock_changes_is_stated(expression: str, zone: str, words: str) -> None:
    assert words in cron.clock_rule(cron.parse(expression, zone))
