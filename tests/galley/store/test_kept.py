from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from galley import dispatch, schedule
from galley.domain.retention import EndedState, RetentionPolicy
from galley.domain.runs import AttemptState, FailureClass
from galley.store import pipelines, retention, runs
from sqlalchemy.orm import Session

from tests.galley.world import START, World

POLICY = RetentionPolicy.model_validate(
    {"runs": {state.value: "1d" for state in EndedState}, "latest": 1}
)


def old(world: World) -> set[UUID]:
    """Return the runs that the strictest policy removes."""

    def look(session: Session) -> set[UUID]:
        row = pipelines.require(session, "lab", "churn")
        return {
            one.id
            for state in EndedState
            for one in retention.old_runs(
                session, row.id, POLICY, world.now, state=state, after=None, limit=100
            )
        }

    return world.read(look)


def run_of(world: World, date: datetime, state: AttemptState = AttemptState.SUCCEEDED) -> UUID:
    asked = world.request(logical_date=date)
    return ended(world, asked.id, state)


def ended(world: World, run: UUID, state: AttemptState) -> UUID:
    work = world.must_claim()
    assert work.run == run
    world.start(work)
    failure = FailureClass.USER if state is AttemptState.FAILED else None
    world.finish(work, state, failure_class=failure)
    return run


def tick(world: World) -> UUID:
    world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    (newest,) = world.read(lambda s: runs.page(s, "lab", limit=1)).items
    return newest.id


def test_the_last_success_is_that_of_the_latest_date(world: World) -> None:
    world.live()
    dates = [START - timedelta(days=days) for days in (9, 1, 5, 4)]
    found = [run_of(world, date) for date in dates]
    world.later(days=10)
    assert old(world) == {found[0], found[2]}
    before = world.read(
        lambda s: runs.last_success(
            s, pipelines.require(s, "lab", "churn").id, START + timedelta(days=1)
        )
    )
    assert before == dates[1]


def test_a_success_of_a_date_to_come_does_not_stand_for_those_that_have_passed(
    world: World,
) -> None:
    world.live()
    ahead = run_of(world, START + timedelta(days=90))
    past = run_of(world, START - timedelta(days=1))
    older = run_of(world, START - timedelta(days=2))
    latest = run_of(world, START - timedelta(days=3))
    world.later(days=10)
    assert old(world).isdisjoint({ahead, past, latest})
    assert older in old(world)


def test_what_the_next_run_of_a_schedule_depends_on_stays(world: World) -> None:
    world.live(
        schedule={"cron": "0 12 * * *", "catch_up": "skip", "depends_on_past": True},
    )
    world.later(hours=4)
    first = ended(world, tick(world), AttemptState.SUCCEEDED)
    world.later(days=1)
    success = ended(world, tick(world), AttemptState.SUCCEEDED)
    world.later(days=1)
    passed_over = tick(world)
    world.write(lambda s: dispatch.cancel(s, passed_over, "ben", world.now))
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    by_hand = [run_of(world, START + timedelta(days=days)) for days in (2, 1)]
    world.later(days=60)
    assert old(world) == {first, passed_over}
    assert success not in by_hand


def test_what_a_waiting_run_waits_for_stays(world: World) -> None:
    """It would start without its predecessor's success if that were forgotten."""
    world.live(
        schedule={
            "cron": "0 12 * * *",
            "catch_up": "skip",
            "overlap": "allow",
            "depends_on_past": True,
        },
    )
    world.later(hours=4)
    failed = ended(world, tick(world), AttemptState.FAILED)
    for _ in range(2):
        world.later(days=1)
        tick(world)
    assert world.claim() is None
    world.later(days=60)
    assert failed not in old(world)
