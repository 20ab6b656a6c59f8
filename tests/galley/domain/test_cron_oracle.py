"""Firings against a simulation of Debian's cron, and against what went wrong elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from galley.domain import cron, timezones
from galley.errors import InvalidInput
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.galley.domain import debian_cron

FIRST, LAST = datetime(1997, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
WINDOW = timedelta(hours=40)


@cache
def days_of_change(zone: str) -> tuple[datetime, ...]:
    """Return the days (UTC) of thirty years during which the zone's clock changes."""
    where = ZoneInfo(zone)
    offsets = []
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        offsets.append((day, day.astimezone(where).utcoffset()))
    return tuple(before for (before, old), (_, new) in pairwise(offsets) if old != new)


def number(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low, high).map(str)


def span(low: int, high: int) -> st.SearchStrategy[str]:
    ends = st.tuples(st.integers(low, high), st.integers(low, high))
    return ends.map(lambda pair: f"{min(pair)}-{max(pair)}")


def field(low: int, high: int) -> st.SearchStrategy[str]:
    steps = st.integers(1, high).map(str)
    part = st.one_of(
        number(low, high),
        span(low, high),
        st.tuples(span(low, high), steps).map("/".join),
    )
    return st.one_of(
        st.just("*"),
        steps.map(lambda step: f"*/{step}"),
        number(low, high),
        st.lists(part, min_size=1, max_size=3).map(",".join),
    )


nights = st.one_of(
    st.sampled_from(["0", "1", "2", "3", "1,2", "2-3", "0-4", "23", "1-5/2"]), field(0, 23)
)
days = st.one_of(st.just("*"), field(1, 31))
months = st.one_of(st.just("*"), field(1, 12), st.sampled_from(["mar,oct", "sep-nov"]))
weekdays = st.one_of(st.just("*"), field(0, 7), st.sampled_from(["sun", "sat,sun", "mon-fri"]))
expressions = st.one_of(
    st.tuples(field(0, 59), nights).map(lambda pair: f"{pair[0]} {pair[1]} * * *"),
    st.tuples(field(0, 59), nights, days, months, weekdays).map(" ".join),
)


def agrees(expression: str, zone: str, after: datetime) -> None:
    until = after + WINDOW
    expected = debian_cron.firings(expression, zone, after, until)
    try:
        parsed = cron.parse(expression, zone)
    except InvalidInput:  # a day that no month of it has, as 30 February
        assert expected == [], expression
        return
    found = list(takewhile(lambda at: at <= until, islice(parsed.after(after), 2500)))
    assert found == expected, (expression, zone, after)
    assert parsed.last_between(after, until, 3)[0] == expected[-3:]


@settings(max_examples=150, deadline=None)
@given(expressions, st.sampled_from(timezones.names()), st.data())
def test_around_changes_of_the_clock(expression: str, zone: str, data: st.DataObject) -> None:
    changes = days_of_change(zone)
    assume(changes)
    change = data.draw(st.sampled_from(changes))
    agrees(expression, zone, change + timedelta(minutes=data.draw(st.integers(-600, 1500))))


@settings(max_examples=40, deadline=None)
@given(
    expressions,
    st.sampled_from(timezones.names()),
    st.integers(0, int((LAST - FIRST) / timedelta(seconds=1))),
)
def test_on_any_day(expression: str, zone: str, seconds: int) -> None:
    agrees(expression, zone, FIRST + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("30 2 * * *", "Europe/Berlin"),
        ("15,45 1-2 * * *", "Antarctica/Troll"),  # moves by two hours
        ("0,30 0-3 * * *", "Antarctica/Casey"),  # by three, there and back
        ("0 12 * * *", "Pacific/Apia"),  # by a day
        ("10 */2 * * *", "Australia/Lord_Howe"),  # by half an hour
        ("59 23 * * *", "America/Caracas"),
        ("5 0 * * *", "Asia/Gaza"),
    ],
)
def test_at_every_change_of_thirty_years(expression: str, zone: str) -> None:
    for change in days_of_change(zone):
        agrees(expression, zone, change - timedelta(hours=5))


