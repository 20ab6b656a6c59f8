from __future__ import annotations

from typing import Any

import pytest
from galley import dispatch
from galley.domain.runs import AttemptState, FailureClass, Run, RunState
from galley.domain.work import Heartbeat
from galley.errors import Conflict, NotFound
from galley.store import audit, runs
from galley.store.columns import new_id

from tests.galley.world import ERROR, World


def cancel(world: World, run: Run, by: str = "ben") -> Run:
    return world.write(lambda s: dispatch.cancel(s, run.id, by, world.now))


def retry(world: World, run: Run) -> Run:
    return world.write(lambda s: dispatch.retry(s, run.id, "ben", world.now))


def failed(world: World, **fields: Any) -> Run:
    world.live(**fields)
    world.request()
    work = world.must_claim()
    world.start(work)
    return world.finish(
        work,
        AttemptState.FAILED,
        failure_class=FailureClass.USER,
        error=ERROR,
        metrics={"auc": 0.1},
    )


def test_a_queued_run_is_cancelled_at_once(world: World) -> None:
    world.live()
    run = cancel(world, world.request())
    assert (run.state, run.state_reason) == (RunState.CANCELLED, "cancelled by ben")
    assert run.ended_at == world.now
    assert world.claim() is None
    entry = world.read(lambda s: audit.page(s, "lab")).items[0]
    assert (entry.actor, entry.action) == ("ben", "run.cancelled")


def test_a_running_run_is_ended_by_its_host(world: World) -> None:
    world.live()
    run = world.request()
    work = world.must_claim()
    world.start(work)
    assert cancel(world, run).state is RunState.RUNNING
    assert cancel(world, run, by="lee").cancel_requested
    reply = world.write(
        lambda s: dispatch.heartbeat(s, work.attempt, Heartbeat(fencing=1), world.now)
    )
    assert reply.cancel
    ended = world.finish(work, AttemptState.CANCELLED)
    assert (ended.state, ended.state_reason) == (RunState.CANCELLED, "cancelled by ben")


def test_a_failure_of_a_run_that_is_being_cancelled_is_its_cancellation(world: World) -> None:
    world.live()
    run = world.request()
    work = world.must_claim()
    world.start(work)
    cancel(world, run)
    ended = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    assert ended.state is RunState.CANCELLED


def test_a_run_that_was_quicker_than_its_cancellation_succeeded(world: World) -> None:
    world.live()
    run = world.request()
    work = world.must_claim()
    world.start(work)
    cancel(world, run)
    assert world.finish(work).state is RunState.SUCCEEDED


def test_cancelling_before_the_start_is_heard_asks_the_host(world: World) -> None:
    world.live()
    run = world.request()
    work = world.must_claim()
    cancel(world, run)
    reply = world.write(lambda s: dispatch.start(s, work.attempt, work.fencing, world.now))
    assert reply.cancel


def test_what_has_ended_is_not_cancelled(world: World) -> None:
    run = failed(world)
    with pytest.raises(Conflict, match="has ended"):
        cancel(world, run)
    with pytest.raises(NotFound):
        cancel(world, run.model_copy(update={"id": new_id()}))


def test_a_failed_run_is_retried_as_a_new_attempt_of_the_same_run(world: World) -> None:
    run = failed(world)
    world.later(minutes=1)
    again = retry(world, run)
    assert (again.id, again.state, again.state_reason) == (
        run.id,
        RunState.QUEUED,
        "retried by ben",
    )
    assert (again.metrics, again.started_at, again.ended_at) == ({}, None, None)
    assert (again.cell, again.cells) == (None, None)
    assert again.parameters == run.parameters
    work = world.must_claim()
    assert (work.run, work.number) == (run.id, 2)
    world.start(work)
    assert world.read(lambda s: runs.get(s, run.id)).started_at == world.now
    done = world.finish(work)
    assert done.state is RunState.SUCCEEDED
    assert [attempt.state for attempt in done.attempts] == [
        AttemptState.FAILED,
        AttemptState.SUCCEEDED,
    ]


def test_a_timed_out_run_can_be_retried(world: World) -> None:
    world.live()
    world.request()
    work = world.must_claim()
    world.start(work)
    run = world.finish(work, AttemptState.TIMED_OUT)
    assert retry(world, run).state is RunState.QUEUED


@pytest.mark.parametrize("end", ["queued", "cancelled", "succeeded"])
def test_only_a_failed_run_is_retried(world: World, end: str) -> None:
    world.live()
    run = world.request()
    if end == "cancelled":
        cancel(world, run)
    elif end == "succeeded":
        world.finish(world.must_claim())
    with pytest.raises(Conflict, match=f"is {end}: only a failed"):
        retry(world, run)


def test_a_rehearsal_is_not_retried(world: World) -> None:
    world.publish()
    work = world.must_claim(author="ana")
    run = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER)
    with pytest.raises(Conflict, match="publish the notebook again"):
        retry(world, run)


def test_a_retry_grants_the_repeats_anew(world: World) -> None:
    run = failed(world, retries=0)
    retry(world, run)
    for _ in range(3):
        work = world.must_claim()
        world.start(work)
        after = world.finish(work, AttemptState.LOST)
        world.later(seconds=60)
    assert (after.state, after.attempt_count) == (RunState.FAILED, 4)
