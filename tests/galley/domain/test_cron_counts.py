from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from galley.domain import cron
from galley.domain.cron_counts import between, count, fires_at, most_in_a_day

ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Tokyo")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "*/7 9-17 * * 1-5",
        "0 0 * * *",
        "30 2 * * *",
        "0-59 1,2 * * *",
        "0 0 L * *",
        "15 0,1,2,23 1-7 * *",
    ],
)
def test_counted_as_if_one_by_one(expression: str, zone: str) -> None:
    random, parsed = Random(expression + zone), cron.parse(expression, zone)
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    for change in (random.randrange(365), 0, 88, 95, 298, 305):
        start = begin + timedelta(days=change, minutes=random.randrange(-1440, 1440), seconds=7)
        end = start + timedelta(minutes=random.randrange(4000))
        assert count(parsed, start, end) == sum(1 for _ in between(parsed, start, end))


def test_both_ends() -> None:
    hourly = cron.parse("0 * * * *", "UTC")
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert list(between(hourly, noon, noon + timedelta(hours=1))) == [noon]
    assert count(hourly, noon, noon + timedelta(hours=1)) == 1
    assert count(hourly, noon, noon) == 0
    assert most_in_a_day(hourly) == 24


def test_what_is_a_firing() -> None:
    night = cron.parse("30 2 * * *", "Europe/Berlin")
    for at, fires in (
        (datetime(2026, 3, 28, 1, 30, tzinfo=UTC), True),
        (datetime(2026, 3, 28, 2, 30, tzinfo=UTC), False),
        (datetime(2026, 3, 28, 1, 30, 1, tzinfo=UTC), False),
        (datetime(2026, 3, 29, 1, tzinfo=UTC), True),  # jumped over: right after
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), False),
    ):
        assert fires_at(night, at) is fires, at
