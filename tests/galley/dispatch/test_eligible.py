from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from galley import dispatch, schedule
from galley.dispatch.eligible import eligible
from galley.dispatch.room import Room
from galley.domain.runs import Run, RunState
from galley.domain.schedules import Overlap
from galley.domain.tenants import Tenants
from galley.store import audit, events
from galley.store.tables import RunRow
from galley.store.tokens import HostIdentity
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from tests.galley.stores import ONLY_SQLITE, statements
from tests.galley.world import TENANTS, World, tenants_with


def limited(**limits: object) -> Tenants:
    changed = TENANTS.tenants["lab"].limits.model_copy(
        update={"cpu": 99.0, "memory": 2**40, **limits}
    )
    return tenants_with("lab", limits=changed)


LAB = HostIdentity(tenant="lab")
Claimed = Callable[[World], list[UUID]]


def one_by_one(world: World) -> list[UUID]:
    found = []
    while (work := world.claim()) is not None:
        found.append(work.run)
    return found


def together(world: World) -> list[UUID]:
    names = [f"h{number}" for number in range(60)]
    leased = world.write(lambda s: dispatch.claim_all(s, world.tenants, LAB, names, world.now))
    return [work.run for work in leased]


@pytest.fixture(params=[one_by_one, together])
def claimed(request: pytest.FixtureRequest) -> Claimed:
    """Hosts that ask one after another, or all at once: it makes no difference."""
    way: Claimed = request.param
    return way


def ids(*runs: Run) -> list[UUID]:
    return [run.id for run in runs]


def test_the_highest_priority_goes_first_and_within_one_the_oldest(
    world: World, claimed: Claimed
) -> None:
    world.live()
    world.tenants = limited(concurrent_runs=9)
    low, first, second, high = (world.request(priority=one) for one in (-5, 0, 0, 7))
    assert claimed(world) == ids(high, first, second, low)


def test_a_large_run_that_waits_for_room_is_overtaken_by_priority_only(
    world: World, claimed: Claimed
) -> None:
    world.live("small")
    world.live("large", profile="large")
    world.tenants = limited(cpu=2.0, concurrent_runs=9)
    running = world.request("small")
    large, small = world.request("large"), world.request("small")
    assert claimed(world) == ids(running)
    urgent = world.request("small", priority=1)
    assert claimed(world) == ids(urgent)
    assert {world.run(one.id).state for one in (large, small)} == {"queued"}


def test_a_full_pipeline_holds_up_nobody_else(world: World, claimed: Claimed) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live("busy", schedule={"cron": "@yearly", "max_active_runs": 2})
    world.live("free")
    first, second, third = (world.request("busy") for _ in range(3))
    other = world.request("free")
    work = world.must_claim()
    assert [work.run, *claimed(world)] == ids(first, second, other)
    world.start(work)
    world.finish(work)
    assert claimed(world) == ids(third)


def test_a_tenant_limits_each_pipeline_whatever_asked_for_its_runs(
    world: World, claimed: Claimed
) -> None:
    world.live("busy")
    world.live("free", schedule={"cron": "@yearly", "max_active_runs": 1})
    busy = [world.request("busy") for _ in range(3)]
    free = [world.request("free") for _ in range(2)]
    world.tenants = limited(concurrent_runs=9, pipeline_runs=2)
    assert claimed(world) == ids(*busy[:2], free[0])
    world.tenants = limited(concurrent_runs=9)
    assert claimed(world) == ids(busy[2])


def test_a_full_profile_holds_up_nobody_else(world: World, claimed: Claimed) -> None:
    def only_one(name: str, **fields: Any) -> Tenants:
        lab = limited(concurrent_runs=9).tenants["lab"]
        profile = lab.profiles[name].model_copy(update={"concurrent_runs": 1, **fields})
        return tenants_with("lab", limits=lab.limits, profiles={**lab.profiles, name: profile})

    world.live("small")
    world.live("large", profile="large")
    world.tenants = only_one("large")
    first, second = world.request("large"), world.request("large")
    small = world.request("small")
    assert claimed(world) == ids(first, small)
    world.tenants = limited(concurrent_runs=9)
    assert claimed(world) == ids(second)


def test_a_full_profile_takes_no_run_whose_larger_profile_is_gone(
    world: World, claimed: Claimed
) -> None:
    lab = TENANTS.tenants["lab"]
    small = lab.profiles["small"].model_copy(update={"concurrent_runs": 1})
    limits = limited(concurrent_runs=9).tenants["lab"].limits
    world.live()
    world.tenants = tenants_with("lab", limits=limits, profiles={"small": small})
    first, second, third = (world.request() for _ in range(3))
    larger = update(RunRow).where(RunRow.id.in_([second.id, third.id])).values(profile="large")
    world.write(lambda s: s.execute(larger))
    assert claimed(world) == ids(first)


def test_the_limit_of_a_profile_is_no_matter_of_hosts() -> None:
    profile = TENANTS.tenants["lab"].profiles["small"].model_copy(update={"concurrent_runs": 1})
    assert "concurrent_runs" not in profile.model_dump()


