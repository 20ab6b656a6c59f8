"""A lease whose answer was lost goes back to the queue, and costs the run nothing."""

from __future__ import annotations

from uuid import UUID

import pytest
from galley import dispatch
from galley.domain.runs import AttemptState, Run, RunState
from galley.domain.work import Assignment, LeaseRequest
from galley.store.tables import RunRow
from galley.store.tokens import HostIdentity

from tests.galley.world import World

LAB = HostIdentity(tenant="lab")


@pytest.fixture
def work(world: World) -> Assignment:
    """A lease that its host may not have heard of."""
    world.live(retries=0)
    world.request()
    return world.must_claim()


def asks(
    world: World, *holds: UUID, heard: bool = False, name: str = "h1", host: HostIdentity = LAB
) -> None:
    request = LeaseRequest(host=name, holds=None if heard else holds)
    world.write(lambda s: dispatch.take_back(s, host, request, world.now))


def state_of(world: World, work: Assignment) -> tuple[RunState, AttemptState]:
    run: Run = world.run(work.run)
    return run.state, run.attempts[-1].state


def test_what_no_host_heard_of_waits_again_at_once_and_counts_as_no_repeat(
    world: World, work: Assignment
) -> None:
    asks(world)
    assert state_of(world, work) == (RunState.QUEUED, AttemptState.LOST)
    assert world.run(work.run).state_reason == "its worker host 'h1' did not hear of it"
    again = world.must_claim()
    assert (again.run, again.number) == (work.run, 2)
    assert world.read(lambda s: s.get_one(RunRow, work.run).repeats) == 0


def test_what_a_host_has_heard_of_stays_its_own(world: World, work: Assignment) -> None:
    launching = (RunState.LAUNCHING, AttemptState.LEASED)
    asks(world, work.attempt)
    assert state_of(world, work) == launching
    asks(world, heard=True)
    assert state_of(world, work) == launching
    asks(world, name="h2")
    assert state_of(world, work) == launching, "another host of the tenant has it"
    asks(world, host=HostIdentity(tenant="play"))
    assert state_of(world, work) == launching, "of another tenant"
    asks(world, host=HostIdentity(tenant="lab", author="ben", run=work.run))
    assert state_of(world, work) == launching, "a person's host gives back no run of the tenant"


def test_what_has_begun_is_not_taken_back(world: World, work: Assignment) -> None:
    world.start(work)
    asks(world)
    assert state_of(world, work) == (RunState.RUNNING, AttemptState.RUNNING)


def test_what_was_cancelled_meanwhile_ends(world: World, work: Assignment) -> None:
    world.write(lambda s: dispatch.cancel(s, work.run, "ben", world.now))
    asks(world)
    assert state_of(world, work) == (RunState.CANCELLED, AttemptState.LOST)


def test_the_host_of_one_rehearsal_gives_back_that_one_alone(world: World) -> None:
    first, second = (world.publish(slug, content=slug) for slug in ("one", "two"))
    works = [world.claim(author="ana", run=version.rehearsal_run) for version in (first, second)]
    assert works[0] is not None
    assert works[1] is not None
    asks(world, host=HostIdentity(tenant="lab", author="ana", run=first.rehearsal_run))
    assert state_of(world, works[0]) == (RunState.QUEUED, AttemptState.LOST)
    assert state_of(world, works[1]) == (RunState.LAUNCHING, AttemptState.LEASED)
