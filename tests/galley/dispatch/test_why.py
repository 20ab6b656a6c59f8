from __future__ import annotations

from uuid import UUID

from galley import dispatch
from galley.domain.drains import ALL
from galley.domain.runs import AttemptState, FailureClass
from galley.store import drains

from tests.galley.world import TENANTS, World, tenants_with


def why(world: World, run: UUID) -> str | None:
    return world.read(lambda s: dispatch.why_queued(s, world.tenants, run, world.now))


def test_nothing_holds_up_a_run_for_which_there_is_room(world: World) -> None:
    world.live()
    run = world.request()
    assert why(world, run.id) is None
    world.must_claim()
    assert why(world, run.id) is None, "it is not queued any more"


def test_a_full_tenant_is_named_with_what_is_in_use(world: World) -> None:
    world.live(profile="large")
    world.request()
    waiting = world.request()
    world.must_claim()
    assert why(world, waiting.id) == (
        "waits for room within the tenant's limits: in use are 1 of 2 runs, 2 of 2 CPUs and 2.0 of "
        "4.0 GiB"
    )


def test_a_full_pipeline_and_a_full_profile_are_named(world: World) -> None:
    world.live("busy", schedule={"cron": "@yearly", "max_active_runs": 1})
    world.live("free")
    world.request("busy")
    same, other = world.request("busy"), world.request("free")
    world.must_claim()
    found = why(world, same.id)
    assert found is not None
    assert found.startswith("waits for other runs of this pipeline")
    assert why(world, other.id) is None

    small = TENANTS.tenants["lab"].profiles["small"].model_copy(update={"concurrent_runs": 1})
    profiles = {**TENANTS.tenants["lab"].profiles, "small": small}
    world.tenants = tenants_with("lab", profiles=profiles)
    assert why(world, other.id) == (
        "waits for the profile 'small': it has as many runs as it may have at the same time, 1"
    )


def test_a_pause_before_the_next_attempt_and_a_drain_are_told(world: World) -> None:
    world.live()
    run = world.request()
    world.write(lambda s: drains.begin(s, ALL, ["lab"], "boss", world.now))
    found = why(world, run.id)
    assert found is not None
    assert "all hosts are drained" in found
    world.write(lambda s: drains.end(s, ALL, ["lab"], "boss", world.now))
    work = world.must_claim()
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.INFRASTRUCTURE)
    found = why(world, run.id)
    assert found is not None
    assert found.startswith("its worker host ended before it; waits until 2026-03-02 08:00:")
    assert found.endswith("before it is tried again")
