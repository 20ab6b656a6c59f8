from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from galley import dispatch, schedule
from galley.domain.parameters import ParameterSchema
from galley.domain.runs import AttemptState, FailureClass, Run, RunState, TriggerKind
from galley.domain.schedules import ScheduleRequest, jitter_of
from galley.domain.versions import Analysis, TaskNode
from galley.domain.work import Assignment, Heartbeat
from galley.schedule import record
from galley.store import audit, pipelines, runs, schedules
from galley.store.tables import ScheduleRow
from sqlalchemy import update

from tests.galley.world import START, World, tenants_with

HOUR = timedelta(hours=1)
SCHEMA = ParameterSchema(
    properties={
        "day": {"type": "string", "format": "date", "default": "2026-01-01"},
        "since": {"type": "string", "default": ""},
        "hour": {"type": "integer", "default": 0},
        "run": {"type": "string", "default": ""},
    },
    cell=0,
)
ANALYSIS = Analysis(parameters=SCHEMA, tasks=(TaskNode(name="churn", cells=(0, 1)),))


@pytest.fixture
def world(world: World) -> World:
    limits = world.tenant().limits.model_copy(update={"concurrent_runs": 9, "cpu": 99.0})
    world.tenants = tenants_with("lab", limits=limits)
    return world


def tick(world: World) -> list[UUID]:
    return world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))


def scheduled(world: World) -> list[Run]:
    """Return the scheduled runs, oldest firing first."""
    page = world.read(lambda s: runs.page(s, "lab", limit=200))
    found = [run for run in page.items if run.trigger is TriggerKind.SCHEDULE]
    return sorted(found, key=lambda run: run.logical_date)


def states(world: World) -> list[RunState]:
    return [run.state for run in scheduled(world)]


def due(world: World) -> datetime | None:
    return world.read(lambda s: schedule.next_due(s, world.tenants))


def hourly(world: World, **fields: Any) -> None:
    world.live(schedule={"cron": "0 * * * *", **fields})


def hours(world: World, count: int = 1) -> None:
    """Let so many firings come, each recorded when it is due."""
    for _ in range(count):
        world.later(hours=1)
        tick(world)


def row_of(world: World) -> ScheduleRow:
    def found(session: Any) -> ScheduleRow:
        row = schedules.in_force(session, pipelines.require(session, "lab", "churn").id)
        assert row is not None
        return row

    return world.read(found)


def fail(world: World, work: Assignment) -> None:
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER)


def test_nothing_fires_before_the_start_or_after_the_end(world: World) -> None:
    hourly(world, start=(START + 2 * HOUR).isoformat(), end=(START + 3 * HOUR).isoformat())
    assert due(world) == START + 2 * HOUR
    hours(world, 5)
    assert [run.logical_date for run in scheduled(world)] == [START + 2 * HOUR, START + 3 * HOUR]
    assert due(world) is None
    assert world.read(lambda s: schedule.next_firings(s, "lab", "churn", 5, world.now)) == []


def test_what_was_due_before_the_end_is_caught_up_after_it(world: World) -> None:
    hourly(world, end=(START + 2 * HOUR).isoformat(), catch_up="all")
    world.later(days=1)
    assert len(tick(world)) == 2
    assert due(world) is None


def test_a_jitter_moves_when_a_run_is_due_and_not_what_it_is_for(world: World) -> None:
    hourly(world, jitter_s=1800)
    firing = START + HOUR
    late = jitter_of(row_of(world).series, firing, 1800)
    next_late = jitter_of(row_of(world).series, firing + HOUR, 1800)
    assert timedelta() <= late <= timedelta(seconds=1800)
    assert due(world) == firing + late

    world.now = firing + late - timedelta(seconds=1)
    assert tick(world) == []
    world.later(seconds=1)
    (run_id,) = tick(world)
    run = world.run(run_id)
    assert (run.logical_date, run.data_interval_start) == (firing, START)
    assert due(world) == firing + HOUR + next_late
    coming = world.read(lambda s: schedule.next_firings(s, "lab", "churn", 1, world.now))
    assert (coming[0].at, coming[0].due) == (firing + HOUR, firing + HOUR + next_late)


def test_after_downtime_a_firing_whose_jitter_is_not_over_waits(world: World) -> None:
    hourly(world, jitter_s=3599, catch_up="all")
    series = row_of(world).series
    for number in range(3, 50):
        last = START + number * HOUR
        if jitter_of(series, last, 3599) > timedelta(seconds=60):
            break
    world.now = last + timedelta(seconds=30)
    tick(world)
    assert scheduled(world)[-1].logical_date == last - HOUR
    assert due(world) == last + jitter_of(series, last, 3599)


