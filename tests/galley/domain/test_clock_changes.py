from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from galley.domain.clock_changes import next_boundary


@pytest.mark.parametrize(
    ("zone", "instant", "boundary"),
    [
        ("Europe/Berlin", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),
        (
            "Europe/Berlin",
            datetime(2026, 3, 29, 1, tzinfo=UTC),
            datetime(2026, 10, 25, 1, tzinfo=UTC),
        ),
        ("Europe/Berlin", datetime(2026, 11, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (
            "Australia/Lord_Howe",
            datetime(2026, 2, 1, tzinfo=UTC),
            datetime(2026, 4, 4, 15, tzinfo=UTC),
        ),
        ("Asia/Tokyo", datetime(2026, 2, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_offset_stays_up_to_the_boundary(
    zone: str, instant: datetime, boundary: datetime
) -> None:
    assert next_boundary(ZoneInfo(zone), instant) == boundary
