from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from galley import dispatch
from galley.dispatch.policy import LEASE
from galley.domain.events import Event, EventKind
from galley.domain.runs import AttemptState, FailureClass, Run, RunState, TaskState
from galley.domain.tenants import RetryPolicy
from galley.domain.work import (
    Assignment,
    Heartbeat,
    HeartbeatReply,
    Outcome,
    TaskReport,
    TrackedRuns,
)
from galley.errors import Conflict, InvalidInput, NotFound
from galley.store import events, runs, tokens
from galley.store.columns import new_id

from tests.galley.world import ERROR, START, TENANTS, World, tenants_with


@pytest.fixture
def work(world: World) -> Assignment:
    """A leased pipeline run."""
    world.live(goal={"metric": "auc", "threshold": 0.8}, timeout_s=600, retries=1)
    world.request()
    return world.must_claim()


def beat(world: World, work: Assignment, **fields: Any) -> HeartbeatReply:
    log_size = fields.pop("log_size", None)
    report = Heartbeat(**{"fencing": work.fencing, **fields})
    return world.write(
        lambda s: dispatch.heartbeat(s, work.attempt, report, world.now, log_size=log_size)
    )


def since(world: World, event: int, kind: EventKind) -> list[Event]:
    found = world.read(lambda s: events.after(s, ["lab"], event))
    return [one for one in found if one.kind is kind]


def test_starting_makes_run_and_attempt_running(world: World, work: Assignment) -> None:
    world.later(seconds=2)
    world.start(work)
    run = world.run(work.run)
    assert (run.state, run.started_at) == (RunState.RUNNING, world.now)
    assert run.attempts[0].state is AttemptState.RUNNING
    before = world.read(events.latest)
    world.start(work)  # the answer was lost: the host asks again
    assert world.read(events.latest) == before


def test_heartbeats_renew_the_lease(world: World, work: Assignment) -> None:
    world.start(work)
    world.later(seconds=10)
    reply = beat(world, work)
    assert (reply.cancel, reply.lease_until) == (False, world.now + LEASE)


def test_progress_is_kept_and_told_once(world: World, work: Assignment) -> None:
    world.start(work)
    before = world.read(events.latest)
    report = TaskReport(
        name="churn",
        state=TaskState.RUNNING,
        cell=2,
        cells=7,
        started_at=START,
        peak_memory=9,
        mlflow_run_id="child",
    )
    beat(world, work, tasks=(report,), mlflow_run_id="parent")
    beat(world, work, tasks=(report,), mlflow_run_id="parent")

    run = world.run(work.run)
    assert (run.cell, run.cells) == (2, 7)
    assert run.mlflow_url == "/services/mlflow/lab/#/runs/parent"
    (task,) = run.attempts[0].tasks
    assert (task.state, task.cell, task.peak_memory) == (TaskState.RUNNING, 2, 9)
    assert task.mlflow_run_id == "child"
    (event,) = since(world, before, EventKind.RUN_PROGRESS)
    assert event.subject == work.run
    assert event.data == {
        "attempt": 1,
        "cell": 2,
        "cells": 7,
        "tasks": {"churn": {"state": "running", "cell": 2, "cells": 7}},
    }


def test_a_task_that_ended_does_not_run_again(world: World, work: Assignment) -> None:
    world.start(work)
    done = TaskReport(name="churn", state=TaskState.SUCCEEDED, cell=7, cells=7, ended_at=START)
    beat(world, work, tasks=(done,))
    beat(world, work, tasks=(TaskReport(name="churn", state=TaskState.RUNNING, cell=3),))
    (task,) = world.run(work.run).attempts[0].tasks
    assert (task.state, task.cell, task.ended_at) == (TaskState.SUCCEEDED, 7, START)


