from __future__ import annotations

from datetime import timedelta

from galley import dispatch
from galley.dispatch.policy import LEASE

from tests.galley.world import World


def test_rehearsals_that_need_a_host(world: World) -> None:
    first = world.publish("one")
    second = world.publish("two", author="ben")
    waiting = world.read(lambda s: dispatch.rehearsals_waiting(s, world.now))
    assert [(one.run, one.tenant, one.author) for one in waiting] == [
        (first.rehearsal_run, "lab", "ana"),
        (second.rehearsal_run, "lab", "ben"),
    ]
    world.must_claim(author="ana")
    assert len(world.read(lambda s: dispatch.rehearsals_waiting(s, world.now))) == 1


def test_tenants_whose_host_has_work(world: World) -> None:
    world.live()
    assert world.read(dispatch.tenants_with_work) == set()
    world.request()
    assert world.read(dispatch.tenants_with_work) == {"lab"}
    work = world.must_claim()
    assert world.read(dispatch.tenants_with_work) == {"lab"}
    world.finish(work)
    assert world.read(dispatch.tenants_with_work) == set()


def test_how_long_the_loops_may_sleep(world: World) -> None:
    world.live()
    world.request()
    assert world.read(lambda s: dispatch.next_due(s, world.now)) is None
    world.must_claim()
    assert world.read(lambda s: dispatch.next_due(s, world.now)) == world.now + LEASE
    assert timedelta() < LEASE