def test_all_that_was_missed_is_run_oldest_first_up_to_the_limit(world: World) -> None:
    hourly(world, catch_up="all", catch_up_limit=3)
    world.later(hours=5, minutes=30)
    queued = tick(world)
    assert [world.run(one).logical_date for one in queued] == [START + n * HOUR for n in (3, 4, 5)]
    assert states(world) == [RunState.SKIPPED] * 2 + [RunState.QUEUED] * 3
    assert scheduled(world)[0].state_reason == (
        "missed while the platform was down; of the missed times the latest 3 were run"
    )
    assert [world.must_claim().run for _ in range(3)] == queued
    assert tick(world) == []


def test_overlap_skip_names_the_run_that_is_still_going(world: World) -> None:
    hourly(world, overlap="skip")
    hours(world)
    work = world.must_claim()
    world.start(work)
    hours(world, 2)
    first, *others = scheduled(world)
    assert [run.state for run in others] == [RunState.SKIPPED] * 2
    assert others[1].state_reason == "the run of 2026-03-02 09:00 UTC is still going"
    world.finish(work)
    hours(world)
    assert states(world)[-1] is RunState.QUEUED
    assert first.state is RunState.RUNNING


def test_missed_times_that_are_caught_up_wait_in_line_and_are_not_skipped(world: World) -> None:
    hourly(world, overlap="skip", catch_up="all")
    world.later(hours=3)
    queued = tick(world)
    assert len(queued) == 3
    for run_id in queued:
        work = world.must_claim()
        assert work.run == run_id
        assert world.claim() is None
        world.start(work)
        world.finish(work)


def test_a_run_that_overlaps_only_once_it_is_claimed_is_skipped_then(world: World) -> None:
    hourly(world, overlap="skip")
    hours(world)
    work = world.must_claim()
    world.start(work)
    fail(world, work)
    hours(world)
    world.write(lambda s: dispatch.retry(s, work.run, "ben", world.now))
    again = world.must_claim()
    assert again.run == work.run
    assert world.claim() is None
    second = scheduled(world)[1]
    assert (second.state, second.state_reason) == (
        RunState.SKIPPED,
        "the run of 2026-03-02 09:00 UTC is still going",
    )


def test_what_a_person_retries_waits_and_is_not_skipped(world: World) -> None:
    hourly(world, overlap="skip")
    hours(world)
    first = world.must_claim()
    world.start(first)
    fail(world, first)
    hours(world)
    second = world.must_claim()
    world.start(second)
    world.write(lambda s: dispatch.retry(s, first.run, "ben", world.now))
    assert world.claim() is None
    assert world.run(first.run).state is RunState.QUEUED
    world.finish(second)
    assert world.must_claim().run == first.run


def test_overlap_queue_lets_one_end_before_the_next(world: World) -> None:
    hourly(world, overlap="queue")
    world.live("other")
    hours(world)
    work = world.must_claim()
    world.start(work)
    hours(world, 2)
    assert states(world)[1:] == [RunState.QUEUED] * 2
    assert scheduled(world)[1].state_reason == (
        "waits until the run of 2026-03-02 09:00 UTC has ended"
    )
    assert world.claim() is None
    behind = world.request("other")
    assert world.must_claim().run == behind.id
    fail(world, work)
    assert world.must_claim().run == scheduled(world)[1].id
    assert scheduled(world)[1].state_reason is None
    assert world.claim() is None


def test_overlap_allow_runs_them_beside_each_other(world: World) -> None:
    hourly(world)
    hours(world, 2)
    assert {world.must_claim().run, world.must_claim().run} == {r.id for r in scheduled(world)}


def test_cancel_previous_asks_for_the_end_of_the_one_before_and_waits_for_it(world: World) -> None:
    hourly(world, overlap="cancel_previous")
    hours(world)
    work = world.must_claim()
    world.start(work)
    hours(world)
    first, second = scheduled(world)
    assert first.cancel_requested
    assert world.claim() is None
    world.finish(work, AttemptState.CANCELLED)
    assert world.run(first.id).state is RunState.CANCELLED
    assert world.run(first.id).state_reason == "the run of 2026-03-02 10:00 UTC takes its place"
    assert world.must_claim().run == second.id


def test_cancel_previous_cancels_a_waiting_one_at_once(world: World) -> None:
    hourly(world, overlap="cancel_previous")
    hours(world, 2)
    assert states(world) == [RunState.CANCELLED, RunState.QUEUED]
    entry = world.read(lambda s: audit.page(s, "lab")).items[0]
    assert (entry.actor, entry.action) == ("galley", "run.cancelled")