def test_cells_of_all_tasks_add_up_and_tasks_keep_their_order(
    world: World, work: Assignment
) -> None:
    world.start(work)
    load = TaskReport(name="load", state=TaskState.SUCCEEDED, cell=3, cells=3)
    fit = TaskReport(name="fit", state=TaskState.RUNNING, upstream=("load",), cell=1, cells=4)
    beat(world, work, tasks=(load, fit))
    run = world.run(work.run)
    assert (run.cell, run.cells) == (4, 7)
    assert [(t.name, t.upstream) for t in run.attempts[0].tasks] == [
        ("load", ()),
        ("fit", ("load",)),
    ]


def test_progress_of_a_rehearsal_is_the_versions(world: World) -> None:
    version = world.publish()
    work = world.must_claim(author="ana")
    world.start(work)
    before = world.read(events.latest)
    beat(world, work, tasks=(TaskReport(name="churn", state=TaskState.RUNNING, cell=1, cells=2),))
    progress = {"cell": 1, "cells": 2, "task": "churn", "phase": None}
    assert world.version(version.id).progress == progress
    (event,) = since(world, before, EventKind.VERSION_PROGRESS)
    assert (event.subject, event.data) == (version.id, {"number": 1, **progress})
    beat(world, work, phase="comparing")
    beat(world, work, phase="comparing")
    phases = [one.data["phase"] for one in since(world, before, EventKind.VERSION_PROGRESS)]
    assert phases == [None, "comparing"]


def test_a_log_that_grew_is_told(world: World, work: Assignment) -> None:
    world.start(work)
    before = world.read(events.latest)
    beat(world, work, log_size=10)
    beat(world, work, log_size=10)
    world.write(lambda s: dispatch.log_grew(s, work.attempt, 25, world.now))
    assert [one.data for one in since(world, before, EventKind.LOG_GREW)] == [
        {"attempt": 1, "size": 10},
        {"attempt": 1, "size": 25},
    ]
    assert world.read(lambda s: runs.attempt(s, work.attempt)).log_size == 25


def test_success_keeps_metrics_and_judges_the_goal(world: World, work: Assignment) -> None:
    world.start(work)
    world.later(seconds=30)
    run = world.finish(work, metrics={"auc": 0.9})
    assert (run.state, run.goal_met, run.metrics) == (RunState.SUCCEEDED, True, {"auc": 0.9})
    assert run.ended_at == world.now
    assert run.attempts[0].state is AttemptState.SUCCEEDED


def test_a_goal_that_was_missed(world: World, work: Assignment) -> None:
    world.start(work)
    assert world.finish(work, metrics={"auc": 0.5}).goal_met is False


def test_success_before_the_start_was_heard_counts(world: World, work: Assignment) -> None:
    assert world.finish(work).state is RunState.SUCCEEDED


def test_the_users_failure_is_not_repeated(world: World, work: Assignment) -> None:
    world.start(work)
    run = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER, error=ERROR)
    assert (run.state, run.state_reason) == (RunState.FAILED, ERROR.message)
    assert run.attempts[0].error == ERROR
    assert run.attempts[0].failure_class is FailureClass.USER


def starve(world: World, work: Assignment) -> Run:
    world.start(work)
    return world.finish(work, AttemptState.FAILED, failure_class=FailureClass.OUT_OF_MEMORY)


def test_out_of_memory_is_tried_once_more_on_the_next_profile_where_the_tenant_allows(
    world: World,
) -> None:
    world.tenants = tenants_with("lab", retry=RetryPolicy(out_of_memory="next_profile"))
    world.live(profile="small", retries=0)
    world.request()
    work = world.must_claim()
    assert (work.profile_name, work.next_profile) == ("small", "large")
    run = starve(world, work)
    assert run.state is RunState.QUEUED
    assert run.state_reason is not None
    assert run.state_reason.endswith("Tried once more with profile 'large'")

    again = world.must_claim()  # at once
    assert (again.number, again.profile_name, again.profile.memory) == (2, "large", 2**31)
    run = starve(world, again)
    assert run.state is RunState.FAILED
    assert run.state_reason == (
        "it needed more memory than its profile has. It had been tried with a smaller profile "
        "before"
    )
    assert [attempt.profile for attempt in run.attempts] == ["small", "large"]
    assert [attempt.failure_class for attempt in run.attempts] == [
        FailureClass.OUT_OF_MEMORY,
        FailureClass.OUT_OF_MEMORY,
    ]


