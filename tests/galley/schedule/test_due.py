from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from galley import schedule
from galley.domain.runs import Run, RunState, TriggerKind
from galley.domain.schedules import ScheduleRequest, jitter_of
from galley.domain.tenants import Tenants
from galley.schedule import due as due_module
from galley.store import pipelines, runs
from galley.store.columns import new_id
from galley.store.tables import RunRow, ScheduleRow
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.galley.stores import statements
from tests.galley.world import START, World, tenants_with

HOUR = timedelta(hours=1)


def tick(world: World) -> list[UUID]:
    return world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))


def scheduled(world: World) -> list[Run]:
    """Return the scheduled runs, oldest firing first."""
    page = world.read(lambda s: runs.page(s, "lab", limit=200))
    found = [run for run in page.items if run.trigger is TriggerKind.SCHEDULE]
    return sorted(found, key=lambda run: run.logical_date)


def due(world: World) -> datetime | None:
    return world.read(lambda s: schedule.next_due(s, world.tenants))


def hourly(world: World, **fields: str) -> None:
    world.live(schedule={"cron": "0 * * * *", **fields})


def test_a_due_firing_is_recorded_once_with_its_interval(world: World) -> None:
    hourly(world)
    assert due(world) == START + HOUR
    assert tick(world) == []
    world.later(hours=1, seconds=1)

    (run_id,) = tick(world)
    assert tick(world) == []
    run = world.run(run_id)
    assert (run.state, run.trigger, run.version) == (RunState.QUEUED, TriggerKind.SCHEDULE, 1)
    assert run.logical_date == START + HOUR
    assert (run.data_interval_start, run.data_interval_end) == (START, START + HOUR)
    assert run.parameters == {
        "rounds": 7,
        "name": "a",
        "logical_date": (START + HOUR).isoformat(),
        "data_interval_start": START.isoformat(),
    }
    assert due(world) == START + 2 * HOUR


def test_the_unique_key_holds_even_if_the_next_firing_is_set_back(world: World) -> None:
    hourly(world)
    world.later(hours=1)
    (run_id,) = tick(world)
    world.write(lambda s: s.execute(update(ScheduleRow).values(next_firing=START + HOUR)))

    assert tick(world) == []
    assert [run.id for run in scheduled(world)] == [run_id]


def test_a_clock_that_jumps_back_fires_nothing_again(world: World) -> None:
    hourly(world)
    world.later(hours=1)
    tick(world)
    world.later(minutes=-30)
    assert tick(world) == []
    world.later(minutes=30, seconds=5)
    assert tick(world) == []


def test_all_that_is_due_takes_the_statements_of_one(world: World) -> None:
    world.live("first", schedule={"cron": "0 9 * * *"})
    for number in range(5):
        world.live(f"p{number}", schedule={"cron": "0 10 * * *"})
    taken: list[tuple[int, int]] = []
    for _ in range(2):
        world.later(hours=1)
        queued, number = statements(
            world.store, lambda s: schedule.materialise_due(s, world.tenants, world.now)
        )
        taken.append((len(queued), number))
    (one, few), (many, as_few) = taken
    assert (one, many) == (1, 5)
    assert as_few == few


def test_a_second_run_under_the_same_key_cannot_exist(world: World) -> None:
    hourly(world)
    world.later(hours=1)
    (run_id,) = tick(world)

    def copy(session: Session) -> bool:
        row = session.get_one(RunRow, run_id)
        values = {column.name: getattr(row, column.name) for column in RunRow.__table__.columns}
        return runs.record(session, RunRow(**{**values, "id": new_id()}), world.now)

    assert world.write(copy) is False


def test_record_hides_no_other_error(world: World) -> None:
    hourly(world)
    world.later(hours=1)
    (run_id,) = tick(world)

    def orphan(session: Session) -> bool:
        row = session.get_one(RunRow, run_id)
        values = {column.name: getattr(row, column.name) for column in RunRow.__table__.columns}
        changes = {"id": new_id(), "version_id": new_id(), "scheduled_at": START}
        return runs.record(session, RunRow(**{**values, **changes}), world.now)

    with pytest.raises(IntegrityError):
        world.write(orphan)


