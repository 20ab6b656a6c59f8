from __future__ import annotations

import os
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from galley import schedule
from galley.domain.calendar import DateState
from galley.domain.retention import RetentionPolicy
from galley.domain.schedules import ScheduleRequest
from galley.service import API
from galley.store import pipelines, retention, runs, schedules
from galley.store.tables import RunRow
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.galley.service.platform import Platform

RETENTION = "/tenants/oncology/retention"
PIPELINE = "/tenants/oncology/pipelines/daily-report"


def policy(platform: Platform, **given: Any) -> None:
    kept = RetentionPolicy.model_validate(given)
    declared = platform.tenants.tenants
    declared["oncology"] = declared["oncology"].model_copy(update={"retention": kept})


def run(platform: Platform, state: str = "succeeded") -> str:
    started = platform.post(f"{PIPELINE}/runs", {})
    assert started.status_code == 201, started.text
    more: dict[str, Any] = {} if state == "succeeded" else {"failure_class": "user"}
    platform.run_through("oncology", state=state, **more)
    return str(started.json()["id"])


def seen(platform: Platform, run_id: str) -> dict[str, Any]:
    return dict(platform.get(f"/runs/{run_id}").json())


def log(platform: Platform, run_id: str) -> str:
    return str(platform.get(f"/runs/{run_id}/log").json()["text"])


def kept(platform: Platform) -> dict[str, int]:
    return dict(platform.get("/tenants/oncology/disk").json())


@pytest.fixture
def old(platform: Platform) -> tuple[Platform, list[str]]:
    """A success, a failure, another success and a failure, a hundred days old."""
    platform.approved()
    found = [run(platform, state) for state in ("succeeded", "failed", "succeeded", "failed")]
    platform.clock.pass_time(days=100)
    return platform, found


def test_without_a_policy_everything_stays(old: tuple[Platform, list[str]]) -> None:
    platform, found = old
    report = platform.post(RETENTION, user="olga").json()
    assert (report["pipelines"], report["dry_run"]) == ([], False)
    assert all(log(platform, one) for one in found)


def test_files_go_by_state_and_age_and_the_run_stays(old: tuple[Platform, list[str]]) -> None:
    platform, (first, failed, last, latest) = old
    policy(platform, files={"succeeded": "90d", "failed": "1y"}, latest=1)
    before = kept(platform)

    plan = platform.get(RETENTION).json()
    assert plan["dry_run"]
    (planned,) = plan["pipelines"]
    assert (planned["pipeline"], planned["files"], planned["runs"]) == ("daily-report", 1, 0)
    assert planned["size"] > 0
    assert log(platform, first)

    done = platform.post(RETENTION, user="olga").json()
    assert done["pipelines"] == plan["pipelines"]
    assert log(platform, first) == ""
    shown = seen(platform, first)
    assert shown["state"] == "succeeded"
    assert shown["files_removed_at"] == platform.clock().isoformat().replace("+00:00", "Z")
    assert not shown["attempts"][0]["tasks"][0]["notebook"]
    assert platform.get(f"/runs/{first}/tasks/daily_report/notebook").status_code == 404
    for one in (failed, last, latest):
        assert log(platform, one) == "hello\nbye\n"
        assert seen(platform, one)["files_removed_at"] is None
    after = kept(platform)
    assert (
        after["notebooks"] + after["logs"]
        == before["notebooks"] + before["logs"] - (planned["size"])
    )
    trail = platform.get("/tenants/oncology/audit").json()["items"][0]
    assert (trail["action"], trail["actor"]) == ("retention.applied", "olga")
    assert trail["detail"] == {"files": 1, "runs": 0, "size": planned["size"]}

    again = platform.post(RETENTION, user="olga").json()
    assert again["pipelines"] == []


def test_the_last_success_the_latest_runs_and_rehearsals_stay(
    old: tuple[Platform, list[str]],
) -> None:
    platform, (first, failed, last, latest) = old
    policy(
        platform,
        files={"succeeded": "1d", "failed": "1d"},
        runs={"succeeded": "1d", "failed": "1d"},
        latest=1,
    )
    platform.post(RETENTION, user="olga")
    for gone in (first, failed):
        assert platform.get(f"/runs/{gone}").status_code == 404
    noted = platform.store.read(lambda s: retention.tracked_removals(s, None, 9))
    assert noted == [(UUID(one), "oncology", "daily-report") for one in (first, failed)]
    assert log(platform, last)
    assert log(platform, latest)
    (version,) = platform.get(f"{PIPELINE}/versions").json()["items"]
    assert log(platform, version["rehearsal_run"])
    assert platform.get("/tenants/oncology/audit").json()["items"]
    left = platform.store.read(lambda s: s.execute(text("PRAGMA foreign_key_check")).all())
    assert left == []


