from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from dulwich.repo import Repo
from galley.errors import GalleyError
from galley.service import PREFIX
from galley.service.background import LOOPS, Background, mirror_path
from galley.service.leading import Leading
from galley.service.loops import Loop
from galley.service.metrics import Metrics
from galley.service.wakeup import Wakeup
from galley.store import leases, versions
from galley.store.leases import LostLease
from galley.store.records import LeaseRow
from sqlalchemy import update

from tests.galley.service.platform import Platform, eventually, running_platform


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


def test_each_tenant_gets_its_host_and_each_rehearsal_one_of_its_author(
    platform: Platform, passes: Background
) -> None:
    version = platform.publish()
    passes.launch()
    assert platform.launcher.asked == [
        ("adopt",),
        ("oncology",),
        ("cardiology",),
        ("playground",),
        ("oncology", "ada", f"{version['rehearsal_run']}-1"),
    ]
    platform.launcher.asked.clear()
    passes.launch()
    assert len(platform.launcher.asked) == 3, "the rehearsal's host is given time to start"
    platform.clock.pass_time(seconds=61)
    passes.launch()
    assert platform.launcher.asked[-1] == ("oncology", "ada", f"{version['rehearsal_run']}-1")


def test_each_attempt_of_a_rehearsal_gets_a_host_of_its_own_at_once(
    platform: Platform, passes: Background
) -> None:
    version = platform.publish()
    passes.launch()
    work = platform.lease("oncology", "ada")
    assert work is not None
    outcome = {"state": "failed", "failure_class": "infrastructure"}
    ended = platform.report(work, "outcome", tasks=[], duration_s=1, **outcome)
    assert ended.status_code == 200, ended.text
    platform.clock.pass_time(seconds=10)
    platform.launcher.asked.clear()
    passes.launch()
    assert platform.launcher.asked[-1] == ("oncology", "ada", f"{version['rehearsal_run']}-2")


def test_a_host_that_does_not_start_holds_up_no_other(
    platform: Platform, passes: Background
) -> None:
    platform.launcher.fails_for = "oncology"
    with pytest.raises(GalleyError, match="no room for another process"):
        passes.launch()
    assert ("cardiology",) in platform.launcher.asked


def test_who_lost_the_lease_starts_no_more_hosts(
    platform: Platform, passes: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(tenant: str) -> None:
        platform.launcher.asked.append(("lost", tenant))
        raise LostLease("launcher")

    monkeypatch.setattr(platform.launcher, "ensure_tenant_host", lost)
    with pytest.raises(LostLease):
        passes.launch()
    assert platform.launcher.asked == [("adopt",), ("lost", "oncology")]


def test_a_schedule_that_is_due_makes_a_run(platform: Platform, passes: Background) -> None:
    schedule = {"cron": "0 * * * *", "timezone": "UTC"}
    platform.publish("hourly", "playground", schedule=schedule)
    platform.run_through("playground", "ada")
    passes.fire()
    assert platform.get("/tenants/playground/runs", kind="pipeline").json()["items"] == []
    platform.clock.pass_time(hours=1)
    passes.fire()
    passes.fire()
    (run,) = platform.get("/tenants/playground/runs", kind="pipeline").json()["items"]
    assert (run["state"], run["trigger"]) == ("queued", "schedule")


def test_a_host_that_is_lost_gives_its_work_back(platform: Platform, passes: Background) -> None:
    platform.publish()
    passes.reap()
    first = platform.lease("oncology", "ada")
    assert first is not None
    again = set()
    for _ in range(40):
        platform.clock.pass_time(seconds=2)
        again.add(passes.reap())
    assert again == {None, 0.0}, "it looks again at once where there may be more"
    second = platform.lease("oncology", "ada")
    assert second is not None
    assert (second.run, second.number) == (first.run, 2)
    assert platform.report(first, "heartbeat").status_code == 409


def test_a_version_that_cannot_be_mirrored_holds_up_no_other(
    platform: Platform, passes: Background
) -> None:
    platform.approved("first")
    platform.approved("second")
    blobs = platform.context.blobs
    version = platform.get("/tenants/oncology/pipelines/first/versions/1").json()
    keys = platform.store.read(lambda s: versions.blobs(s, UUID(version["id"])))
    blobs.remove(keys.project)
    with pytest.raises(GalleyError, match="version 1 of 'first'"):
        passes.mirror()
    with Repo(str(mirror_path(platform.settings, "oncology"))) as repository:
        assert b"refs/tags/second/v1" in repository.get_refs()


def test_an_approved_version_is_mirrored_once(platform: Platform, passes: Background) -> None:
    platform.approved()
    passes.mirror()
    passes.mirror()
    repository = Repo(str(mirror_path(platform.settings, "oncology")))
    try:
        assert b"refs/tags/daily-report/v1" in repository.get_refs()
        assert len(list(repository.get_walker())) == 1
    finally:
        repository.close()


def test_a_loop_that_fails_is_counted_and_goes_on() -> None:
    metrics, passes = Metrics(), []

    def step() -> None:
        passes.append(1)
        if len(passes) < 3:
            raise ValueError("broken")

    async def run() -> Loop:
        loop = Loop("test", step, every_s=0.001)
        task = asyncio.create_task(loop.run(metrics, lambda: datetime.now(UTC)))
        while loop.last_good is None:
            await asyncio.sleep(0)
        task.cancel()
        return loop

    loop = asyncio.run(run())
    assert loop.healthy(datetime.now(UTC))
    assert b'galley_loop_errors_total{loop="test"} 2.0' in metrics.text()


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Platform]:
    with running_platform(tmp_path / "home", background=True) as platform:
        yield platform


