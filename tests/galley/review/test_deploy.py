from __future__ import annotations

import pytest
from galley import review, schedule
from galley.domain.pipelines import Pipeline
from galley.domain.schedules import ScheduleRequest
from galley.errors import Conflict, NotFound
from galley.store import audit, events, pipelines, versions

from tests.galley.world import World


def deploy(world: World, number: int, slug: str = "churn") -> Pipeline:
    return world.write(
        lambda s: review.deploy(s, "lab", slug, number, "lee", "it was better", world.now)
    )


def pipeline(world: World, tenant: str = "lab") -> Pipeline:
    return world.read(lambda s: pipelines.get(s, tenant, "churn"))


def test_rolling_back_and_forward(world: World) -> None:
    world.live(content="1", name="First")
    world.live(content="2", name="Second")
    assert pipeline(world).live_version == 2

    assert (deploy(world, 1).live_version, pipeline(world).name) == (1, "First")
    assert [v.live for v in world.read(lambda s: versions.page(s, "lab", "churn")).items] == [
        False,
        True,
    ]
    assert deploy(world, 2).live_version == 2
    entry = world.read(lambda s: audit.page(s, "lab")).items[0]
    assert (entry.actor, entry.action) == ("lee", "pipeline.deployed")
    assert entry.detail == {"version": 2, "before": 1, "reason": "it was better"}


def test_only_what_is_approved_and_not_live_yet(world: World) -> None:
    world.live(content="1")
    world.rehearse(world.publish(content="2"))
    with pytest.raises(Conflict, match="only an approved"):
        deploy(world, 2)
    with pytest.raises(Conflict, match="live already"):
        deploy(world, 1)
    with pytest.raises(NotFound, match="no version 9"):
        deploy(world, 9)
    with pytest.raises(NotFound, match="no pipeline 'other'"):
        deploy(world, 1, "other")


def test_the_schedule_comes_and_goes_with_its_version(world: World) -> None:
    world.live(content="1", schedule={"cron": "0 6 * * *", "timezone": "Europe/Berlin"})
    first = pipeline(world).schedule
    world.live(content="2", schedule={"cron": "0 7 * * *"})
    second = pipeline(world).schedule
    assert first is not None
    assert second is not None
    assert (second.cron, second.timezone, second.id) == ("0 7 * * *", "UTC", first.id)
    world.live(content="3")
    assert pipeline(world).schedule is None
    deploy(world, 1)
    again = pipeline(world).schedule
    assert again is not None
    assert (again.cron, again.id) == ("0 6 * * *", first.id)


def test_an_unchanged_schedule_is_left_alone(world: World) -> None:
    world.live(content="1", schedule={"cron": "@hourly"})
    before = pipeline(world).schedule
    world.later(minutes=30)
    latest = world.read(events.latest)
    world.live(content="2", schedule={"cron": "@hourly"})
    assert pipeline(world).schedule == before
    kinds = [str(one.kind) for one in world.read(lambda s: events.after(s, ["lab"], latest))]
    assert "schedule.changed" not in kinds


def test_a_paused_schedule_stays_paused(world: World) -> None:
    world.live(content="1", schedule={"cron": "@hourly"})
    world.write(lambda s: schedule.pause(s, "lab", "churn", "ben", world.now))
    world.live(content="2", schedule={"cron": "@daily"})
    after = pipeline(world).schedule
    assert after is not None
    assert (after.cron, after.paused, after.paused_by) == ("@daily", True, "ben")
    assert after.next_firing is None


def test_a_schedule_that_an_operator_set_outlives_versions_without_one(world: World) -> None:
    world.live(tenant="play", content="1")
    world.write(
        lambda s: schedule.set_schedule(
            s,
            "play",
            world.tenant("play"),
            "churn",
            ScheduleRequest(cron="@daily"),
            "ana",
            world.now,
        )
    )
    world.live(tenant="play", content="2")
    after = pipeline(world, "play").schedule
    assert after is not None
    assert after.cron == "@daily"