LOS_ANGELES, NEW_YORK = "America/Los_Angeles", "America/New_York"
REPORTED = [
    (
        "https://github.com/apache/airflow/issues/7999",
        *("0 7-8 * * *", LOS_ANGELES, "2020-03-07T08:00-08:00"),
        ["2020-03-08T07:00-07:00", "2020-03-08T08:00-07:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/7999",
        *("0 7,9 * * *", LOS_ANGELES, "2020-03-07T09:00-08:00"),
        ["2020-03-08T07:00-07:00", "2020-03-08T09:00-07:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/30088",
        *("20 */4 * * *", LOS_ANGELES, "2023-03-12T00:20-08:00"),
        ["2023-03-12T04:20-07:00", "2023-03-12T08:20-07:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/30195",
        *("0 */2 * * *", "America/Toronto", "2023-03-12T00:00-05:00"),
        ["2023-03-12T04:00-04:00", "2023-03-12T06:00-04:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/35272",
        *("15 7,8,13,19 * * *", "Europe/Brussels", "2023-10-28T19:15+02:00"),
        ["2023-10-29T07:15+01:00", "2023-10-29T08:15+01:00", "2023-10-29T13:15+01:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/35272",
        *("0,15,30,45 6-22 * * *", "Europe/Brussels", "2023-10-28T22:45+02:00"),
        ["2023-10-29T06:00+01:00", "2023-10-29T06:15+01:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/38098",
        *("0 2 * * *", "America/Chicago", "2024-03-09T02:00-06:00"),
        ["2024-03-10T03:00-05:00", "2024-03-11T02:00-05:00"],
    ),
    (
        "https://github.com/apache/airflow/issues/38098",
        *("30 1 * * *", "America/Chicago", "2024-11-02T01:30-05:00"),
        ["2024-11-03T01:30-05:00", "2024-11-04T01:30-06:00"],
    ),
    (
        "https://github.com/apache/airflow/pull/4117",
        *("*/5 * * * *", "Europe/Amsterdam", "2018-10-28T02:50+02:00"),
        ["2018-10-28T02:55+02:00", "2018-10-28T02:00+01:00", "2018-10-28T02:05+01:00"],
    ),
    (
        "https://github.com/pallets-eco/croniter/issues/25",
        *("0 20 * * *", "Europe/Paris", "2022-10-30T00:00+02:00"),
        ["2022-10-30T20:00+01:00", "2022-10-31T20:00+01:00", "2022-11-01T20:00+01:00"],
    ),
    (
        "https://github.com/pallets-eco/croniter/issues/258",
        *("0 * * * *", "Australia/Lord_Howe", "2019-10-06T01:43+10:30"),
        ["2019-10-06T03:00+11:00", "2019-10-06T04:00+11:00"],
    ),
    (
        "https://github.com/agronholm/apscheduler/issues/1059",
        *("0 2 * * *", "US/Eastern", "2013-03-10T01:00-05:00"),
        ["2013-03-10T03:00-04:00", "2013-03-11T02:00-04:00"],
    ),
    (
        "https://github.com/cronie-crond/cronie/issues/218",
        *("0 12 * * 0", "Europe/Berlin", "2022-03-24T12:00+01:00"),
        ["2022-03-27T12:00+02:00", "2022-04-03T12:00+02:00"],
    ),
    (
        "https://github.com/cronie-crond/cronie/issues/217",
        *("* * * */3 *", NEW_YORK, "2015-02-15T00:00-05:00"),
        ["2015-04-01T00:00-04:00", "2015-04-01T00:01-04:00"],
    ),
    (
        "https://github.com/node-cron/node-cron/issues/518",
        *("30 2 * * *", NEW_YORK, "2026-03-08T06:30+00:00"),
        ["2026-03-08T03:00-04:00", "2026-03-09T02:30-04:00"],
    ),
    (
        "https://github.com/kelektiv/node-cron/issues/120",
        *("*/1 * * * *", NEW_YORK, "2014-11-02T01:58-04:00"),
        ["2014-11-02T01:59-04:00", "2014-11-02T01:00-05:00", "2014-11-02T01:01-05:00"],
    ),
    (
        "https://github.com/kelektiv/node-cron/issues/56",
        *("0 9,21 * * *", LOS_ANGELES, "2013-03-09T21:00-08:00"),
        ["2013-03-10T09:00-07:00", "2013-03-10T21:00-07:00"],
    ),
    (
        "https://github.com/kelektiv/node-cron/issues/563",
        *("30 1 * * *", NEW_YORK, "2020-10-31T01:30-04:00"),
        ["2020-11-01T01:30-04:00", "2020-11-02T01:30-05:00"],
    ),
    (
        "https://github.com/kelektiv/node-cron/issues/638",
        *("30 2 * * *", "Europe/Amsterdam", "2023-03-25T02:30+01:00"),
        ["2023-03-26T03:00+02:00", "2023-03-27T02:30+02:00"],
    ),
    (
        "https://github.com/kelektiv/node-cron/pull/118",
        *("0 12 11,26 * *", "America/Sao_Paulo", "2014-10-12T00:00-03:00"),
        ["2014-10-26T12:00-02:00", "2014-11-11T12:00-02:00"],
    ),
    (
        "https://github.com/harrisiirak/cron-parser/issues/25",
        *("0 0 10 * *", "America/Sao_Paulo", "2014-10-13T00:00-03:00"),
        ["2014-11-10T00:00-02:00", "2014-12-10T00:00-02:00"],
    ),
    (
        "https://github.com/harrisiirak/cron-parser/issues/25",
        *("0 0 * * *", "America/Sao_Paulo", "2014-10-18T00:00-03:00"),
        ["2014-10-19T01:00-02:00", "2014-10-20T00:00-02:00"],
    ),
    (
        "https://github.com/Hexagon/croner/issues/284",
        *("0 * * * *", "UTC", "2025-10-05T02:00+00:00"),
        ["2025-10-05T03:00+00:00", "2025-10-05T04:00+00:00"],
    ),
    (
        "https://github.com/Hexagon/croner/issues/343",
        *("* * * * *", "Europe/Vienna", "2025-10-26T02:59+02:00"),
        ["2025-10-26T02:00+01:00", "2025-10-26T02:01+01:00"],
    ),
    (
        "https://github.com/QwenLM/qwen-code/issues/11720",
        *("* * * * *", NEW_YORK, "2026-11-01T06:30:15+00:00"),
        ["2026-11-01T06:31+00:00", "2026-11-01T06:32+00:00"],
    ),
    (
        "man 8 cron: a change of more than three hours",
        *("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00-10:00"),
        ["2011-12-31T12:00+14:00", "2012-01-01T12:00+14:00"],
    ),
]


@pytest.mark.parametrize(("source", "expression", "zone", "after", "expected"), REPORTED)
def test_what_others_got_wrong(
    source: str, expression: str, zone: str, after: str, expected: list[str]
) -> None:
    wanted = [datetime.fromisoformat(one) for one in expected]
    start = datetime.fromisoformat(after)
    parsed = cron.parse(expression, zone)
    assert list(islice(parsed.after(start), len(wanted))) == wanted, source
    if wanted[-1] - start < timedelta(days=60):
        simulated = debian_cron.firings(expression, zone, start, wanted[-1])
        assert simulated == wanted, source