def test_a_larger_profile_costs_no_repeat_and_is_kept_when_the_platform_fails(
    world: World,
) -> None:
    world.tenants = tenants_with("lab", retry=RetryPolicy(out_of_memory="next_profile"))
    world.live(profile="small", retries=0)
    world.request()
    starve(world, world.must_claim())
    for _ in range(2):
        work = world.must_claim()
        assert work.profile_name == "large"
        world.start(work)
        run = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
        assert run.state is RunState.QUEUED
        world.later(seconds=60)
    world.tenants = tenants_with(
        "lab", profiles={"small": TENANTS.tenants["lab"].profiles["small"]}
    )
    assert world.must_claim().profile_name == "small"  # the large one is gone


def test_there_is_no_larger_profile_for_a_rehearsal_or_the_largest(world: World) -> None:
    world.tenants = tenants_with("lab", retry=RetryPolicy(out_of_memory="next_profile"))
    version = world.publish("other", content="2")
    rehearsal = world.claim("lab", author="ana", run=version.rehearsal_run)
    assert rehearsal is not None
    assert starve(world, rehearsal).state is RunState.FAILED
    world.live(profile="large")
    world.request()
    work = world.must_claim()
    assert work.next_profile is None  # 'huge' is beyond the tenant's limits
    assert starve(world, work).state is RunState.FAILED


def test_out_of_memory_is_not_repeated(world: World, work: Assignment) -> None:
    world.start(work)
    run = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.OUT_OF_MEMORY)
    assert (run.state, run.state_reason) == (
        RunState.FAILED,
        "it needed more memory than its profile has",
    )


@pytest.mark.parametrize(
    ("error", "state", "failure_class"),
    [
        (ERROR, RunState.FAILED, FailureClass.USER),
        (None, RunState.QUEUED, FailureClass.INFRASTRUCTURE),
    ],
)
def test_a_failure_without_a_class_is_guessed_from_its_error(
    world: World, work: Assignment, error: Any, state: RunState, failure_class: FailureClass
) -> None:
    world.start(work)
    run = world.finish(work, AttemptState.FAILED, error=error)
    assert run.state is state
    assert run.attempts[0].failure_class is failure_class


@pytest.mark.parametrize(
    ("state", "failure_class"),
    [(AttemptState.TIMED_OUT, None), (AttemptState.FAILED, FailureClass.TIMEOUT)],
)
def test_a_time_out_is_its_own_end(
    world: World, work: Assignment, state: AttemptState, failure_class: FailureClass | None
) -> None:
    world.start(work)
    run = world.finish(work, state, failure_class=failure_class)
    assert run.state is RunState.TIMED_OUT
    assert run.state_reason == "it took longer than its time limit of 600 s"
    assert run.attempts[0].failure_class is FailureClass.TIMEOUT


def test_a_run_over_its_time_is_asked_to_end(world: World, work: Assignment) -> None:
    world.start(work)
    world.later(seconds=599)
    assert not beat(world, work).cancel
    world.later(seconds=1)
    assert beat(world, work).cancel
    assert world.finish(work, AttemptState.CANCELLED).state is RunState.TIMED_OUT


def not_before(world: World, run: Run) -> datetime:
    return world.read(lambda s: runs.require(s, run.id).not_before)


