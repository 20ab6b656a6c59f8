from __future__ import annotations

import pytest

from tests.galley.service.platform import Platform

PIPELINE = "/tenants/oncology/pipelines/daily-report/calendar"


def test_calendars_of_a_pipeline_and_of_its_tenant(platform: Platform) -> None:
    platform.approved()
    started = platform.post("/tenants/oncology/pipelines/daily-report/runs", {})
    assert started.status_code == 201
    one = platform.get(PIPELINE, "rita").json()
    assert one["timezone"] == "UTC"
    assert [entry["run"] for entry in one["days"][0]["entries"]] == [started.json()["id"]]
    assert platform.get("/tenants/oncology/calendar").json()["days"] == one["days"]


def test_windows_are_checked_by_name(platform: Platform) -> None:
    platform.publish()
    for query, field in (
        ({"from": "2026-01-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-01-01T06:00:00"}, "from"),
        ({"timezone": "Mars/Base"}, "timezone"),
    ):
        answer = platform.get(PIPELINE, **query)
        assert (answer.status_code, answer.json()["field"].removeprefix("query.")) == (422, field)


@pytest.mark.parametrize("path", [PIPELINE, "/tenants/oncology/calendar", "/tenants/oncology/runs"])
def test_times_are_asked_for_as_far_as_they_can_be_computed(platform: Platform, path: str) -> None:
    platform.publish()
    for query in (
        {"to": "9999-12-31"},
        {"from": "9999-12-31T23:00:00-10:00"},
        {"from": "0001-01-01"},
        {"to": "0001-01-01T00:00:00+10:00"},
    ):
        (field,) = query
        refused = platform.get(path, **query)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
        assert "nearer to today" in refused.json()["detail"]
    for query in ({"to": "1000-01-01"}, {"from": "9000-12-31"}, {"to": "9000-12-31"}):
        assert platform.get(path, **query).status_code == 200
        if "calendar" in path:
            west = platform.get(path, **query, timezone="Pacific/Honolulu")
            assert west.status_code == 200


def test_a_day_is_shown_whole_in_the_zone_that_is_asked_for(platform: Platform) -> None:
    platform.publish()
    day = {"from": "2026-11-20", "to": "2026-11-20"}
    shown = platform.get(PIPELINE, **day, timezone="Asia/Tokyo").json()
    assert (shown["start"], shown["end"]) == ("2026-11-19T15:00:00Z", "2026-11-20T15:00:00Z")


def test_strangers_see_no_calendar(platform: Platform) -> None:
    platform.publish()
    assert platform.get("/tenants/oncology/calendar", "carl").status_code == 404
    assert platform.get(PIPELINE, "carl").status_code == 404
