"""Firings: what is asked of them costs the same however many there were, and old ones go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from galley.domain.retention import EndedState, RemovedRuns, RetentionPolicy
from galley.domain.runs import RunState
from galley.domain.triggers import TriggerFiring, TriggerRequest
from galley.schedule import triggers as control
from galley.schedule.firing import Key, keep, run_of
from galley.store import deployments, housekeeping, pipelines, retention, trigger_firings, triggers
from galley.store.columns import new_id
from galley.store.run_parameters import Interval
from galley.store.trigger_tables import TriggerRow
from sqlalchemy.orm import Session

from tests.galley.stores import ONLY_SQLITE, steps
from tests.galley.world import World

HOOK = TriggerRequest.model_validate({"name": "ci", "source": {"type": "webhook"}})


@pytest.fixture
def hooked(world: World) -> World:
    world.live()
    world.write(partial(_add, world))
    return world


def _add(world: World, session: Session) -> None:
    control.add(session, "lab", "churn", HOOK, "lee", world.now)


def the(session: Session) -> TriggerRow:
    return triggers.require(session, pipelines.require(session, "lab", "churn"), "ci")


def fire(world: World, count: int, state: RunState) -> None:
    def work(session: Session) -> None:
        row = the(session)
        version = deployments.current(session, row.pipeline_id)
        assert version is not None
        for _ in range(count):
            world.later(seconds=1)
            interval = Interval(world.now, world.now, world.now)
            run = run_of(row, version, Key(new_id(), world.now), interval, world.now)
            run.state, run.ended_at = state, world.now if state.ended else None
            session.add(run)
            keep(session, row, run, {}, None, world.now)

    world.write(work)


def test_open_runs_are_counted_and_the_last_firing_is_told(hooked: World) -> None:
    assert hooked.read(lambda s: triggers.get(s, the(s))).last_fired is None
    fire(hooked, 2, RunState.QUEUED)
    fire(hooked, 3, RunState.SUCCEEDED)
    hooked.request()
    assert hooked.read(lambda s: trigger_firings.open_runs(s, the(s))) == 2
    found = hooked.read(lambda s: triggers.get(s, the(s)))
    assert found.last_fired == hooked.now
    hooked.later(hours=1)
    hooked.write(lambda s: control.change(s, "lab", "churn", "ci", _CHANGE, "lee", hooked.now))
    found = hooked.read(lambda s: triggers.get(s, the(s)))
    assert found.last_fired == hooked.now - timedelta(hours=1)


def log(world: World) -> list[TriggerFiring]:
    return world.read(lambda s: trigger_firings.page(s, the(s).series, limit=200)).items


def test_a_firing_goes_with_its_run_and_the_last_one_stays(hooked: World) -> None:
    fire(hooked, 3, RunState.FAILED)
    everything = log(hooked)
    for _ in range(2):
        hooked.request()
    hooked.later(days=2)
    policy = RetentionPolicy.model_validate({"runs": {"failed": "1d"}, "latest": 1})

    def forget(session: Session) -> RemovedRuns:
        pipeline = pipelines.require(session, "lab", "churn").id
        found = retention.old_runs(
            session, pipeline, policy, hooked.now, state=EndedState.FAILED, after=None, limit=9
        )
        sizes = {one.id: 0 for one in found}
        return retention.forget(session, pipeline, found, sizes, "galley", hooked.now)

    assert {one.state for one in everything} == {RunState.FAILED}
    assert hooked.write(forget).runs == 3
    assert log(hooked) == [everything[0].model_copy(update={"state": None})]


def test_a_firing_without_a_run_goes_after_a_time(hooked: World) -> None:
    def nothing(session: Session) -> None:
        keep(session, the(session), None, {}, "the pipeline has no live version", hooked.now)

    hooked.write(nothing)
    fire(hooked, 1, RunState.SUCCEEDED)
    hooked.later(days=80)
    hooked.write(nothing)
    hooked.write(nothing)
    before = log(hooked)
    hooked.later(days=15)
    hooked.write(lambda s: housekeeping.tidy(s, hooked.now))
    assert log(hooked) == before[:3]
    hooked.later(days=80)
    hooked.write(lambda s: housekeeping.tidy(s, hooked.now))
    assert log(hooked) == [before[0], before[2]]


_CHANGE = TriggerRequest(name="ci", source=HOOK.source, parameters={"rounds": 2})


@ONLY_SQLITE
@pytest.mark.parametrize("ask", [trigger_firings.open_runs, triggers.get])
def test_what_is_over_costs_nothing(
    hooked: World, ask: Callable[[Session, TriggerRow], object]
) -> None:
    fire(hooked, 20, RunState.SUCCEEDED)
    few = hooked.read(lambda s: steps(s, lambda: ask(s, the(s))))
    fire(hooked, 300, RunState.SUCCEEDED)
    assert hooked.read(lambda s: steps(s, lambda: ask(s, the(s)))) < few + 200