def test_infrastructure_failures_are_repeated_with_growing_pauses_until_it_is_enough(
    world: World, work: Assignment
) -> None:
    pauses = []
    for number in range(1, 5):
        assert work.number == number
        world.start(work)
        run = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
        if run.state is RunState.FAILED:
            break
        due = not_before(world, run)
        pauses.append(due - world.now)
        world.now = due
        work = world.must_claim()

    assert len(pauses) == 3  # retries + 2
    for pause, seconds in zip(pauses, (5, 10, 20), strict=True):
        assert timedelta(seconds=seconds) <= pause <= timedelta(seconds=1.5 * seconds)
    assert run.state is RunState.FAILED
    assert "4 attempts were made" in (run.state_reason or "")
    assert [attempt.number for attempt in run.attempts] == [1, 2, 3, 4]


def test_a_host_that_cancels_unasked_was_cut_off(world: World, work: Assignment) -> None:
    world.start(work)
    run = world.finish(work, AttemptState.CANCELLED)
    assert run.state is RunState.QUEUED


def test_tasks_of_an_attempt_that_failed_do_not_look_alive(world: World, work: Assignment) -> None:
    world.start(work)
    beat(
        world,
        work,
        tasks=(
            TaskReport(name="load", state=TaskState.SUCCEEDED),
            TaskReport(name="fit", state=TaskState.RUNNING),
            TaskReport(name="save", state=TaskState.WAITING),
        ),
    )
    run = world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER)
    assert [task.state for task in run.attempts[0].tasks] == [
        TaskState.SUCCEEDED,
        TaskState.CANCELLED,
        TaskState.CANCELLED,
    ]


def test_which_kernel_a_task_had_is_told(world: World, work: Assignment) -> None:
    world.start(work)
    why = "started: no zygote answered"
    beat(world, work, tasks=(TaskReport(name="load", state=TaskState.RUNNING, kernel=why),))
    beat(world, work, tasks=(TaskReport(name="load", state=TaskState.SUCCEEDED),))
    (task,) = world.finish(work).attempts[0].tasks
    assert task.kernel == why


def test_a_task_that_was_not_executed_again_leads_to_what_it_logged(
    world: World, work: Assignment
) -> None:
    world.start(work)
    logged = TaskReport(name="load", state=TaskState.SUCCEEDED, mlflow_run_id="r1")
    beat(world, work, tasks=(logged,))
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    world.now += timedelta(minutes=1)
    again = world.must_claim()
    world.start(again)
    beat(world, again, tasks=(TaskReport(name="load", state=TaskState.SUCCEEDED, reused_from=1),))
    first, second = world.finish(again).attempts
    assert [(task.mlflow_run_id, task.reused_from) for task in (*first.tasks, *second.tasks)] == [
        ("r1", None),
        ("r1", 1),
    ]


def test_a_task_that_an_earlier_run_executed_leads_there(world: World, work: Assignment) -> None:
    world.start(work)
    earlier = uuid.uuid4()
    made = TaskReport(name="load", state=TaskState.SUCCEEDED, reused_run=earlier)
    beat(world, work, tasks=(made,))
    (task,) = world.finish(work).attempts[0].tasks
    assert (task.reused_run, task.reused_from, task.mlflow_run_id) == (earlier, None, None)


@pytest.mark.parametrize("told_first", [True, False])
def test_what_a_runner_made_and_could_not_tell_leads_to_what_it_logged(
    world: World, work: Assignment, told_first: bool
) -> None:
    """It was killed between the end of the task and its next heartbeat."""
    world.start(work)
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    tracked = TrackedRuns(mlflow_run_id="p1", tasks={"load": "r1"})

    def tell() -> None:
        world.write(lambda s: dispatch.take_tracked(s, work.attempt, tracked, world.now))

    if told_first:
        tell()
        (task,) = world.run(work.run).attempts[0].tasks
        assert (task.state, task.mlflow_run_id) == (TaskState.CANCELLED, "r1")
    world.now += timedelta(minutes=1)
    again = world.must_claim()
    world.start(again)
    made = TaskReport(name="load", state=TaskState.SUCCEEDED, cell=3, cells=3, reused_from=1)
    beat(world, again, tasks=(made,))
    if not told_first:
        tell()
    first, second = world.finish(again).attempts
    assert [
        (task.state, task.cells, task.mlflow_run_id, task.reused_from)
        for task in (*first.tasks, *second.tasks)
    ] == [(TaskState.SUCCEEDED, 3, "r1", None), (TaskState.SUCCEEDED, 3, "r1", 1)]