def test_after_downtime_the_latest_missed_time_runs_once(world: World) -> None:
    hourly(world)
    world.later(hours=3, minutes=30)
    (run_id,) = tick(world)

    found = scheduled(world)
    assert [(run.state, run.logical_date) for run in found] == [
        (RunState.SKIPPED, START + HOUR),
        (RunState.SKIPPED, START + 2 * HOUR),
        (RunState.QUEUED, START + 3 * HOUR),
    ]
    assert found[2].id == run_id
    assert found[2].data_interval_start == START + 2 * HOUR
    assert found[0].state_reason == (
        "missed while the platform was down; the latest missed time was run"
    )
    assert tick(world) == []


def test_catch_up_skip_runs_nothing_that_was_missed(world: World) -> None:
    hourly(world, catch_up="skip")
    world.later(hours=2, minutes=30)
    assert tick(world) == []
    assert [run.state for run in scheduled(world)] == [RunState.SKIPPED] * 2
    assert "catches nothing up" in (scheduled(world)[0].state_reason or "")

    world.now = START + 3 * HOUR
    assert len(tick(world)) == 1


def test_a_quick_restart_is_no_downtime(world: World) -> None:
    hourly(world, catch_up="skip")
    world.later(hours=1, seconds=45)
    assert len(tick(world)) == 1


@pytest.mark.parametrize(("catch_up", "total"), [("latest", 101), ("skip", 100)])
def test_of_many_missed_firings_the_latest_hundred_are_listed(
    world: World, catch_up: str, total: int
) -> None:
    world.live(schedule={"cron": "*/5 * * * *", "catch_up": catch_up})
    world.later(days=3, minutes=4)
    while (at := due(world)) is not None and at <= world.now:
        tick(world)

    found = scheduled(world)
    assert len(found) == total
    assert found[-1].logical_date == START + timedelta(days=3)
    assert "earlier ones are not listed" in (found[0].state_reason or "")


def test_a_pause_is_no_downtime(world: World) -> None:
    hourly(world)
    paused = world.write(lambda s: schedule.pause(s, "lab", "churn", "ben", world.now))
    assert paused.next_firing is None
    world.later(hours=5, minutes=30)
    assert tick(world) == []
    resumed = world.write(lambda s: schedule.resume(s, "lab", "churn", "ben", world.now))
    assert resumed.next_firing == START + 6 * HOUR
    assert tick(world) == []
    assert scheduled(world) == []
    world.later(minutes=30)
    assert len(tick(world)) == 1


def test_nothing_fires_while_nothing_is_live(world: World) -> None:
    world.publish(tenant="play")
    world.write(
        lambda s: schedule.set_schedule(
            s,
            "play",
            world.tenant("play"),
            "churn",
            ScheduleRequest(cron="@hourly"),
            "ana",
            world.now,
        )
    )
    world.later(hours=2)
    assert tick(world) == []
    assert due(world) == START + 3 * HOUR
    pipeline = world.read(lambda s: pipelines.get(s, "play", "churn"))
    assert pipeline.next_firing is None


def test_a_tenant_that_is_left_out_waits_and_is_caught_up(world: World) -> None:
    hourly(world)
    everyone = world.tenants
    world.tenants = Tenants(tenants={"play": everyone.tenants["play"]})
    world.later(hours=2)
    assert tick(world) == []
    assert due(world) is None
    world.tenants = everyone
    assert len(tick(world)) == 1


def test_values_that_do_not_fit_fail_the_run_before_anything_starts(world: World) -> None:
    hourly(world)
    world.tenants = tenants_with("lab", parameters={"rounds": "many"})
    world.later(hours=1)
    assert tick(world) == []
    (run,) = scheduled(world)
    assert run.state is RunState.FAILED
    assert "rounds" in (run.state_reason or "")
    assert run.attempts == ()