def test_what_takes_the_place_of_a_waiting_one_does_not_wait_for_it(world: World) -> None:
    hourly(world, overlap="cancel_previous", depends_on_past=True)
    hours(world, 2)
    assert states(world) == [RunState.CANCELLED, RunState.QUEUED]
    assert scheduled(world)[1].state_reason is None


def test_depending_on_the_past_waits_for_success_and_says_for_which(world: World) -> None:
    hourly(world, depends_on_past=True)
    hours(world, 3)
    first = world.must_claim()
    assert world.claim() is None
    assert scheduled(world)[1].state_reason == (
        "waits until the run of 2026-03-02 09:00 UTC has succeeded"
    )
    world.start(first)
    fail(world, first)
    second = scheduled(world)[1]
    assert second.state is RunState.QUEUED
    assert "2026-03-02 09:00 UTC, which failed: retry that one" in (second.state_reason or "")
    assert str(first.run) in (second.state_reason or "")
    assert world.claim() is None

    world.write(lambda s: dispatch.retry(s, first.run, "ben", world.now))
    assert "has succeeded" in (scheduled(world)[1].state_reason or "")
    again = world.must_claim()
    world.start(again)
    world.finish(again)
    assert scheduled(world)[1].state_reason is None
    work = world.must_claim()
    assert work.run == second.id


def test_a_new_run_says_that_the_one_before_it_failed(world: World) -> None:
    hourly(world, depends_on_past=True)
    hours(world)
    first = world.must_claim()
    world.start(first)
    fail(world, first)
    hours(world)
    assert "which failed: retry that one" in (scheduled(world)[1].state_reason or "")


def test_a_mended_version_run_for_the_failed_date_lets_the_next_go_on(world: World) -> None:
    hourly(world, depends_on_past=True)
    hours(world)
    first = world.must_claim()
    world.start(first)
    fail(world, first)
    hours(world)
    waiting = scheduled(world)[1]
    world.live(content="2", schedule={"cron": "0 * * * *", "depends_on_past": True})
    by_hand = world.request(logical_date=START + HOUR)
    work = world.must_claim()
    assert work.run == by_hand.id
    assert world.claim() is None
    world.start(work)
    world.finish(work)
    assert world.must_claim().run == waiting.id


def test_what_was_skipped_or_cancelled_is_no_past_to_depend_on(world: World) -> None:
    hourly(world, depends_on_past=True)
    hours(world, 2)
    first, second = scheduled(world)
    world.write(lambda s: dispatch.cancel(s, first.id, "ben", world.now))
    assert world.run(second.id).state_reason is None
    assert world.must_claim().run == second.id


def test_a_run_too_late_for_its_deadline_is_skipped(world: World) -> None:
    hourly(world, deadline_s=600, catch_up="all")
    world.later(hours=2, minutes=5)
    assert len(tick(world)) == 1
    early, late = scheduled(world)
    assert (early.state, early.state_reason) == (
        RunState.SKIPPED,
        "it could not start before its deadline, 2026-03-02 09:10 UTC",
    )
    assert late.deadline == START + 2 * HOUR + timedelta(seconds=600)
    world.later(minutes=5)
    assert world.claim() is None
    assert late.id in world.reap()
    assert world.run(late.id).state is RunState.SKIPPED
    assert "before its deadline, 2026-03-02 10:10 UTC" in (world.run(late.id).state_reason or "")


def test_a_run_that_has_not_ended_by_its_deadline_is_timed_out(world: World) -> None:
    hourly(world, deadline_s=600)
    hours(world)
    work = world.must_claim()
    world.start(work)

    def beat() -> bool:
        report = Heartbeat(fencing=work.fencing)
        return world.write(lambda s: dispatch.heartbeat(s, work.attempt, report, world.now)).cancel

    world.later(seconds=599)
    assert not beat()
    world.later(seconds=1)
    assert beat()
    world.finish(work, AttemptState.CANCELLED)
    run = world.run(work.run)
    assert run.state is RunState.TIMED_OUT
    assert "by its deadline, 2026-03-02 09:10 UTC" in (run.state_reason or "")
    retried = world.write(lambda s: dispatch.retry(s, work.run, "ben", world.now))
    assert retried.deadline is None
    assert world.must_claim().run == work.run


def test_the_schedules_own_parameters_are_filled_in_for_each_run(world: World) -> None:
    values = {
        "day": "{{ logical_date | date }}",
        "since": "{{ previous_success or data_interval_start }}",
        "hour": "{{ logical_date | date('%H') }}",
        "run": "{{ run_id }}",
    }
    world.live(analysis=ANALYSIS, schedule={"cron": "0 * * * *", "parameters": values})
    hours(world)
    work = world.must_claim()
    assert work.parameters == {
        "day": "2026-03-02",
        "since": START.isoformat(),
        "hour": 9,
        "run": str(work.run),
    }
    world.start(work)
    world.finish(work)
    world.later(hours=1)
    hours(world)
    assert scheduled(world)[-1].parameters["since"] == (START + HOUR).isoformat()


