from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from galley import schedule
from galley.domain.backfills import Backfill, BackfillRequest
from galley.domain.parameters import ParameterSchema
from galley.domain.runs import RunState, TriggerKind
from galley.domain.versions import Analysis, TaskNode
from galley.domain.work import Assignment
from galley.schedule import backfill, backfill_plan
from galley.store import runs
from galley.store.tables import RunRow
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.galley.world import START, World, tenants_with

HOUR = timedelta(hours=1)
SCHEMA = ParameterSchema(properties={"since": {"type": "string", "default": ""}}, cell=0)
ANALYSIS = Analysis(parameters=SCHEMA, tasks=(TaskNode(name="churn", cells=(0, 1)),))


@pytest.fixture
def world(world: World) -> World:
    limits = world.tenant().limits.model_copy(update={"concurrent_runs": 9, "cpu": 99.0})
    world.tenants = tenants_with("lab", limits=limits)
    return world


def tick(world: World) -> None:
    world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))


SINCE = {"since": "{{ previous_success or logical_date }}"}


def succeed(world: World, work: Assignment) -> None:
    world.start(work)
    world.finish(work)


@pytest.mark.parametrize("rule", [{"catch_up": "all", "overlap": "queue"}, {"catch_up": "all"}])
@pytest.mark.parametrize("changed", [False, True])
def test_runs_that_are_caught_up_together_each_know_the_success_before_them(
    world: World, rule: dict[str, Any], changed: bool
) -> None:
    world.live(
        analysis=ANALYSIS, schedule={"cron": "0 * * * *", "parameters": SINCE, "priority": 7} | rule
    )
    world.later(hours=3)
    if changed:  # with the same times: what is due goes on under the new wording
        later = {"cron": "0 * * * *", "parameters": SINCE, **rule}
        world.live(content="2", analysis=ANALYSIS, schedule=later)
    tick(world)
    since = []
    for _ in range(3):
        work = world.must_claim()
        since.append(work.parameters["since"])
        assert world.run(work.run).parameters == work.parameters
        world.later(minutes=1)
        succeed(world, work)
    assert since == [(START + n * HOUR).isoformat() for n in (1, 1, 2)]


def backfilled(world: World, since: str) -> None:
    """Record the runs of four hours."""
    wanted = BackfillRequest(
        start=START - 3 * HOUR,
        end=START,
        cron="0 * * * *",
        parameters={"since": since},
        parallel=4,
    )

    def start(session: Session) -> Backfill:
        draft = backfill_plan.draft(session, "lab", world.tenant(), "churn", wanted, world.now)
        return backfill.start(session, draft, "ben", world.now)

    one = world.write(start)
    world.write(lambda s: backfill.step(s, world.tenants, [one.id], world.now))


def test_a_backfills_runs_know_the_success_before_them_when_they_start(world: World) -> None:
    world.live(analysis=ANALYSIS)
    backfilled(world, SINCE["since"])
    since = []
    for _ in range(3):
        work = world.must_claim()
        since.append(work.parameters["since"])
        succeed(world, work)
    assert since == [(START + n * HOUR).isoformat() for n in (-3, -3, -2)]


def test_a_run_whose_parameters_have_no_value_any_more_fails_before_it_starts(
    world: World,
) -> None:
    world.live(analysis=ANALYSIS)
    world.request(logical_date=(START - 5 * HOUR).isoformat())
    first = world.must_claim()
    succeed(world, first)
    backfilled(world, "{{ previous_success | iso }}")
    gone = update(RunRow).where(RunRow.id == first.run).values(state=RunState.FAILED)
    world.write(lambda s: s.execute(gone))
    assert world.claim() is None
    every = world.read(lambda s: runs.page(s, "lab")).items
    ended = [run for run in every if run.trigger is TriggerKind.BACKFILL]
    assert [run.state for run in ended] == [RunState.FAILED] * 4
    assert all("no value before the first success" in (run.state_reason or "") for run in ended)
