from __future__ import annotations

import pytest
from galley import schedule
from galley.domain.pipelines import Pipeline
from galley.domain.schedules import CatchUp, PreviewRequest, ScheduleRequest
from galley.errors import Conflict, InvalidInput, NotFound
from galley.store import audit, events

from tests.galley.world import START, World

REQUEST = ScheduleRequest(cron="30 6 * * 1-5", timezone="Europe/Berlin", catch_up=CatchUp.SKIP)


def set_schedule(
    world: World, request: ScheduleRequest = REQUEST, tenant: str = "play", slug: str = "churn"
) -> Pipeline:
    return world.write(
        lambda s: schedule.set_schedule(
            s, tenant, world.tenant(tenant), slug, request, "ana", world.now
        )
    )


def test_a_preview_tells_words_firings_and_clock_changes() -> None:
    preview = schedule.preview(
        PreviewRequest(cron="30 6 * * 1-5", timezone="Europe/Berlin", count=20), START
    )
    assert preview.description == "At 06:30 on Monday through Friday"
    assert len(preview.firings) == 20
    assert preview.firings[0].local == "2026-03-03T06:30:00+01:00"
    notes = [firing.note for firing in preview.firings if firing.note]
    assert notes == ["The clock has gone forward by 1 h since the firing before."]


def test_a_preview_of_nonsense_names_the_field() -> None:
    with pytest.raises(InvalidInput) as caught:
        schedule.preview(PreviewRequest(cron="nonsense"), START)
    assert caught.value.field == "cron"


def test_time_zones_are_listed() -> None:
    names = schedule.timezones()
    assert names == sorted(names)
    assert {"UTC", "Europe/Berlin"} <= set(names)


def test_without_review_a_schedule_is_set_at_once(world: World) -> None:
    world.live(tenant="play")
    pipeline = set_schedule(world)
    assert pipeline.schedule is not None
    assert (pipeline.schedule.cron, pipeline.schedule.catch_up) == (REQUEST.cron, CatchUp.SKIP)
    entry = world.read(lambda s: audit.page(s, "play")).items[0]
    assert (entry.actor, entry.action) == ("ana", "schedule.set")
    firings = world.read(lambda s: schedule.next_firings(s, "play", "churn", 3, world.now))
    assert firings[0].at == pipeline.next_firing
    assert len(firings) == 3


def test_with_review_a_schedule_comes_with_a_version(world: World) -> None:
    world.live()
    with pytest.raises(Conflict, match="publish a version"):
        set_schedule(world, tenant="lab")


def test_wrong_schedules_change_nothing(world: World) -> None:
    world.live(tenant="play")
    before = world.read(events.latest)
    with pytest.raises(InvalidInput):
        set_schedule(world, ScheduleRequest(cron="0 0 31 2 *"))
    with pytest.raises(NotFound):
        set_schedule(world, slug="other")
    assert world.read(events.latest) == before


def test_pausing_and_resuming_are_exact(world: World) -> None:
    world.live(tenant="play")

    def pause() -> Pipeline:
        return world.write(lambda s: schedule.pause(s, "play", "churn", "ana", world.now))

    def resume() -> Pipeline:
        return world.write(lambda s: schedule.resume(s, "play", "churn", "ana", world.now))

    with pytest.raises(Conflict, match="has no schedule"):
        pause()
    set_schedule(world)
    with pytest.raises(Conflict, match="is not paused"):
        resume()
    paused = pause().schedule
    assert paused is not None
    assert (paused.paused, paused.paused_by) == (True, "ana")
    assert world.read(lambda s: schedule.next_firings(s, "play", "churn", 3, world.now)) == []
    with pytest.raises(Conflict, match="paused already, by ana"):
        pause()
    assert resume().next_firing is not None
    actions = [entry.action for entry in world.read(lambda s: audit.page(s, "play")).items]
    assert actions[:2] == ["schedule.resumed", "schedule.paused"]
