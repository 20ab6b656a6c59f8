"""An upgrade of the platform while runs are queued, leased and running: the hosts go on."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from alembic import command
from galley import dispatch, schedule
from galley.domain.runs import Run, RunState, TaskState
from galley.domain.work import Assignment, Heartbeat, TaskReport
from galley.store import Store, audit, events, migrate, runs
from galley.store.connect import database as database_of

from tests.galley.world import World, tenants_with

BEFORE = ("0008", "0009", "0010")
"""Schemas of earlier releases, as far as they know what these runs are about."""


@pytest.fixture
def old(new_database: str) -> Iterator[World]:
    """A platform whose database is made for this test alone."""
    store = Store(new_database)
    store.migrate()
    limits = tenants_with("lab").tenants["lab"].limits
    roomy = limits.model_copy(update={"concurrent_runs": 9, "cpu": 99.0})
    yield World(store, tenants_with("lab", limits=roomy))
    store.close()


def upgraded(old: World, url: str, revision: str) -> World:
    """Stop the service, give its database an earlier release's schema, and start this release."""
    old.store.close()
    database = database_of(url)
    with database.writer.begin() as connection:
        command.downgrade(migrate.config(connection), revision)
    database.dispose()
    store = Store(url)
    store.migrate()
    return World(store, old.tenants, old.now)


def beat(world: World, work: Assignment, cell: int) -> None:
    report = TaskReport(name="churn", state=TaskState.RUNNING, cell=cell, cells=9)
    told = Heartbeat(fencing=work.fencing, tasks=(report,))
    world.write(lambda s: dispatch.heartbeat(s, work.attempt, told, world.now))


def all_runs(world: World) -> dict[str, Run]:
    page = world.read(lambda s: runs.page(s, "lab", limit=200))
    return {str(run.id): run for run in page.items}


def tick(world: World) -> list[UUID]:
    return world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))


@pytest.mark.parametrize("revision", BEFORE)
def test_it_loses_and_doubles_nothing(old: World, new_database: str, revision: str) -> None:
    old.live(schedule={"cron": "0 * * * *", "timezone": "UTC", "catch_up": "all"})
    assert tick(old) == []
    old.now = old.now.replace(minute=59, second=58)
    asked = {old.request().id for _ in range(3)}
    running, leased = old.must_claim(), old.must_claim()
    old.start(running)
    beat(old, running, 3)
    known, heard = all_runs(old), old.read(events.latest)
    trail = old.read(lambda s: audit.page(s, "lab", limit=200)).items

    old.later(seconds=5)
    world = upgraded(old, new_database, revision)
    assert all_runs(world) == known
    assert world.read(events.latest) == heard
    assert world.read(lambda s: audit.page(s, "lab", limit=200)).items == trail

    assert world.reap() == [], "an upgrade ends no attempt"
    (fired,) = tick(world)
    assert world.run(fired).logical_date == world.now.replace(second=0)
    assert tick(world) == [], "what was due meanwhile is recorded once"
    beat(world, running, 5)
    assert world.run(running.run).cell == 5
    world.start(leased)
    queued, due = world.must_claim(), world.must_claim()
    assert ({running.run, leased.run, queued.run}, due.run) == (asked, fired)
    assert world.claim() is None, "nothing is given out twice"
    for work in (queued, due):
        world.start(work)
    for work in (running, leased, queued, due):
        ended = world.finish(work)
        assert (ended.state, ended.attempt_count) == (RunState.SUCCEEDED, 1)
    world.store.close()