def test_a_parameter_that_a_later_version_has_no_more_fails_the_run(world: World) -> None:
    world.publish(tenant="play", analysis=ANALYSIS)
    request = ScheduleRequest(cron="@hourly", parameters={"hour": "{{ logical_date | timestamp }}"})
    world.rehearse(world.publish(tenant="play", content="2", analysis=ANALYSIS))
    world.write(
        lambda s: schedule.set_schedule(
            s, "play", world.tenant("play"), "churn", request, "ana", world.now
        )
    )
    world.rehearse(world.publish(tenant="play", content="3"))
    world.later(hours=1)
    assert tick(world) == []
    (run,) = [
        one
        for one in world.read(lambda s: runs.page(s, "play")).items
        if one.trigger is TriggerKind.SCHEDULE
    ]
    assert run.state is RunState.FAILED
    assert "'hour' is not a parameter" in (run.state_reason or "")


def test_runs_that_wait_for_ever_do_not_pile_up_without_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MAX_OPEN", 3)
    hourly(world, depends_on_past=True, catch_up="all")
    hours(world)
    fail(world, world.must_claim())
    hours(world, 2)
    world.later(hours=2)
    tick(world)
    assert states(world) == ["failed", "queued", "queued", "queued", "skipped"]
    assert "3 earlier runs of this schedule have not ended" in (
        scheduled(world)[-1].state_reason or ""
    )


def test_a_change_that_leaves_the_times_loses_nothing_that_is_due(world: World) -> None:
    hourly(world)
    world.later(hours=2)
    world.live(content="2", schedule={"cron": "0 * * * *", "priority": 5})
    assert row_of(world).since == world.now
    tick(world)
    assert [run.logical_date for run in scheduled(world)] == [START + HOUR, START + 2 * HOUR]
    assert scheduled(world)[-1].priority == 5


def test_a_change_of_times_leaves_due_what_has_come_and_is_not_recorded(world: World) -> None:
    hourly(world, catch_up="all")
    world.later(hours=2, minutes=30)
    hourly_at_45 = {"cron": "45 * * * *", "priority": 5}
    world.live(content="2", schedule=hourly_at_45)
    assert due(world) == START + HOUR
    assert len(tick(world)) == 2
    assert due(world) == row_of(world).next_firing == world.now + timedelta(minutes=15)
    hours(world)
    assert [run.logical_date for run in scheduled(world)] == [
        START + HOUR,
        START + 2 * HOUR,
        START + 2 * HOUR + timedelta(minutes=45),
    ]


def test_two_wordings_that_are_due_at_once_know_of_each_others_runs(world: World) -> None:
    hourly(world, overlap="queue")
    world.later(hours=1, minutes=30)
    world.live(content="2", schedule={"cron": "45 * * * *", "overlap": "queue"})
    world.later(minutes=20)
    assert len(tick(world)) == 2
    before, after = scheduled(world)
    assert before.state_reason is None
    assert after.state_reason == "waits until the run of 2026-03-02 09:00 UTC has ended"


def test_a_change_of_times_keeps_a_firing_whose_jitter_is_not_over(world: World) -> None:
    hourly(world, jitter_s=1800)
    late = jitter_of(row_of(world).series, START + HOUR, 1800)
    world.now = START + HOUR + timedelta(seconds=1)
    world.live(content="2", schedule={"cron": "45 * * * *"})
    assert due(world) == START + HOUR + late
    world.now = START + HOUR + late
    (run_id,) = tick(world)
    assert world.run(run_id).logical_date == START + HOUR
    assert due(world) == row_of(world).next_firing


@pytest.mark.parametrize("then", ["pause", "end"])
def test_what_a_former_wording_owes_ends_with_the_schedule(world: World, then: str) -> None:
    hourly(world)
    world.later(hours=2)
    world.live(content="2", schedule={"cron": "45 * * * *"})
    if then == "pause":
        world.write(lambda s: schedule.pause(s, "lab", "churn", "ben", world.now))
    else:
        world.live(content="3")
    assert due(world) is None
    assert tick(world) == []


def test_a_former_wording_whose_zone_is_lost_stops_alone(world: World) -> None:
    hourly(world)
    world.later(hours=2)
    world.live(content="2", schedule={"cron": "45 * * * *"})
    lost = update(ScheduleRow).where(ScheduleRow.until.is_not(None)).values(timezone="Mars/Base")
    world.write(lambda s: s.execute(lost))
    assert tick(world) == []
    assert not row_of(world).paused
    assert due(world) == row_of(world).next_firing
