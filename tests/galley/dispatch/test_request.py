from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from galley import dispatch
from galley.domain.runs import (
    AttemptState,
    FailureClass,
    RunKind,
    RunRequest,
    RunState,
    TriggerKind,
)
from galley.errors import Conflict, InvalidInput, NotFound
from galley.store import events
from pydantic import ValidationError

from tests.galley.world import ERROR, START, World


def test_a_trial_runs_as_who_asked_and_leaves_its_version_alone(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    world.finish(work, AttemptState.FAILED, error=ERROR)
    trial = world.write(
        lambda s: dispatch.request_trial(
            s,
            "lab",
            world.tenant(),
            "churn",
            RunRequest(version=version.number, parameters={"rounds": 9}),
            "ben",
            world.now,
        )
    )
    assert (trial.kind, trial.requested_by, trial.parameters["rounds"]) == ("trial", "ben", 9)
    waiting = world.read(lambda s: dispatch.rehearsals_waiting(s, world.now))
    assert [(one.run, one.author) for one in waiting] == [(trial.id, "ben")]
    assert world.claim() is None, "the tenant's host may not run it"
    assert world.claim(author="ana") is None, "nor may the version's author"
    work = world.must_claim(author="ben")
    assert (work.kind, work.rehearsal, work.experiment) == ("trial", None, "churn (trials)")
    assert work.person == "ben"
    before = world.version(version.id)
    world.start(work)
    assert world.finish(work).state == "succeeded"
    assert world.version(version.id) == before
    failed = world.write(
        lambda s: dispatch.request_trial(
            s, "lab", world.tenant(), "churn", RunRequest(), "ben", world.now
        )
    )
    assert failed.version == version.number, "without a live version the latest is tried"
    work = world.must_claim(author="ben")
    world.start(work)
    world.finish(work, AttemptState.FAILED, error=ERROR)
    with pytest.raises(Conflict, match="start another one"):
        world.write(lambda s: dispatch.retry(s, failed.id, "ana", world.now))
    with pytest.raises(InvalidInput, match="A trial executes all tasks"):
        world.write(
            lambda s: dispatch.request_trial(
                s, "lab", world.tenant(), "churn", RunRequest(incremental=True), "ben", world.now
            )
        )


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


def test_a_run_is_incremental_where_that_was_asked_for_and_each_attempt_knows(world: World) -> None:
    world.live()
    assert not world.request().incremental
    assert not world.must_claim().incremental
    run = world.request(incremental=True)
    assert run.incremental
    for _ in range(2):
        work = world.must_claim()
        assert (work.run, work.incremental) == (run.id, True)
        world.start(work)
        world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
        world.later(seconds=600)


def test_a_run_by_hand_has_the_deadline_that_was_asked_for(world: World) -> None:
    world.live()
    run = world.request(deadline_s=900)
    assert run.deadline == START + timedelta(seconds=900)
    work = world.must_claim()
    world.start(work)
    world.later(seconds=900)
    world.finish(work, AttemptState.TIMED_OUT)
    told = world.run(run.id)
    assert (told.state, told.state_reason) == (
        RunState.TIMED_OUT,
        f"it had not ended by its deadline, {told.deadline:%Y-%m-%d %H:%M} UTC",
    )
    waits = world.request(deadline_s=60)
    world.later(seconds=61)
    world.reap()
    skipped = world.run(waits.id)
    assert skipped.state is RunState.SKIPPED
    assert "could not start before its deadline" in (skipped.state_reason or "")
    assert world.request().deadline is None
    for wrong in (0, -1, 10**9):
        with pytest.raises(ValidationError, match="deadline_s"):
            RunRequest(deadline_s=wrong)
