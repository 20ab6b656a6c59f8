from __future__ import annotations

from datetime import timedelta

import pytest
from galley import dispatch
from galley.domain.split import SplitLayout, TaskLayout
from galley.domain.tenants import Limits
from galley.domain.work import Assignment, Heartbeat, HeartbeatReply

from tests.galley.world import World, tenants_with


def beat(world: World, work: Assignment) -> HeartbeatReply:
    report = Heartbeat(fencing=work.fencing)
    return world.write(lambda s: dispatch.heartbeat(s, work.attempt, report, world.now))


@pytest.mark.parametrize(
    ("prove", "budget_s"), [("budget", 120.0), ("always", 4 * 60.0), ("never", 0.0)]
)
def test_how_long_a_proof_may_take(world: World, prove: str, budget_s: float) -> None:
    world.tenants = tenants_with("lab", limits=Limits(proof=120))
    layout = SplitLayout(tasks=(TaskLayout(name="all", cells=(0, 1)),))
    version = world.publish(timeout_s=60, prove=prove, layout=layout)
    work = world.must_claim(author="ana")

    assert work.rehearsal is not None
    assert work.rehearsal.budget_s == budget_s
    assert work.rehearsal.layout == layout
    assert work.rehearsal.analysis == version.analysis


def test_a_rehearsal_is_not_ended_while_it_may_still_prove(world: World) -> None:
    world.tenants = tenants_with("lab", limits=Limits(proof=120))
    version = world.publish(timeout_s=60)
    work = world.must_claim(author="ana")
    world.start(work)
    extra = timedelta(seconds=120 + work.rehearsal.environment_s) if work.rehearsal else None
    assert extra is not None
    world.now += extra
    assert not beat(world, work).cancel
    world.later(seconds=61)
    assert beat(world, work).cancel
    assert world.version(version.id).state == "rehearsing"


def test_a_pipelines_run_proves_nothing(world: World) -> None:
    world.live()
    world.request()
    assert world.must_claim().rehearsal is None


@pytest.mark.parametrize(("of_platform", "extra_s"), [(None, 0), (True, 900), (False, 900)])
def test_making_an_environment_does_not_count(
    world: World, of_platform: bool | None, extra_s: int
) -> None:
    """Also where the platform's own served: it may have been upgraded since."""
    version = world.publish(timeout_s=60)
    work = world.must_claim(author="ana")
    world.start(work)
    lock = {"digest": "0" * 64, "of_platform": of_platform, "packages": 3}
    evidence = {} if of_platform is None else {"lock": lock}
    world.finish(work, rehearsal={"evidence": evidence, "accepted": None})
    world.approve(world.version(version.id))
    world.request()
    work = world.must_claim()
    world.start(work)
    world.later(seconds=extra_s + 59)
    assert not beat(world, work).cancel
    world.later(seconds=2)
    assert beat(world, work).cancel