def test_health_tells_of_database_loops_and_mlflow(working: Platform) -> None:
    def health() -> dict[str, object]:
        return dict(working.client.get(f"{PREFIX}/healthz").json())

    found = eventually(lambda: (h := health())["status"] != "failing" and h)
    assert found["status"] == "degraded"
    assert (found["database"], found["mlflow"]) == (True, False)
    names = {
        "scheduler",
        "backfills",
        "triggers",
        "files",
        "reaper",
        "launcher",
        "mirror",
        "housekeeping",
    }
    loops = dict(working.client.get(f"{PREFIX}/healthz").json()["loops"])
    assert set(loops) == names
    assert all(loop["led"] for loop in loops.values())
    working.store.write(lambda s: s.execute(update(LeaseRow).values(holder=leases.NOBODY)))
    loops = dict(working.client.get(f"{PREFIX}/healthz").json()["loops"])
    assert not any(loop["led"] for loop in loops.values())
    working.clock.pass_time(hours=12)
    answer = working.client.get(f"{PREFIX}/healthz")
    assert (answer.status_code, answer.json()["status"]) == (503, "failing")
    assert not answer.json()["loops"]["housekeeping"]["healthy"]


def test_metrics_are_for_neighbours_and_operators(platform: Platform) -> None:
    platform.publish()
    path = f"{PREFIX}/metrics"
    text = platform.client.get(path).text
    assert 'galley_runs{state="queued"} 1.0' in text
    assert "galley_queue_depth 1.0" in text
    assert "galley_schedule_lag_seconds 0.0" in text
    assert "oncology" not in text
    assert "/versions" in text
    proxied = {"X-Forwarded-For": "10.0.0.7"}
    assert platform.client.get(path, headers=proxied).status_code == 401
    ada, olga = (platform.as_user(name) for name in ("ada", "olga"))
    assert platform.client.get(path, headers={**proxied, **ada}).status_code == 403
    assert platform.client.get(path, headers={**proxied, **olga}).status_code == 200


def test_after_a_takeover_what_is_due_comes_before_what_was_lost(
    platform: Platform, passes: Background
) -> None:
    leading = Leading(
        platform.store, LOOPS, lambda: platform.clock(), lambda: platform.clock().timestamp()
    )
    loops = passes.loops(Wakeup(), leading)
    assert {loop.name for loop in loops if loop.gained is None} == {"reaper"}
    assert {loop.gained for loop in loops} == {None, leading.gained}
