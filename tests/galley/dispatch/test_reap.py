from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from galley import dispatch
from galley.dispatch.late import BATCH as SKIPPED_AT_ONCE
from galley.dispatch.policy import HANGING_HOST, LAUNCH_LIMIT
from galley.dispatch.reap import BATCH as ENDED_AT_ONCE
from galley.domain.runs import AttemptState, FailureClass, RunState, TaskState, TriggerKind
from galley.domain.versions import VersionState
from galley.domain.work import Assignment, Heartbeat, TaskReport
from galley.store import runs
from galley.store.tables import AttemptRow, RunRow
from sqlalchemy import update

from tests.galley.world import World, tenants_with


@pytest.fixture
def work(world: World) -> Assignment:
    """A running pipeline run, with a reaper that is present."""
    world.live(timeout_s=60, retries=0)
    world.request()
    world.reap()
    work = world.must_claim()
    world.start(work)
    return work


def beat(world: World, work: Assignment) -> bool:
    report = Heartbeat(
        fencing=work.fencing, tasks=(TaskReport(name="churn", state=TaskState.RUNNING),)
    )
    return world.write(lambda s: dispatch.heartbeat(s, work.attempt, report, world.now)).cancel


def test_a_silent_host_loses_its_attempt_and_the_run_waits_for_the_next(
    world: World, work: Assignment
) -> None:
    beat(world, work)
    assert world.keep_reaping(14) == []
    assert world.keep_reaping(2) == [work.run]

    run = world.run(work.run)
    assert run.state is RunState.QUEUED
    assert run.state_reason == "its worker host 'h1' stopped answering"
    (attempt,) = run.attempts
    assert (attempt.state, attempt.failure_class) == (
        AttemptState.LOST,
        FailureClass.INFRASTRUCTURE,
    )
    assert attempt.tasks[0].state is TaskState.CANCELLED


def test_a_host_that_reports_is_left_alone(world: World, work: Assignment) -> None:
    for _ in range(5):
        assert world.keep_reaping(10) == []
        beat(world, work)


def test_a_lease_that_never_starts_ends(world: World) -> None:
    world.live()
    world.request()
    world.reap()
    work = world.must_claim()
    limit = world.read(lambda s: runs.require_attempt(s, work.attempt)).deadline
    assert limit == world.now + LAUNCH_LIMIT
    world.write(
        lambda s: s.execute(
            update(AttemptRow)
            .where(AttemptRow.id == work.attempt)
            .values(deadline=world.now + timedelta(seconds=20))
        )
    )
    for _ in range(2):
        beat(world, work)
        assert world.keep_reaping(9) == []
    beat(world, work)
    moved = world.keep_reaping(5)
    assert moved == [work.run]
    assert "did not start it in time" in (world.run(work.run).state_reason or "")


def test_when_it_is_enough_the_run_fails(world: World, work: Assignment) -> None:
    for number in range(1, 4):
        assert work.number == number
        world.keep_reaping(16)
        if world.run(work.run).state is RunState.FAILED:
            break
        world.keep_reaping(15)
        work = world.must_claim()
        world.start(work)
    run = world.run(work.run)
    assert run.state is RunState.FAILED
    assert "3 attempts were made" in (run.state_reason or "")


def test_a_hanging_host_cannot_keep_a_run_beyond_its_time(world: World, work: Assignment) -> None:
    asked = False
    for _ in range(9):
        asked = beat(world, work)
        assert world.keep_reaping(9) == []
    assert asked
    beat(world, work)
    assert world.keep_reaping(10) == [work.run]
    run = world.run(work.run)
    assert run.state is RunState.TIMED_OUT
    assert run.attempts[0].failure_class is FailureClass.TIMEOUT


@pytest.mark.parametrize("away", [6, 60, 3600])
def test_a_restart_of_the_service_ends_no_attempt(
    world: World, work: Assignment, away: int
) -> None:
    beat(world, work)
    assert world.keep_reaping(4) == []
    world.later(seconds=away)
    assert world.reap() == []
    assert world.keep_reaping(5) == []
    beat(world, work)
    assert world.run(work.run).state is RunState.RUNNING


def test_a_host_that_is_gone_after_the_restart_is_noticed(world: World, work: Assignment) -> None:
    world.later(seconds=50)
    assert world.reap() == []
    assert world.keep_reaping(16) == [work.run]


def test_what_went_with_the_platform_is_lost_and_repeated_however_long_that_was_away(
    world: World,
) -> None:
    world.live(timeout_s=60, retries=0)
    world.request()
    rehearsed = world.publish("other", content="2", timeout_s=60)
    world.reap()
    works = [
        world.must_claim(),
        world.claim(author=rehearsed.author, run=rehearsed.rehearsal_run),
    ]
    for work in works:
        assert work is not None
        world.start(work)
    world.later(hours=5)
    assert world.reap() == []
    assert len(world.keep_reaping(16)) == 2
    for work in works:
        assert work is not None
        run = world.run(work.run)
        assert (run.state, run.attempts[0].state) == (RunState.QUEUED, AttemptState.LOST)
        assert run.state_reason == "its worker host 'h1' stopped answering"
    assert world.version(rehearsed.id).state is VersionState.REHEARSING


def test_a_host_that_dies_just_before_the_time_limit_is_lost(
    world: World, work: Assignment
) -> None:
    """Also where the reaper comes when both its lease and the time are over."""
    for _ in range(13):
        beat(world, work)
        assert world.keep_reaping(6) == []
    beat(world, work)
    for _ in range(2):
        world.later(seconds=5)
        assert world.reap() == []
    world.later(seconds=5)
    assert world.reap() == [work.run]
    assert world.run(work.run).attempts[0].state is AttemptState.LOST


