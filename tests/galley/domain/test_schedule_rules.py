from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from uuid import UUID

import pytest
from galley.domain import cron, schedule_rules
from galley.domain.schedules import ScheduleRequest, jitter_of
from galley.errors import InvalidInput
from hypothesis import given, settings
from hypothesis import strategies as st
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
            "The end 2026-04-01 00:00 (UTC) is not after the start",
        ),
        ({"start": "2026-04-01T00:00Z", "end": "2026-04-01T00:00Z"}, "end", "is not after"),
        ({"end": "2026-03-02T08:30Z"}, "end", "never fires from now on until 2026-03-02 08:30"),
        (
            {"start": "2026-04-01T00:10Z", "end": "2026-04-01T00:20Z"},
            "end",
            "never fires from 2026-04-01 00:10",
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


@pytest.mark.parametrize(
    ("expression", "zone", "seconds"),
    [
        ("*/5 * * * *", "Europe/Berlin", 300),
        ("*/7 * * * *", "Europe/Berlin", 240),
        ("0,58 0,23 * * *", "Europe/Berlin", 120),
        ("0,58 0,23 * * 1", "Europe/Berlin", 58 * 60),
        ("*/10 1-4 * * *", "Europe/Berlin", 600),
        ("10,45 */1 * * *", "Europe/Berlin", 25 * 60),
        ("45 2 * * *", "Europe/Berlin", 23 * 3600 + 15 * 60),
        ("0,10,20,30,45 0-23 * * *", "UTC", 600),
        ("45 2,3 * * *", "Europe/Berlin", 45 * 60),
        ("10,20,30,40,50 2,3-22 * * *", "Europe/Berlin", 600),
        # What is jumped over fires at 03:00, four minutes after 01:56.
        ("8,20,32,44,56 0-23 * * *", "Europe/Berlin", 4 * 60),
        ("0 12 * * *", "Europe/Berlin", 23 * 3600),
        ("* * * * *", "Europe/Berlin", 60),
        ("0 0 29 2 *", "Europe/Berlin", None),
        ("0 0 1 * *", "UTC", 28 * 86400),
    ],
)
def test_the_shortest_time_between_firings_is_found_over_the_year(
    expression: str, zone: str, seconds: int | None
) -> None:
    found = schedule_rules.shortest_gap(cron.parse(expression, zone), NOW)
    assert found == (None if seconds is None else timedelta(seconds=seconds))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(0, 59), min_size=1, max_size=3, unique=True),
    st.sampled_from(["*", "0-23", "2", "1,2,3", "*/6", "0,23"]),
    st.sampled_from(["* * *", "* * 1", "1,15,16 * *", "31 * *", "* 3 *"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"]),
)
def test_the_shortest_time_is_that_of_all_firings(
    minutes: list[int], hours: str, days: str, zone: str
) -> None:
    parsed = cron.parse(f"{','.join(map(str, minutes))} {hours} {days}", zone)
    found = schedule_rules.shortest_gap(parsed, NOW)
    year = takewhile(lambda at: at < NOW + timedelta(days=400), parsed.after(NOW))
    shortest = min((at - before for before, at in pairwise(year)), default=None)
    if found is None or shortest is None or found > timedelta(days=1):
        assert shortest is None or shortest > timedelta(hours=22)
    else:
        assert found == shortest


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