def test_a_changed_schedule_counts_from_its_own_beginning(world: World) -> None:
    hourly(world)
    world.later(hours=1, minutes=30)
    tick(world)
    world.live(content="2", schedule={"cron": "15 * * * *"})
    assert due(world) == START + 2 * HOUR + timedelta(minutes=15)
    rows = world.read(
        lambda s: s.execute(
            select(ScheduleRow.cron, ScheduleRow.until, ScheduleRow.series).order_by(ScheduleRow.id)
        ).all()
    )
    assert [(row.cron, row.until) for row in rows] == [
        ("0 * * * *", world.now),
        ("15 * * * *", None),
    ]
    assert rows[0].series == rows[1].series


def test_a_zone_that_the_system_lost_pauses_its_schedule_only(world: World) -> None:
    hourly(world)
    world.live("other", schedule={"cron": "0 * * * *"})
    lost = (
        update(ScheduleRow)
        .values(timezone="Mars/Base")
        .where(
            ScheduleRow.pipeline_id == world.read(lambda s: pipelines.require(s, "lab", "churn").id)
        )
    )
    world.write(lambda s: s.execute(lost))
    world.later(hours=1)
    assert [world.run(one).pipeline for one in tick(world)] == ["other"]
    pipeline = world.read(lambda s: pipelines.get(s, "lab", "churn"))
    assert pipeline.schedule is not None
    assert pipeline.schedule.paused_by == "galley"


@pytest.mark.parametrize("overlap", ["allow", "skip", "queue", "cancel_previous"])
@pytest.mark.parametrize("batch", [1, 2, 300])
def test_what_is_caught_up_is_the_same_over_however_many_passes(
    world: World, monkeypatch: pytest.MonkeyPatch, batch: int, overlap: str
) -> None:
    monkeypatch.setattr(due_module, "BATCH", batch)
    hourly(world, catch_up="all", catch_up_limit="3", overlap=overlap)
    world.later(hours=5, minutes=30)
    queued = []
    for recorded in range(batch, 5 + batch, batch):
        queued += tick(world)
        assert len(scheduled(world)) == min(recorded, 5)
        world.later(seconds=1)
    assert tick(world) == []
    found = scheduled(world)
    assert [run.state for run in found] == [RunState.SKIPPED] * 2 + [RunState.QUEUED] * 3
    assert queued == [run.id for run in found[2:]]
    waits = "waits until the run of 2026-03-02 12:00 UTC has ended"
    assert found[4].state_reason == (waits if overlap in {"skip", "queue"} else None)
    assert [run.data_interval_start for run in found] == [START + n * HOUR for n in range(5)]


def test_one_transaction_does_not_grow_with_what_was_missed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_module, "BATCH", 5)
    for slug in ("one", "two", "three"):
        world.live(slug, schedule={"cron": "0 * * * *", "catch_up": "skip"})
    world.later(hours=3, minutes=30)
    sizes = [len(scheduled(world))]
    for _ in range(3):
        tick(world)
        sizes.append(len(scheduled(world)))
    assert sizes == [0, 3, 6, 9]


@pytest.mark.parametrize("catch_up", ["skip", "latest"])
def test_two_that_come_due_between_two_looks_are_both_on_time(world: World, catch_up: str) -> None:
    world.live(schedule={"cron": "* * * * *", "jitter_s": 59, "catch_up": catch_up})
    minute = timedelta(minutes=1)
    series = world.read(lambda s: s.scalars(select(ScheduleRow.series)).one())
    for first in (START + number * minute for number in range(1, 999)):
        due_at = [at + jitter_of(series, at, 59) for at in (first, first + minute)]
        if due_at[1] - due_at[0] < timedelta(seconds=40):
            break
    world.write(lambda s: s.execute(update(ScheduleRow).values(next_firing=due_at[0])))
    world.now = due_at[1]
    assert [world.run(one).logical_date for one in tick(world)] == [first, first + minute]