def test_what_mlflow_has_of_an_earlier_attempt_leaves_the_runs_progress_alone(
    world: World, work: Assignment
) -> None:
    """MLflow was away: it has what the first attempt logged once the second one is under way."""
    world.start(work)
    beat(world, work, tasks=(TaskReport(name="load", state=TaskState.RUNNING, cell=1, cells=9),))
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    world.now += timedelta(minutes=1)
    again = world.must_claim()
    world.start(again)
    beat(world, again, tasks=(TaskReport(name="load", state=TaskState.RUNNING, cell=7, cells=9),))

    def tell(told: Assignment, run: str, task: str) -> tuple[Run, list[Event]]:
        before = world.read(events.latest)
        tracked = TrackedRuns(mlflow_run_id=run, tasks={"load": task})
        world.write(lambda s: dispatch.take_tracked(s, told.attempt, tracked, world.now))
        return world.run(work.run), since(world, before, EventKind.RUN_PROGRESS)

    run, news = tell(work, "p1", "r1")
    assert (run.cell, run.cells, run.mlflow_url, news) == (7, 9, None, [])
    first = run.attempts[0]
    assert (first.mlflow_run_id, first.tasks[0].mlflow_run_id) == ("p1", "r1")
    run, (event,) = tell(again, "p2", "r2")
    assert (run.cell, event.data["attempt"], event.data["cell"]) == (7, 2, 7)
    assert run.mlflow_url is not None


def test_a_report_of_an_ended_attempt_is_refused(world: World, work: Assignment) -> None:
    world.start(work)
    world.finish(work)
    for report in (
        lambda: world.start(work),
        lambda: beat(world, work),
        lambda: world.finish(work),
        lambda: world.write(
            lambda s: runs.attach_notebook(s, work.attempt, "churn", "blob", world.now)
        ),
    ):
        with pytest.raises(Conflict, match="has ended"):
            report()


def test_a_stale_report_is_refused_and_changes_nothing(world: World, work: Assignment) -> None:
    stale = work.model_copy(update={"fencing": 0})
    before = world.read(events.latest)
    for report in (
        lambda: world.start(stale),
        lambda: beat(world, stale, log_size=4),
        lambda: world.finish(stale),
    ):
        with pytest.raises(Conflict, match="lease 0"):
            report()
    assert world.read(events.latest) == before


def test_unknown_attempts_and_impossible_ends(world: World, work: Assignment) -> None:
    with pytest.raises(NotFound):
        world.start(work.model_copy(update={"attempt": new_id()}))
    outcome = Outcome(fencing=1, state=AttemptState.RUNNING, duration_s=1)
    with pytest.raises(InvalidInput, match="does not end as 'running'"):
        world.write(lambda s: dispatch.finish(s, work.attempt, outcome, world.now))


def test_a_lost_attempt_cannot_come_back_over_its_successor(world: World, work: Assignment) -> None:
    world.start(work)
    world.keep_reaping(16)
    world.later(seconds=8)
    second = world.must_claim()
    assert (second.number, second.fencing, second.run) == (2, 2, work.run)
    with pytest.raises(Conflict, match="lost"):
        world.finish(work, metrics={"auc": 0.1})
    assert world.read(lambda s: tokens.find(s, work.task_token, world.now)) is None
    world.start(second)
    assert world.finish(second, metrics={"auc": 0.9}).metrics == {"auc": 0.9}