def test_another_tenants_queue_delays_nobody(world: World) -> None:
    world.live()
    world.live(tenant="play")
    for _ in range(30):
        world.request(tenant="play", priority=100)
    mine = world.request()
    assert world.must_claim().run == mine.id


def test_runs_of_schedules_that_wait_hold_up_nobody(world: World, claimed: Claimed) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live("first", schedule={"cron": "0 * * * *", "overlap": "queue", "catch_up": "all"})
    world.live("second")
    world.later(hours=50)
    queued = world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    assert len(queued) == 50
    behind = world.request("second")
    assert claimed(world) == [queued[0], behind.id]


def test_what_overlaps_is_skipped_also_where_both_are_claimed_at_once(
    world: World, claimed: Claimed
) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live("first", schedule={"cron": "0 * * * *", "overlap": "allow"})
    world.live("second")
    queued: list[UUID] = []
    for _ in range(2):
        world.later(hours=1)
        queued += world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    behind, (first, second) = world.request("second"), queued
    skipping = update(RunRow).where(RunRow.id.in_(queued)).values(overlap=Overlap.SKIP)
    world.write(lambda s: s.execute(skipping))
    assert claimed(world) == [first, behind.id]
    run = world.run(second)
    assert run.state is RunState.SKIPPED
    assert run.state_reason == "the run of 2026-03-02 09:00 UTC is still going"


def test_what_waits_in_line_waits_also_for_one_that_is_claimed_with_it(
    world: World, claimed: Claimed
) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live("first", schedule={"cron": "0 * * * *", "overlap": "allow"})
    queued: list[UUID] = []
    for _ in range(2):
        world.later(hours=1)
        queued += world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    earlier, later = queued
    for run, values in ((earlier, {"overlap": Overlap.QUEUE}), (later, {"priority": 5})):
        change = update(RunRow).where(RunRow.id == run).values(values)
        world.write(lambda s: s.execute(change))  # noqa: B023
    assert claimed(world) == [later]


def test_what_can_never_start_fails_and_the_rest_goes_on(world: World, claimed: Claimed) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live("small")
    world.live("gone", profile="large")
    before, broken, behind = (world.request(one) for one in ("small", "gone", "small"))
    world.tenants = tenants_with(
        "lab",
        limits=world.tenant().limits,
        profiles={"small": TENANTS.tenants["lab"].profiles["small"]},
    )
    assert claimed(world) == ids(before, behind)
    assert world.run(broken.id).state is RunState.FAILED


def test_what_is_claimed_at_once_has_attempts_events_and_audit_lines_of_its_own(
    world: World, claimed: Claimed
) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live()
    wanted = [world.request() for _ in range(3)]
    since = world.read(events.latest)
    assert claimed(world) == ids(*wanted)
    told = world.read(lambda s: events.after(s, ["lab"], since))
    assert [(one.subject, one.data["state"]) for one in told] == [
        (run.id, "launching") for run in wanted
    ]
    trail = world.read(lambda s: audit.page(s, "lab", limit=6)).items
    actions = {(one.action, one.subject) for one in trail}
    assert actions == {("run.launching", f"run/{run.id}") for run in wanted} | {
        ("attempt.leased", f"run/{run.id}/attempts/1") for run in wanted
    }
    assert {world.run(run.id).attempts[0].state for run in wanted} == {"leased"}


def test_many_claims_take_the_statements_of_one(world: World) -> None:
    world.tenants = limited(concurrent_runs=9)
    world.live()
    for _ in range(6):
        world.request()
    taken: list[int] = []
    for names in (["h1"], ["h1", "h2", "h3", "h4"]):
        leased, number = statements(
            world.store,
            lambda s: dispatch.claim_all(s, world.tenants, LAB, names, world.now),  # noqa: B023
        )
        assert len(leased) == len(names)
        taken.append(number)
    assert taken[0] == taken[1]


@ONLY_SQLITE
def test_the_query_goes_down_the_queue_by_an_index_and_looks_at_open_runs_only(
    world: World,
) -> None:
    world.live()
    world.request()
    statements: list[tuple[str, Any]] = []

    def remember(_connection: Any, _cursor: Any, text: str, values: Any, *_: Any) -> None:
        statements.append((text, values))

    def plan(session: Session) -> list[str]:
        engine = session.get_bind()
        event.listen(engine, "before_cursor_execute", remember)
        eligible(session, LAB, world.tenant(), Room(), world.now, 1)
        event.remove(engine, "before_cursor_execute", remember)
        text, values = statements[-1]
        rows = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        return [row[3] for row in rows]

    found = " / ".join(world.read(plan))
    for index in ("ix_runs_waiting (tenant=?)", "ix_runs_series_open", "ix_runs_succeeded"):
        assert index in found
    for slow in ("SCAN runs", "SCAN other", "TEMP B-TREE"):
        assert slow not in found