def test_a_run_that_another_record_needs_stays_without_its_files(
    old: tuple[Platform, list[str]],
) -> None:
    platform, (first, *_) = old
    policy(platform, runs={"succeeded": "1d"}, latest=1)
    platform.store.write(
        lambda s: s.execute(
            text("CREATE TABLE needs (run_id CHAR(32) NOT NULL REFERENCES runs (id))")
        )
    )
    platform.store.write(
        lambda s: s.execute(text(f"INSERT INTO needs VALUES ('{UUID(first).hex}')"))
    )
    done = platform.post(RETENTION, user="olga").json()
    assert [(one["files"], one["runs"]) for one in done["pipelines"]] == [(1, 0)]
    assert seen(platform, first)["files_removed_at"]
    assert platform.post(RETENTION, user="olga").json()["pipelines"] == []


def test_a_run_that_is_tried_again_meanwhile_is_left_alone(
    old: tuple[Platform, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, (_, failed, *_rest) = old
    policy(platform, runs={"failed": "1d"}, latest=1)
    old_runs = retention.old_runs

    def retry_meanwhile(*given: Any, **more: Any) -> Any:
        found = old_runs(*given, **more)
        if UUID(failed) in [one.id for one in found]:
            platform.post(f"/runs/{failed}/retry")
        return found

    monkeypatch.setattr(retention, "old_runs", retry_meanwhile)
    platform.post(RETENTION, user="olga")
    assert seen(platform, failed)["state"] == "queued"
    assert seen(platform, failed)["files_removed_at"] is None
    assert log(platform, failed) == "hello\nbye\n"
    assert platform.get(f"/runs/{failed}/tasks/daily_report/notebook").status_code == 200


def test_what_a_crash_left_on_disk_goes_with_the_next_pass(
    old: tuple[Platform, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, (first, *_) = old
    policy(platform, runs={"succeeded": "1d"}, latest=1)
    (attempt,) = seen(platform, first)["attempts"]
    keeper, logs = platform.context.keeper, platform.context.logs
    before = kept(platform)["notebooks"]

    def dies(*_: Any) -> None:
        raise OSError("the machine lost its power")

    with monkeypatch.context() as patched:
        patched.setattr(keeper._artifacts, "remove", dies)
        with pytest.raises(OSError, match="power"):
            keeper.apply("oncology", platform.tenants.tenants["oncology"], "olga", platform.clock())
    assert platform.get(f"/runs/{first}").status_code == 404
    assert (kept(platform)["notebooks"], logs.size(UUID(attempt["id"]))) == (before, 10)

    keeper.tidy(platform.tenants, platform.clock())
    assert kept(platform)["notebooks"] < before
    assert logs.size(UUID(attempt["id"])) == 0


def test_a_run_that_lost_its_files_and_is_tried_again_has_files_again(
    old: tuple[Platform, list[str]],
) -> None:
    platform, (_, failed, *_rest) = old
    policy(platform, files={"failed": "1d"}, latest=1)
    platform.post(RETENTION, user="olga")
    assert seen(platform, failed)["files_removed_at"] is not None
    assert platform.post(f"/runs/{failed}/retry").status_code == 200
    assert seen(platform, failed)["files_removed_at"] is None


def test_an_operator_gives_a_pipeline_a_policy_of_its_own(
    old: tuple[Platform, list[str]],
) -> None:
    platform, (first, *_) = old
    path = f"{API}{PIPELINE}/retention"
    own = {"files": {"succeeded": "30d"}, "latest": 1}
    refused = platform.client.put(path, headers=platform.as_user("max"), json=own)
    assert (refused.status_code, "operator" in refused.json()["detail"]) == (403, True)
    wrong = {"files": {"queued": "30d"}}
    refused = platform.client.put(path, headers=platform.as_user("olga"), json=wrong)
    assert (refused.status_code, "'succeeded'" in refused.json()["detail"]) == (422, True)
    assert not platform.get(f"{PIPELINE}/retention").json()["own"]

    put = platform.client.put(path, headers=platform.as_user("olga"), json=own)
    assert put.json()["policy"]["files"] == {"succeeded": 30}
    assert (put.json()["own"], put.json()["set_by"]) == (True, "olga")
    platform.post(RETENTION, user="olga")
    assert log(platform, first) == ""

    back = platform.client.delete(path, headers=platform.as_user("olga"))
    assert (back.json()["own"], back.json()["policy"]["files"]) == (False, {})
    actions = [one["action"] for one in platform.get("/tenants/oncology/audit").json()["items"]]
    assert actions[:3] == ["retention.set", "retention.applied", "retention.set"]
    assert platform.post(RETENTION, user="ada").status_code == 403


def test_the_calendar_says_what_is_not_kept_any_more(platform: Platform) -> None:
    platform.approved()
    platform.clock.pass_time(hours=1)
    dates = [run(platform) for _ in range(3)]
    platform.clock.pass_time(days=10)
    policy(platform, runs={"succeeded": "1d"}, latest=1)
    first = platform.clock() - timedelta(days=10, hours=1)
    for number, hours in enumerate((4, 5)):
        at = str(first + timedelta(hours=hours))[:19] + ".000000"
        moved = text("UPDATE runs SET logical_date = :at, trigger = 'schedule' WHERE id = :id")
        given = {"at": at, "id": UUID(dates[number]).hex}
        platform.store.write(partial(Session.execute, statement=moved, params=given))
    declared = platform.tenants.tenants["oncology"]

    def put(session: Any) -> None:
        row = pipelines.require(session, "oncology", "daily-report")
        request = ScheduleRequest(cron="0 * * * *")
        schedules.put_in_force(session, row, request, version_id=None, by="ada", now=first)

    platform.store.write(put)
    platform.context.keeper.apply("oncology", declared, "olga", platform.clock())
    found = platform.store.read(
        lambda s: schedule.calendar(
            s,
            "oncology",
            "daily-report",
            start=first,
            end=first + timedelta(hours=6),
            timezone=None,
            now=platform.clock(),
        )
    )
    states = [entry.state for day in found.days for entry in day.entries]
    assert states.count(DateState.REMOVED) == 3
    assert DateState.SUCCEEDED in states


def test_removed_runs_by_hand_say_nothing_of_the_dates_of_the_schedule(
    platform: Platform,
) -> None:
    """One for a date to come would hide everything that is to come as well as what was missed."""
    platform.approved()
    for days in (300, 301):
        ahead = (platform.clock() + timedelta(days=days)).isoformat()
        platform.post(f"{PIPELINE}/runs", {"logical_date": ahead})
        platform.run_through("oncology")
    for _ in range(2):
        run(platform)
    platform.clock.pass_time(days=10)
    policy(platform, runs={"succeeded": "1d"}, latest=1)
    (removed,) = platform.post(RETENTION, user="olga").json()["pipelines"]
    assert removed["runs"] == 2
    assert platform.get(f"{PIPELINE}/retention").json()["removed_until"] is None


def test_blobs_that_no_version_needs_are_swept_once_they_are_old(platform: Platform) -> None:
    version = platform.publish()
    blobs = platform.context.blobs
    unused, fresh = blobs.put(b"unused"), blobs.put(b"fresh")
    aged = (platform.clock() - timedelta(days=8)).timestamp()
    for digest in blobs:
        if digest != fresh:
            os.utime(blobs._path(digest), (aged, aged))
    os.utime(blobs._path(fresh), (platform.clock().timestamp(),) * 2)
    needed = set(blobs) - {unused, fresh}
    platform.context.keeper.tidy(platform.tenants, platform.clock())
    assert set(blobs) == needed | {fresh}
    assert platform.get(f"/versions/{version['id']}").status_code == 200


def test_what_a_killed_service_was_receiving_is_swept_a_day_later(platform: Platform) -> None:
    received = []
    for hours in (25, 23):
        with platform.context.artifacts.receive() as file:
            file.write(b"half of a noteb")
        at = (platform.clock() - timedelta(hours=hours)).timestamp()
        os.utime(file.name, (at, at))
        received.append(Path(file.name))
    platform.context.keeper.tidy(platform.tenants, platform.clock())
    assert [path.exists() for path in received] == [False, True]


def test_disk_use_is_told_by_kind(old: tuple[Platform, list[str]]) -> None:
    platform, _ = old
    use = kept(platform)
    assert use["logs"] == 5 * len("hello\nbye\n")
    assert min(use["notebooks"], use["blobs"], use["limit"]) > 0
    parts = ("notebooks", "tracked", "logs", "blobs", "mirror")
    assert use["total"] == sum(use[part] for part in parts)
    run(platform, "succeeded")
    assert kept(platform) == use, "it is counted once in a minute"
    platform.clock.pass_time(minutes=1)
    assert kept(platform)["logs"] > use["logs"]
    assert platform.get("/tenants/oncology/disk", "carl").status_code == 404
    assert platform.store.read(lambda s: runs.log_bytes(s, "cardiology")) == 0
    assert platform.store.read(lambda s: s.get(RunRow, UUID(int=0))) is None
