"""File triggers: when a look is due, what it means, and that a change fires once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import pytest
from galley.domain.runs import RunState, TriggerKind
from galley.domain.triggers import FileWatch, Trigger, TriggerChange, TriggerRequest
from galley.schedule import triggers as control
from galley.schedule import watch
from galley.schedule.watch import Look
from galley.store import events, pipelines, triggers
from galley.store.trigger_tables import TriggerWatchRow
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.galley.world import World


@pytest.fixture
def watched(world: World) -> World:
    world.live()
    request = TriggerRequest.model_validate(
        {
            "name": "landing",
            "source": {"type": "file", "url": "/datasets/in/a.csv", "interval_s": 60},
            "parameters": {"rounds": 2},
        }
    )
    world.write(lambda s: control.add(s, "lab", "churn", request, "lee", world.now))
    return world


def due(world: World) -> list[UUID]:
    found = world.read(lambda s: watch.due(s, world.tenants, world.now))
    return [one.trigger for one in found]


def look(world: World, version: str | None = None, error: str | None = None) -> list[UUID]:
    """Let time pass until a look is due; it shows this."""
    (state,) = _the(world)
    assert state.watch is not None
    world.now = max(world.now, state.watch.next_poll)
    (trigger,) = due(world)
    return world.write(
        lambda s: watch.take(s, world.tenants, [Look(trigger, version, error)], world.now)
    )


def _the(world: World) -> list[Trigger]:
    return world.read(lambda s: triggers.of_tenant(s, "lab", pipeline="churn"))


def state(world: World) -> FileWatch:
    (one,) = _the(world)
    assert one.watch is not None
    return one.watch


def finish(world: World) -> None:
    work = world.must_claim()
    world.start(work)
    world.finish(work)


def test_a_change_fires_once_when_it_was_seen_twice(watched: World) -> None:
    assert look(watched, "one") == [], "what is there already is no change"
    start = watched.now
    assert due(watched) == []
    assert look(watched, "one") == []
    assert watched.now == start + timedelta(seconds=60)
    assert look(watched, "two") == [], "it may still be being written"
    assert look(watched, "three") == []
    (run_id,) = look(watched, "three")
    assert watched.now == start + timedelta(seconds=60 + 60 + 5 + 5)
    assert look(watched, "three") == []
    run = watched.run(run_id)
    assert (run.trigger, run.state, run.parameters["rounds"]) == (
        TriggerKind.FILE,
        RunState.QUEUED,
        2,
    )
    assert (run.data_interval_start, run.data_interval_end) == (
        start,
        start + timedelta(seconds=130),
    )
    assert run.cause is not None
    assert run.cause.detail == {"url": "/datasets/in/a.csv", "old": "one", "new": "three"}


def test_a_change_waits_while_a_run_of_the_trigger_is_open(watched: World) -> None:
    look(watched, "one")
    look(watched, "two")
    assert len(look(watched, "two")) == 1
    for _ in range(3):
        assert look(watched, "three") == []
    finish(watched)
    assert len(look(watched, "three")) == 1


def test_a_file_that_comes_fires_and_one_that_goes_does_not(watched: World) -> None:
    assert look(watched, None) == []
    look(watched, "one")
    assert len(look(watched, "one")) == 1
    finish(watched)
    assert look(watched, None) == []
    look(watched, "one")
    assert len(look(watched, "one")) == 1, "it has come again"


def test_a_version_that_comes_back_fires_again(watched: World) -> None:
    look(watched, "one")
    found = []
    for version in ("two", "one", "two"):
        look(watched, version)
        found += look(watched, version)
        finish(watched)
    assert len(set(found)) == 3


def test_two_processes_that_saw_the_same_change_fire_once(watched: World) -> None:
    look(watched, "one")
    look(watched, "two")
    watched.later(seconds=5)
    (trigger,) = due(watched)
    looks = [Look(trigger, "two")]
    first = watched.write(lambda s: watch.take(s, watched.tenants, looks, watched.now))
    second = watched.write(lambda s: watch.take(s, watched.tenants, looks, watched.now))
    assert (len(first), second) == (1, [])


def test_errors_double_the_pause_and_change_nothing_else(watched: World) -> None:
    look(watched, "one")
    pauses = []
    for _ in range(8):
        look(watched, error="the bucket is away")
        pauses.append((state(watched).next_poll - watched.now).total_seconds())
    assert pauses == [120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert (state(watched).error, state(watched).failures) == ("the bucket is away", 8)
    told = [
        event.data["change"]
        for event in watched.read(lambda s: events.after(s, ["lab"], 0))
        if event.kind == "trigger.changed"
    ]
    assert told == ["set", "failing"]
    assert look(watched, "one") == []
    assert (state(watched).error, state(watched).failures) == (None, 0)


def test_an_error_at_first_makes_no_change_of_what_comes_next(watched: World) -> None:
    look(watched, error="not yet")
    assert look(watched, "one") == []
    assert look(watched, "one") == []


def test_while_paused_nothing_is_looked_at_nor_caught_up(watched: World) -> None:
    look(watched, "one")
    watched.write(lambda s: control.pause(s, "lab", "churn", "landing", "lee", watched.now))
    watched.later(hours=1)
    assert due(watched) == []
    watched.write(lambda s: control.resume(s, "lab", "churn", "landing", "lee", watched.now))
    assert look(watched, "two") == [], "it changed while paused"
    look(watched, "three")
    assert len(look(watched, "three")) == 1


def change(world: World, **fields: object) -> None:
    source = {"type": "file", "url": "/datasets/in/a.csv", "interval_s": 60, **fields}
    wanted = TriggerChange.model_validate({"source": source, "parameters": {"rounds": 4}})
    world.write(lambda s: control.change(s, "lab", "churn", "landing", wanted, "lee", world.now))


def test_a_change_of_the_wording_loses_no_change_of_the_file(watched: World) -> None:
    look(watched, "one")
    start = watched.now
    change(watched, interval_s=30)
    assert look(watched, "two") == [], "it is seen for the first time"
    change(watched)
    (run_id,) = look(watched, "two")
    run = watched.run(run_id)
    assert (run.data_interval_start, run.parameters["rounds"]) == (start, 4)
    assert watched.read(lambda s: s.scalars(select(TriggerWatchRow)).all())[0].changes == 1


def test_another_file_is_watched_from_its_first_look_on(watched: World) -> None:
    look(watched, "one")
    change(watched, url="/datasets/in/b.csv")
    assert look(watched, "two") == []
    assert look(watched, "two") == []
    assert len(watched.read(lambda s: s.scalars(select(TriggerWatchRow)).all())) == 1


def test_a_look_that_comes_after_the_end_counts_for_nothing(watched: World) -> None:
    look(watched, "one")
    look(watched, "two")
    watched.later(seconds=5)
    (trigger,) = due(watched)
    watched.write(lambda s: control.remove(s, "lab", "churn", "landing", "lee", watched.now))
    looks = [Look(trigger, "two")]
    assert watched.write(lambda s: watch.take(s, watched.tenants, looks, watched.now)) == []
    assert due(watched) == []
    assert watched.read(lambda s: s.scalars(select(TriggerWatchRow)).all()) == []
    assert watched.read(lambda s: pipelines.get(s, "lab", "churn")).slug == "churn"


def test_tenants_take_turns(watched: World, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.live(tenant="play", content="2")
    request = {"source": {"type": "file", "url": "/datasets/in/a.csv"}}
    for tenant, name in (("lab", "b"), ("lab", "c"), ("play", "a")):
        wanted = TriggerRequest.model_validate({"name": name, **request})
        watched.later(seconds=1)
        watched.write(partial(_add, tenant=tenant, request=wanted, now=watched.now))
    monkeypatch.setattr(watch, "BATCH", 2)
    found = watched.read(lambda s: watch.due(s, watched.tenants, watched.now))
    assert [one.tenant for one in found] == ["lab", "play"]


def _add(session: Session, tenant: str, request: TriggerRequest, now: datetime) -> None:
    control.add(session, tenant, "churn", request, "lee", now)
