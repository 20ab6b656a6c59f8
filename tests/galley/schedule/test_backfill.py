"""Backfills: what they would do, that each date runs once, and how they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from galley import dispatch
from galley.domain.backfills import (
    BACKFILL_TRANSITIONS,
    MAX_DATES,
    Backfill,
    BackfillPlan,
    BackfillRequest,
    BackfillState,
)
from galley.domain.retention import EndedState, RemovedRuns, RetentionPolicy
from galley.domain.runs import AttemptState, FailureClass, Run, RunState, TriggerKind
from galley.errors import Conflict, InvalidInput, NotFound
from galley.schedule import backfill, backfill_plan
from galley.schedule.due import materialise_due
from galley.store import Store, audit, backfills, events, pauses, pipelines, retention, runs
from galley.store.backfill_tables import BackfillDateRow, BackfillRow
from galley.store.columns import new_id
from galley.store.records import RetentionRow
from galley.store.tables import RunRow
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from tests.galley.stores import ONLY_SQLITE, steps
from tests.galley.world import ERROR, START, World, tenants_with

FIRST = datetime(2026, 2, 20, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def request(days: int = 5, **fields: Any) -> BackfillRequest:
    return BackfillRequest.model_validate(
        {"start": FIRST, "end": FIRST + (days - 1) * DAY, **fields}
    )


def plan(world: World, wanted: BackfillRequest | None = None) -> BackfillPlan:
    wanted = wanted or request()

    def read(session: Any) -> BackfillPlan:
        tenant = world.tenant()
        draft = backfill_plan.draft(session, "lab", tenant, "churn", wanted, world.now)
        return backfill_plan.plan(session, draft, tenant)

    return world.read(read)


def start(world: World, wanted: BackfillRequest | None = None, by: str = "ana") -> Backfill:
    wanted = wanted or request()
    draft = world.read(
        lambda s: backfill_plan.draft(s, "lab", world.tenant(), "churn", wanted, world.now)
    )
    return world.write(lambda s: backfill.start(s, draft, by, world.now))


def step(world: World) -> list[UUID]:
    due = world.read(lambda s: backfill.backfills_due(s, world.tenants))
    return world.write(lambda s: backfill.step(s, world.tenants, due, world.now))


def look(world: World, one: Backfill) -> Backfill:
    return world.read(lambda s: backfills.get(s, one.id))


def its_runs(world: World) -> list[Run]:
    page = world.read(lambda s: runs.page(s, "lab", limit=200))
    return [run for run in reversed(page.items) if run.trigger is TriggerKind.BACKFILL]


def run_one(world: World, state: AttemptState = AttemptState.SUCCEEDED) -> Run:
    work = world.must_claim()
    world.start(work)
    world.later(seconds=60)
    if state is AttemptState.SUCCEEDED:
        return world.finish(work)
    return world.finish(work, state, failure_class=FailureClass.USER, error=ERROR)


def to_the_end(world: World, one: Backfill) -> Backfill:
    for _ in range(100):
        step(world)
        if look(world, one).state.ended:
            return look(world, one)
        run_one(world)
    raise AssertionError("it does not end")


@pytest.fixture
def daily(world: World) -> World:
    world.live(schedule={"cron": "30 6 * * *", "timezone": "UTC"})
    return world


def test_a_plan_changes_nothing_and_says_what_would_be(daily: World) -> None:
    before = daily.read(events.latest)
    found = plan(daily, request(days=5, parallel=4))
    assert (found.total, found.wanted, found.succeeded, found.version) == (5, 5, 0, 1)
    assert [one.logical_date for one in found.dates] == [FIRST + n * DAY for n in range(5)]
    assert found.parallel == 2, "the tenant runs two at a time"
    assert (found.median_s, found.duration_s) == (None, None)
    assert daily.read(events.latest) == before
    assert daily.read(lambda s: s.scalar(select(func.count()).select_from(BackfillRow))) == 0


def test_what_succeeded_is_left_out_and_the_duration_is_told(daily: World) -> None:
    daily.request(logical_date=FIRST + DAY)
    run_one(daily)
    daily.request(logical_date=FIRST + 2 * DAY)
    run_one(daily, AttemptState.FAILED)
    daily.request(logical_date=FIRST + 3 * DAY)
    found = plan(daily)
    standings = [(str(one.standing), one.wanted) for one in found.dates]
    assert standings == [
        ("none", True),
        ("succeeded", False),
        ("failed", True),
        ("open", False),
        ("none", True),
    ]
    assert (found.total, found.wanted, found.succeeded, found.failed, found.open) == (5, 3, 1, 1, 1)
    assert (found.median_s, found.duration_s) == (60, 180)
    assert plan(daily, request(only="failed")).wanted == 1
    again = plan(daily, request(only="all"))
    assert again.wanted == 4, "what is queued is not doubled"
    assert plan(daily, request(order="newest")).dates[0].logical_date == FIRST + 4 * DAY


@pytest.mark.parametrize("cron", [None, "0 * * * *"])
def test_what_the_schedule_has_yet_to_record_is_left_to_it(world: World, cron: str | None) -> None:
    world.live(
        schedule={"cron": "0 9 * * *", "timezone": "UTC", "jitter_s": 3600, "catch_up": "latest"}
    )
    firing = START + timedelta(hours=1)
    world.now = firing + timedelta(seconds=5)
    wanted = request(start=firing, end=firing, only="all", cron=cron)
    (date,) = plan(world, wanted).dates
    assert (date.standing, date.run, date.wanted) == ("open", None, False)
    with pytest.raises(InvalidInput, match="about to be recorded by the schedule"):
        start(world, wanted)
    world.later(days=2, hours=1)
    down = request(start=firing, end=firing + 2 * DAY, cron=cron)

    def wanted_of_its_own() -> list[bool]:
        dates = plan(world, down).dates
        return [one.wanted for one in dates if one.logical_date.hour == firing.hour]

    assert wanted_of_its_own() == [False, False, False]
    world.live(content="2", schedule={"cron": "0 9,21 * * *"})
    assert wanted_of_its_own() == [False, False, False], "the former wording still owes them"
    world.write(lambda s: materialise_due(s, world.tenants, world.now))
    assert wanted_of_its_own() == [True, True, False], "it runs the latest and skips the others"


def test_each_date_is_run_once_in_order_with_its_interval(daily: World) -> None:
    one = start(daily, request(parameters={"rounds": 9}))
    assert (one.state, one.total, one.waiting, one.requested_by) == ("running", 5, 5, "ana")
    ended = to_the_end(daily, one)
    assert (ended.state, ended.succeeded, ended.waiting) == (BackfillState.DONE, 5, 0)
    assert ended.ended_at == daily.now
    found = its_runs(daily)
    assert [run.logical_date for run in found] == [FIRST + n * DAY for n in range(5)]
    assert all(run.data_interval_start == run.logical_date - DAY for run in found)
    assert all(run.parameters["rounds"] == 9 for run in found)
    assert {run.cause.id for run in found if run.cause} == {one.id}
    assert all(early.created_at < late.created_at for early, late in pairwise(found))
    actions = [line.action for line in daily.read(lambda s: audit.page(s, "lab")).items]
    assert [action for action in actions if action.startswith("backfill")] == [
        "backfill.done",
        "backfill.started",
    ]


def test_each_date_has_the_deadline_from_when_it_is_queued(daily: World) -> None:
    one = start(daily, request(days=2, deadline_s=600))
    assert one.deadline_s == 600
    step(daily)
    daily.later(seconds=601)
    daily.reap()
    step(daily)
    skipped, queued = its_runs(daily)
    assert (skipped.state, queued.state) == (RunState.SKIPPED, RunState.QUEUED)
    assert queued.deadline == daily.now + timedelta(seconds=600)
    run_one(daily)
    step(daily)
    ended = look(daily, one)
    assert (ended.state, ended.succeeded, ended.failed) == (BackfillState.FAILED, 1, 1)
    again = plan(daily, request(days=2, only="failed"))
    assert [one.logical_date for one in again.dates if one.wanted] == [skipped.logical_date]


def test_no_more_run_at_a_time_than_was_asked_for(daily: World) -> None:
    start(daily, request(parallel=2, order="newest"))
    assert len(step(daily)) == 2
    assert step(daily) == []
    run_one(daily)
    assert len(step(daily)) == 1
    dates = [run.logical_date for run in its_runs(daily)]
    assert dates == [FIRST + n * DAY for n in (4, 3, 2)]


def test_a_step_that_was_lost_before_its_commit_doubles_nothing(daily: World) -> None:
    start(daily, request(parallel=3))

    def killed(session: Any) -> None:
        due = backfill.backfills_due(session, daily.tenants)
        backfill.step(session, daily.tenants, due, daily.now)
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        daily.write(killed)
    assert its_runs(daily) == []
    stale = daily.read(lambda s: backfill.backfills_due(s, daily.tenants))
    assert len(step(daily)) == 3
    late = daily.write(lambda s: backfill.step(s, daily.tenants, stale, daily.now))
    assert late == [], "a second process that looked before the commit starts nothing more"
    assert len({run.logical_date for run in its_runs(daily)}) == len(its_runs(daily)) == 3


def test_another_process_goes_on_with_it(daily: World, database: str) -> None:
    one = start(daily)
    step(daily)
    run_one(daily)
    other = World(Store(database), now=daily.now)
    try:
        assert to_the_end(other, one).state is BackfillState.DONE
    finally:
        other.store.close()
    assert len(its_runs(daily)) == 5


def test_pausing_lets_runs_end_and_resuming_goes_on(daily: World) -> None:
    one = start(daily)
    step(daily)
    paused = daily.write(lambda s: backfill.pause(s, one.id, "lee", daily.now))
    assert (paused.state, paused.state_reason) == (BackfillState.PAUSED, "paused by lee")
    assert run_one(daily).state is RunState.SUCCEEDED
    assert step(daily) == []
    with pytest.raises(Conflict, match="nothing to pause"):
        daily.write(lambda s: backfill.pause(s, one.id, "lee", daily.now))
    daily.write(lambda s: backfill.resume(s, one.id, "lee", daily.now))
    assert len(step(daily)) == 1
    with pytest.raises(Conflict, match="only a paused one"):
        daily.write(lambda s: backfill.resume(s, one.id, "lee", daily.now))
    assert to_the_end(daily, one).succeeded == 5


def test_cancelling_ends_queued_and_running_ones(daily: World) -> None:
    one = start(daily, request(parallel=2))
    step(daily)
    daily.start(daily.must_claim())
    daily.write(lambda s: backfill.cancel(s, one.id, "lee", daily.now))
    running, queued = its_runs(daily)
    assert (running.state, running.cancel_requested) == (RunState.RUNNING, True)
    assert (queued.state, queued.state_reason) == (RunState.CANCELLED, "cancelled by lee")
    assert step(daily) == []
    assert look(daily, one).state is BackfillState.CANCELLED
    with pytest.raises(Conflict, match="has ended"):
        daily.write(lambda s: backfill.cancel(s, one.id, "lee", daily.now))
    with pytest.raises(NotFound):
        daily.write(lambda s: backfill.cancel(s, running.id, "lee", daily.now))


def test_a_failure_stops_it_or_does_not(daily: World) -> None:
    going_on = start(daily, request(days=3))
    step(daily)
    run_one(daily, AttemptState.FAILED)
    ended = to_the_end(daily, going_on)
    assert (ended.state, ended.succeeded, ended.failed) == (BackfillState.FAILED, 2, 1)
    assert ended.state_reason == "1 of 3 dates did not succeed"

    stopping = start(daily, request(parallel=2, only="all", stop_at_first_failure=True))
    step(daily)
    run_one(daily, AttemptState.FAILED)
    assert step(daily) == []
    assert look(daily, stopping).state is BackfillState.RUNNING, "one of its runs is open"
    run_one(daily)
    step(daily)
    ended = look(daily, stopping)
    assert (ended.state, ended.waiting) == (BackfillState.FAILED, 3)
    assert "stopped at the first failure, 3 were not run" in str(ended.state_reason)


def test_one_backfill_of_a_pipeline_at_a_time(daily: World) -> None:
    one = start(daily)
    with pytest.raises(Conflict, match=str(one.id)):
        start(daily)


def test_two_that_start_one_at_once_are_told_apart_by_the_database(
    daily: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(daily)
    monkeypatch.setattr(backfills, "active", lambda *_: None)
    with pytest.raises(Conflict, match="has not ended"):
        start(daily)
    rows = select(func.count()).select_from(BackfillRow)
    assert daily.read(lambda s: s.scalar(rows)) == 1


def test_ten_million_dates_are_refused_with_their_number(daily: World) -> None:
    years = request(cron="* * * * *", start=datetime(2006, 1, 1, tzinfo=UTC), end=START)
    with pytest.raises(
        InvalidInput, match=r"about 10,6.*,... dates; one backfill has 10,000"
    ) as no:
        plan(daily, years)
    assert no.value.field == "end"
    assert no.value.data["dates"] == pytest.approx(10_602_720, rel=0.01)
    exactly = request(cron="* * * * *", end=FIRST + timedelta(minutes=MAX_DATES - 1))
    assert plan(daily, exactly).total == MAX_DATES
    over = request(cron="* * * * *", end=FIRST + timedelta(minutes=MAX_DATES))
    with pytest.raises(InvalidInput):
        plan(daily, over)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"end": FIRST - DAY}, "end"),
        ({"end": START + 2 * DAY}, "end"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "0 0 * * *", "timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "Europe/Berlin"}, "timezone"),
        ({"parameters": {"rounds": "many"}}, "parameters.rounds"),
        ({"parameters": {"other": 1}}, "parameters.other"),
        ({"cron": "0 0 1 1 *"}, "end"),
        ({"only": "failed"}, "only"),
    ],
)
def test_bad_input_names_its_field_and_changes_nothing(
    daily: World, fields: dict[str, Any], field: str
) -> None:
    before = daily.read(events.latest)
    with pytest.raises(InvalidInput) as caught:
        start(daily, request(**fields))
    assert caught.value.field == field
    assert daily.read(events.latest) == before


def test_without_schedule_or_version_it_says_what_is_missing(world: World) -> None:
    world.publish()
    with pytest.raises(Conflict, match="no live version"):
        plan(world)
    world.live(content="2")
    with pytest.raises(Conflict, match="give a cron expression"):
        plan(world)
    assert plan(world, request(cron="@daily", timezone="Europe/Berlin")).total == 4


def test_a_date_whose_parameters_do_not_fit_any_more_fails_with_the_reason(daily: World) -> None:
    one = start(daily, request(days=1))
    daily.tenants = tenants_with("lab", parameters={"rounds": "seven"})
    step(daily)
    step(daily)
    (run,) = its_runs(daily)
    assert run.state is RunState.FAILED
    assert "the tenant's own value does not fit" in str(run.state_reason)
    assert look(daily, one).state is BackfillState.FAILED


def test_a_run_that_is_tried_again_counts_as_open(daily: World) -> None:
    one = start(daily, request(days=2))
    step(daily)
    failed = run_one(daily, AttemptState.FAILED)
    daily.write(lambda s: dispatch.retry(s, failed.id, "ana", daily.now))
    assert (look(daily, one).open, look(daily, one).failed) == (1, 0)
    assert to_the_end(daily, one).state is BackfillState.DONE


def test_the_schedules_own_parameters_hold_for_its_dates(world: World) -> None:
    own = {"name": "{{ logical_date | date }}", "rounds": 4}
    world.live(schedule={"cron": "30 6 * * *", "timezone": "UTC", "parameters": own})
    start(world, request(days=2, parallel=2, parameters={"rounds": 5}))
    step(world)
    found = [(run.parameters["name"], run.parameters["rounds"]) for run in its_runs(world)]
    assert found == [("2026-02-20", 5), ("2026-02-21", 5)]
    with pytest.raises(InvalidInput) as caught:
        plan(world, request(parameters={"name": "{{ run_id.hex }}"}))
    assert caught.value.field == "parameters.name"


def test_what_is_due_now_goes_before_what_is_made_up_for(daily: World) -> None:
    start(daily)
    step(daily)
    asked = daily.request()
    assert daily.must_claim().run == asked.id


@pytest.mark.parametrize("stops", [False, True])
def test_a_run_that_is_forgotten_meanwhile_still_counts(daily: World, stops: bool) -> None:
    one = start(daily, request(days=3, stop_at_first_failure=stops))
    step(daily)
    run_one(daily, AttemptState.FAILED)
    daily.later(days=9)
    daily.request()
    policy = RetentionPolicy.model_validate({"runs": {"failed": "1d"}, "latest": 1})

    def forget(session: Session) -> RemovedRuns:
        pipeline = pipelines.require(session, "lab", "churn").id
        found = retention.old_runs(
            session, pipeline, policy, daily.now, state=EndedState.FAILED, after=None, limit=9
        )
        sizes = {one.id: 0 for one in found}
        return retention.forget(session, pipeline, found, sizes, "galley", daily.now)

    assert daily.write(forget).runs == 1
    assert look(daily, one).failed == 1
    ended = to_the_end(daily, one)
    assert (ended.state, ended.succeeded, ended.failed) == (
        BackfillState.FAILED,
        0 if stops else 2,
        1,
    )
    (first, *_) = daily.read(lambda s: backfills.dates(s, one.id)).items
    assert first.state is RunState.FAILED


@ONLY_SQLITE
def test_dates_that_are_done_cost_the_loop_nothing(daily: World) -> None:
    one = start(daily)

    def cost() -> int:
        return daily.read(lambda s: steps(s, lambda: backfill.backfills_due(s, daily.tenants)))

    few = cost()
    done = [
        {
            "backfill_id": one.id,
            "position": 100 + number,
            "logical_date": FIRST - number * DAY,
            "data_interval_start": FIRST,
            "run_id": new_id(),
            "end_state": RunState.SUCCEEDED,
        }
        for number in range(1, 301)
    ]
    daily.write(lambda s: s.execute(insert(BackfillDateRow), done))
    assert look(daily, one).succeeded == 300
    assert cost() < few + 200


@ONLY_SQLITE
def test_runs_between_the_dates_cost_a_plan_nothing(daily: World) -> None:
    def cost() -> int:
        draft = partial(backfill_plan.draft, tenant_name="lab", tenant=daily.tenant(), slug="churn")
        ask = partial(draft, request=request(), now=daily.now)
        return daily.read(lambda s: steps(s, lambda: ask(s)))

    run = daily.request(logical_date=FIRST)
    few = cost()

    def between(session: Session) -> None:
        row = session.get_one(RunRow, run.id)
        same = {column.key: getattr(row, column.key) for column in RunRow.__table__.columns}
        for minutes in range(1, 301):
            at = FIRST + timedelta(minutes=minutes)
            session.add(
                RunRow(**{**same, "id": new_id(), "trigger_id": new_id(), "logical_date": at})
            )

    daily.write(between)
    assert cost() < few + 200


def test_lists_are_pages(daily: World) -> None:
    one = start(daily)
    step(daily)
    page = daily.read(lambda s: backfills.dates(s, one.id, limit=3))
    rest = daily.read(lambda s: backfills.dates(s, one.id, cursor=page.next_cursor))
    dates = [*page.items, *rest.items]
    assert [date.logical_date for date in dates] == [FIRST + n * DAY for n in range(5)]
    assert [date.state for date in dates] == [RunState.QUEUED, None, None, None, None]
    assert rest.next_cursor is None
    listed = daily.read(lambda s: backfills.page(s, "lab", pipeline="churn"))
    assert [item.id for item in listed.items] == [one.id]
    assert daily.read(lambda s: s.scalar(select(func.count()).select_from(BackfillDateRow))) == 5


def test_no_arrow_leaves_an_end() -> None:
    assert set(BACKFILL_TRANSITIONS) == set(BackfillState)
    assert all(not arrows for state, arrows in BACKFILL_TRANSITIONS.items() if state.ended)


def test_what_is_not_kept_any_more_is_not_run_again_unless_all_are(world: World) -> None:
    """It may have succeeded: running it again would double it."""
    world.live(schedule={"cron": "30 6 * * *"})

    def remove(session: Session) -> None:
        row = pipelines.require(session, "lab", "churn")
        session.add(RetentionRow(pipeline_id=row.id, removed_until=FIRST + 2 * DAY))

    world.write(remove)
    found = plan(world)
    assert [one.standing.value for one in found.dates] == ["removed"] * 3 + ["none"] * 2
    assert (found.wanted, found.removed) == (2, 3)
    assert plan(world, request(only="failed")).wanted == 0
    assert plan(world, request(only="all")).wanted == 5
    again = plan(world, request(cron="30 6 * * *"))
    assert again.wanted == 2


def test_dates_of_a_pause_are_not_run_unless_all_are(world: World) -> None:
    world.live(schedule={"cron": "30 6 * * *"})

    def rest(session: Session) -> None:
        row = pipelines.require(session, "lab", "churn")
        pauses.begin(session, row.id, "max", FIRST)
        session.flush()
        pauses.end(session, row.id, FIRST + DAY)

    world.write(rest)
    found = plan(world)
    assert [one.standing.value for one in found.dates] == ["none", "paused", *["none"] * 3]
    assert (found.wanted, found.paused) == (4, 1)
    assert plan(world, request(only="all")).wanted == 5
    assert plan(world, request(cron="30 6 * * *")).wanted == 5, "those dates are its own"
