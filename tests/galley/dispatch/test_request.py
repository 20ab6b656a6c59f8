from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.errors import Conflict, InvalidInput, NotFound
from galley.store import events

from tests.galley.world import START, World


def test_a_run_by_hand_takes_the_live_version(world: World) -> None:
    world.live()
    run = world.request(parameters={"name": "b"})
    assert (run.state, run.kind, run.trigger) == (
        RunState.QUEUED,
        RunKind.PIPELINE,
        TriggerKind.MANUAL,
    )
    assert (run.version, run.requested_by, run.attempt_count) == (1, "ben", 0)
    assert run.graph[0].name == "churn"
    assert (run.logical_date, run.data_interval_start) == (START, START)
    assert run.parameters == {
        "rounds": 7,
        "name": "b",
        "logical_date": START.isoformat(),
        "data_interval_start": START.isoformat(),
    }


def test_values_of_the_run_win_over_all_others(world: World) -> None:
    world.live(defaults={"name": "mine"})
    assert world.request().parameters["name"] == "mine"
    given = world.request(parameters={"rounds": 1, "logical_date": "then"}).parameters
    assert (given["rounds"], given["logical_date"]) == (1, "then")


def test_a_given_date_is_taken_with_the_interval_of_the_schedule(world: World) -> None:
    world.live(schedule={"cron": "0 6 * * *"})
    date = datetime.fromisoformat("2026-02-01T06:00:00Z")
    run = world.request(logical_date=date.isoformat())
    assert run.logical_date == date
    assert (run.data_interval_start, run.data_interval_end) == (date - timedelta(days=1), date)


def test_two_runs_at_the_same_instant_are_two(world: World) -> None:
    world.live()
    assert world.request().id != world.request().id


def test_an_earlier_approved_version_can_be_run(world: World) -> None:
    world.live(content="1")
    world.live(content="2")
    assert world.request(version=1).version == 1


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"rounds": "many"}, "parameters.rounds"),
        ({"rounds": 1.5}, "parameters.rounds"),
        ({"round": 1}, "parameters.round"),
    ],
)
def test_wrong_parameters_start_nothing(
    world: World, parameters: dict[str, Any], field: str
) -> None:
    world.live()
    before = world.read(events.latest)
    with pytest.raises(InvalidInput) as caught:
        world.request(parameters=parameters)
    assert caught.value.field == field
    assert world.read(events.latest) == before


def test_what_cannot_be_run(world: World) -> None:
    with pytest.raises(NotFound, match="no pipeline"):
        world.request()
    world.rehearse(world.publish())
    with pytest.raises(Conflict, match="no live version"):
        world.request()
    with pytest.raises(Conflict, match="only approved"):
        world.request(version=1)
    with pytest.raises(NotFound, match="no version 7"):
        world.request(version=7)