def test_a_runs_own_deadline_passes_while_the_platform_is_away(world: World) -> None:
    world.live(timeout_s=3600)
    asked = world.request(deadline_s=600)
    world.reap()
    work = world.must_claim()
    world.start(work)
    world.later(hours=2)
    assert world.reap() == [asked.id]
    run = world.run(asked.id)
    assert run.state is RunState.TIMED_OUT
    assert asked.deadline is not None
    assert f"by its deadline, {asked.deadline:%Y-%m-%d %H:%M} UTC" in (run.state_reason or "")


def test_a_reaper_that_is_called_too_seldom_still_reaps(world: World) -> None:
    world.live(timeout_s=3600)
    world.request()
    world.reap()
    work = world.must_claim()
    world.start(work)
    moved: list[UUID] = []
    for _ in range(12):
        world.later(seconds=10)
        moved += world.reap()
    assert moved == [work.run]


def test_a_clock_that_jumps_back_reaps_nothing(world: World, work: Assignment) -> None:
    world.later(hours=-1)
    assert world.reap() == []
    assert world.keep_reaping(3) == []


def test_a_host_that_is_gone_is_noticed_after_the_clock_jumped_back(
    world: World, work: Assignment
) -> None:
    world.later(hours=-1)
    assert world.reap() == []
    assert world.keep_reaping(16) == [work.run]


def test_a_run_keeps_its_time_where_the_clock_jumps_back(world: World, work: Assignment) -> None:
    world.later(hours=-1)
    world.reap()
    for _ in range(8):
        beat(world, work)
        assert world.keep_reaping(10) == []
    beat(world, work)
    assert world.keep_reaping(11) == [work.run]
    assert world.run(work.run).state is RunState.TIMED_OUT


def test_a_deadline_that_was_asked_for_is_a_span_where_the_clock_jumps_back(
    world: World, work: Assignment
) -> None:
    asked = world.request(deadline_s=600)
    scheduled = world.request(deadline_s=600)
    world.write(
        lambda s: s.execute(
            update(RunRow).where(RunRow.id == scheduled.id).values(trigger=TriggerKind.SCHEDULE)
        )
    )
    before = asked.deadline
    assert before is not None
    world.later(hours=-1)
    world.reap()
    assert world.run(asked.id).deadline == before - timedelta(hours=1)
    assert world.run(scheduled.id).deadline == before, "it is an hour of the day"
    world.reap()
    assert world.run(asked.id).deadline == before - timedelta(hours=1)


def test_what_is_leased_after_the_clock_jumped_back_keeps_its_time(
    world: World, work: Assignment
) -> None:
    world.request()
    world.later(hours=-1)
    world.write(lambda s: s.execute(update(RunRow).values(not_before=world.now)))
    other = world.must_claim()
    world.start(other)
    world.reap()
    limit = world.read(lambda s: runs.require_attempt(s, other.attempt)).deadline
    assert limit - world.now == timedelta(seconds=60) + HANGING_HOST


def test_what_waits_does_not_wait_longer_where_the_clock_jumps_back(
    world: World, work: Assignment
) -> None:
    second = world.request()
    world.later(hours=-1)
    assert world.claim() is None
    world.reap()
    claimed = world.must_claim()
    assert claimed.run == second.id


def test_a_lost_host_completes_a_cancellation(world: World, work: Assignment) -> None:
    world.write(lambda s: dispatch.cancel(s, work.run, "ben", world.now))
    assert world.keep_reaping(16) == [work.run]
    run = world.run(work.run)
    assert (run.state, run.state_reason) == (RunState.CANCELLED, "cancelled by ben")
    assert run.attempts[0].state is AttemptState.CANCELLED


def test_a_hanging_host_cannot_refuse_a_cancellation(world: World) -> None:
    world.live(timeout_s=3600)
    world.request()
    world.reap()
    work = world.must_claim()
    world.start(work)
    world.write(lambda s: dispatch.cancel(s, work.run, "ben", world.now))
    moved: list[UUID] = []
    for _ in range(7):
        if not moved:
            assert beat(world, work)
        moved += world.keep_reaping(9)
    assert moved == [work.run]
    assert world.run(work.run).state is RunState.CANCELLED


def test_many_lost_attempts_are_ended_in_parts_none_of_which_is_long(world: World) -> None:
    limits = world.tenant("lab").limits
    roomy = limits.model_copy(update={"concurrent_runs": 99, "cpu": 99.0, "memory": 2**40})
    world.tenants = tenants_with("lab", limits=roomy)
    world.live(retries=0)
    world.reap()
    lost = []
    for _ in range(ENDED_AT_ONCE + 2):
        world.request()
        lost.append(world.must_claim().run)
    for _ in range(4):
        world.later(seconds=4)
        moved = world.reap()
    assert len(moved) == ENDED_AT_ONCE
    assert sorted([*moved, *world.reap()]) == sorted(lost)
    assert world.reap() == []


def test_many_late_runs_are_skipped_in_parts(world: World) -> None:
    world.live()
    waiting = [world.request().id for _ in range(SKIPPED_AT_ONCE + 2)]
    world.write(lambda s: s.execute(update(RunRow).values(deadline=world.now)))
    assert [len(world.reap()) for _ in range(3)] == [SKIPPED_AT_ONCE, 2, 0]
    assert {world.run(one).state for one in waiting} == {RunState.SKIPPED}
