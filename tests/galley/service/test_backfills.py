"""Backfills over HTTP: who may, the dry run, and the loop that makes the runs."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from galley.service.background import Background

from tests.galley.service.platform import Platform

PATH = "/tenants/oncology/pipelines/daily-report/backfills"
RANGE = {"start": "2026-11-10T00:00:00Z", "end": "2026-11-12T23:59:59Z"}
BODY: dict[str, Any] = {**RANGE, "cron": "0 6 * * *", "timezone": "Europe/Berlin"}


@pytest.fixture
def passes(platform: Platform) -> Background:
    context = platform.context
    return Background(
        platform.settings,
        lambda: platform.tenants,
        platform.store,
        context.blobs,
        platform.launcher,
        context.renderer,
        platform.clock,
        keeper=context.keeper,
    )


def test_from_the_dry_run_to_the_end(platform: Platform, passes: Background) -> None:
    platform.approved()
    plan = platform.post(f"{PATH}/plan", BODY).json()
    assert (plan["total"], plan["wanted"], plan["timezone"]) == (3, 3, "Europe/Berlin")
    assert plan["dates"][0]["local"] == "2026-11-10T06:00:00+01:00"
    assert platform.get(PATH).json()["items"] == []

    started = platform.post(PATH, {**BODY, "parameters": {"alpha": 5}}, **{"Idempotency-Key": "a"})
    assert started.status_code == 201, started.text
    one = started.json()
    again = platform.post(PATH, {**BODY, "parameters": {"alpha": 5}}, **{"Idempotency-Key": "a"})
    assert again.json()["id"] == one["id"]
    assert platform.post(PATH, BODY).status_code == 409
    for _ in range(3):
        passes.backfill()
        platform.run_through("oncology")
    passes.backfill()
    ended = platform.get(f"/backfills/{one['id']}", "rita").json()
    assert (ended["state"], ended["succeeded"]) == ("done", 3)
    (run, *_) = platform.get("/tenants/oncology/runs", kind="pipeline").json()["items"]
    assert (run["trigger"], run["requested_by"], run["parameters"]) == (
        "backfill",
        "ada",
        {"alpha": 5},
    )
    assert run["cause"] == {"id": one["id"], "name": None, "detail": {}}
    dates = platform.get(f"/backfills/{one['id']}/dates").json()["items"]
    assert [date["state"] for date in dates] == ["succeeded"] * 3
    assert platform.get("/tenants/oncology/backfills").json()["items"] == [ended]
    assert platform.post(f"{PATH}/plan", BODY).json()["wanted"] == 0


def test_it_is_paused_resumed_and_cancelled(platform: Platform, passes: Background) -> None:
    platform.approved()
    one = platform.post(PATH, BODY, user="olga").json()
    for verb, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        answer = platform.post(f"/backfills/{one['id']}/{verb}")
        assert (answer.status_code, answer.json()["state"]) == (200, state)
        again = platform.post(f"/backfills/{one['id']}/{verb}")
        assert (again.status_code, again.json()["code"]) == (409, "conflict")
    passes.backfill()
    assert platform.get("/tenants/oncology/runs", kind="pipeline").json()["items"] == []


def test_readers_start_nothing_and_strangers_see_nothing(platform: Platform) -> None:
    platform.approved()
    assert platform.post(f"{PATH}/plan", BODY, user="rita").status_code == 200
    assert platform.post(PATH, BODY, user="rita").status_code == 403
    assert platform.post(f"{PATH}/plan", BODY, user="carl").status_code == 404
    one = platform.post(PATH, BODY).json()
    assert platform.post(f"/backfills/{one['id']}/cancel", user="rita").status_code == 403
    for verb in ("pause", "resume", "cancel"):
        assert platform.post(f"/backfills/{one['id']}/{verb}", user="carl").status_code == 404
    assert platform.get(f"/backfills/{one['id']}", "carl").status_code == 404
    assert platform.get(f"/backfills/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"start": "2026-11-13T00:00:00Z"}, "end"),
        ({"start": "2026-11-10T00:00:00"}, "start"),
        ({"cron": "*/0 * * * *"}, "cron"),
        ({"cron": "* * * * *", "start": "1990-01-01T00:00:00Z"}, "end"),
        ({"parallel": 0}, "parallel"),
        ({"only": "some"}, "only"),
        ({"parameters": {"beta": 1}}, "parameters.beta"),
        ({"dates": 7}, "dates"),
    ],
)
def test_bad_input_is_refused_with_its_field(
    platform: Platform, change: dict[str, Any], field: str
) -> None:
    platform.approved()
    for path in (PATH, f"{PATH}/plan"):
        answer = platform.post(path, {**BODY, **change})
        assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert platform.get(PATH).json()["items"] == []
