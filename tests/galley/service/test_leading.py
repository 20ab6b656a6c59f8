"""Who runs the loops; and two processes, the leading one of which is killed."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from galley import schedule
from galley.domain.runs import TriggerKind
from galley.errors import Unavailable
from galley.service import loops
from galley.service.leading import BEAT_S, EXPIRY_S, Leading
from galley.service.loops import Loop
from galley.service.metrics import Metrics
from galley.store import Store, leases
from galley.store.leases import LostLease
from galley.store.tables import RunRow, ScheduleRow
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from tests.galley.service.platform import eventually
from tests.galley.stores import (
    cluster,
    database,
    shared_database,
    shared_store,
    store,
    store_kind,
    world,
)
from tests.galley.world import START, TENANTS, World

__all__ = [
    "cluster",
    "database",
    "shared_database",
    "shared_store",
    "store",
    "store_kind",
    "world",
]


class Seconds:
    """A monotonic clock of one's own."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


class Process:
    """A process that looks when the test says so; ``offset``: its clocks differ from others'."""

    def __init__(self, store: Store, name: str, offset: float = 0) -> None:
        self.seconds = Seconds(1000 + offset)
        self.wall = START + timedelta(seconds=offset)
        self.leading = Leading(store, ["scheduler"], lambda: self.wall, self.seconds, name)
        self.metrics = Metrics()
        self.did: list[str] = []
        self.step = self.leading.only(
            "scheduler", lambda: self.did.append("step"), lambda: self.did.append("gained")
        )

    def later(self, seconds: float, *, alive: bool = True) -> None:
        for _ in range(round(seconds / 0.5)):
            self.seconds.at += 0.5
            if alive:
                self.leading.beat()

    @property
    def leads(self) -> bool:
        return self.leading.leads("scheduler")


@pytest.fixture
def one(store: Store) -> Process:
    process = Process(store, "one")
    process.leading.beat()
    return process


@pytest.fixture
def other(one: Process, store: Store) -> Process:
    process = Process(store, "other", offset=-100_000)
    process.leading.beat()
    return process


def together(seconds: float, *processes: Process) -> None:
    for _ in range(round(seconds / 0.5)):
        for process in processes:
            process.later(0.5)


def test_one_leads_and_the_other_stands_by(one: Process, other: Process) -> None:
    together(20, one, other)
    assert (one.leads, other.leads) == (True, False)
    one.step()
    other.step()
    one.step()
    assert (one.did, other.did) == (["gained", "step", "step"], [])


def test_a_holder_that_died_is_followed_within_five_seconds(one: Process, other: Process) -> None:
    together(5, one, other)
    other.later(EXPIRY_S - BEAT_S)
    assert not other.leads, "it may only be late"
    other.later(BEAT_S + 0.5)
    assert other.leads


def test_clocks_that_jump_change_nothing(one: Process, other: Process) -> None:
    together(5, one, other)
    one.wall -= timedelta(days=400)
    other.wall += timedelta(days=400)
    together(10, one, other)
    assert (one.leads, other.leads) == (True, False)


def test_a_holder_that_was_stopped_does_nothing_when_it_wakes(
    one: Process, other: Process, store: Store
) -> None:
    together(5, one, other)
    other.later(EXPIRY_S + 1)
    assert other.leads
    # It was stopped together with its clock: it cannot know, and its transaction is refused.
    assert one.leads

    with pytest.raises(LostLease):
        store.write(lambda s: one.leading.require(s, "scheduler"))
    store.write(lambda s: other.leading.require(s, "scheduler"))
    one.later(BEAT_S)
    assert not one.leads


def test_a_transaction_that_waited_long_holds_while_nobody_has_taken_over(
    one: Process, store: Store
) -> None:
    one.seconds.at += EXPIRY_S
    assert not one.leads, "it begins nothing any more"

    store.write(lambda s: one.leading.require(s, "scheduler"))


def test_a_pass_that_is_refused_is_no_error(one: Process, other: Process, store: Store) -> None:
    def write() -> None:
        store.write(lambda s: one.leading.require(s, "scheduler"))

    other.later(EXPIRY_S + 1)
    one.leading.only("scheduler", write)()


def test_who_cannot_renew_stops_by_itself(one: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(session: Session, *_: object) -> bool:
        raise OperationalError("", {}, Exception("disk"))

    with monkeypatch.context() as patch:
        patch.setattr(leases, "renew", broken)
        one.seconds.at += EXPIRY_S
        with pytest.raises(OperationalError):
            one.leading.beat()
        assert not one.leads
    one.leading.beat()
    assert one.leads, "nobody else took it"


def a_pass(process: Process) -> Loop:
    """Return the loop after one pass: a day after it was well for the last time."""
    loop = Loop("scheduler", process.step, every_s=1, leads=lambda: process.leads)
    loop.last_good = START - timedelta(days=1)

    async def run() -> None:
        task = asyncio.create_task(loop.run(process.metrics, lambda: START))
        while loop.last_pass is None:
            await asyncio.sleep(0)
        task.cancel()

    asyncio.run(run())
    return loop


def test_a_loop_that_nobody_can_lead_is_not_well(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(session: Session, *_: object) -> bool:
        raise OperationalError("", {}, Exception("database or disk is full"))

    assert a_pass(one).healthy(START)
    assert a_pass(other).healthy(START), "another one does it"
    monkeypatch.setattr(leases, "renew", full)
    monkeypatch.setattr(leases, "claim", full)
    for process in (one, other):
        with suppress(OperationalError):
            process.later(EXPIRY_S + 1)
        process.seconds.at += EXPIRY_S
        loop = a_pass(process)
        assert loop.alive(START)
        assert not loop.healthy(START)


def test_a_renewal_that_hangs_is_told_by_time(one: Process) -> None:
    one.seconds.at += EXPIRY_S
    assert not a_pass(one).healthy(START)
    with pytest.raises(Unavailable, match="could not be renewed for 2 s"):
        one.step()


def test_only_who_does_the_work_tells_when_it_was_done(one: Process, other: Process) -> None:
    told = b'galley_loop_last_tick_seconds{loop="scheduler"}'
    for process, leads in ((one, True), (other, False)):
        a_pass(process)
        assert (told in process.metrics.text()) == leads


def test_a_process_ends_though_it_can_give_nothing_back(
    one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(session: Session, *_: object) -> bool:
        raise Unavailable("The database does not answer.")

    monkeypatch.setattr(leases, "release", away)
    one.leading.close()
    assert not one.leads


def test_who_stops_gives_it_back_at_once(one: Process, other: Process) -> None:
    one.leading.close()
    other.later(0.5)
    assert (one.leads, other.leads) == (False, True)


def test_who_gets_it_again_is_told(one: Process, other: Process) -> None:
    one.step()
    other.later(EXPIRY_S + 1)
    one.later(BEAT_S)
    assert not one.leads
    one.step()
    other.leading.close()
    one.later(0.5)
    one.step()
    assert one.did == ["gained", "step", "gained", "step"]


def test_a_loop_that_stood_by_goes_on_as_soon_as_its_process_takes_over(
    one: Process, other: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "STANDBY_S", 3600)
    loop = Loop(
        "scheduler",
        other.step,
        every_s=3600,
        leads=lambda: other.leads,
        gained=other.leading.gained,
    )

    async def run() -> None:
        other.leading.gained.bind(asyncio.get_running_loop())
        task = asyncio.create_task(loop.run(other.metrics, lambda: START))
        while loop.last_pass is None:
            await asyncio.sleep(0)
        assert other.did == []
        one.leading.close()
        await asyncio.to_thread(other.later, 0.5)
        async with asyncio.timeout(60):
            while not other.did:
                await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(run())
    assert other.did == ["gained", "step"]


SPEED = 60
"""Minutes of a schedule's time in a minute of the test's."""


def serve(url: str, began: float) -> None:
    """What a process of the service does about schedules, until it is ended."""
    store = Store(url)

    def clock() -> datetime:
        return START + timedelta(seconds=(time.time() - began) * SPEED)

    leading = Leading(store, ["scheduler"], lambda: datetime.now(UTC), time.monotonic)

    def fire() -> None:
        def work(session: Session) -> None:
            leading.require(session, "scheduler")
            schedule.materialise_due(session, TENANTS, clock())

        store.write(work)

    loop = Loop(
        "scheduler",
        leading.only("scheduler", fire),
        every_s=0.2,
        leads=lambda: leading.leads("scheduler"),
    )
    leading.start()
    asyncio.run(loop.run(Metrics(), clock))


@pytest.fixture(params=["sqlite", "postgresql"])
def each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "postgresql":
        with request.getfixturevalue("cluster").database() as url:
            yield url
        return
    url = f"sqlite:///{tmp_path_factory.mktemp('two') / 'galley.db'}"
    fresh = Store(url)
    fresh.migrate()
    fresh.close()
    yield url


def holder(store: Store) -> str:
    found = store.read(leases.seen).get("scheduler")
    return found.holder if found else ""


def firings(store: Store) -> list[datetime]:
    query = (
        select(RunRow.logical_date)
        .where(RunRow.trigger == TriggerKind.SCHEDULE)
        .order_by(RunRow.logical_date)
    )
    return store.read(lambda s: list(s.scalars(query)))


def test_killed_the_leading_process_is_followed_and_no_firing_is_lost_or_doubled(each: str) -> None:
    store = Store(each)
    World(store).live(schedule={"cron": "* * * * *", "timezone": "UTC", "catch_up": "latest"})
    context = multiprocessing.get_context("spawn")
    began = time.time()
    processes = [context.Process(target=serve, args=(each, began)) for _ in range(2)]
    try:
        for process in processes:
            process.start()
        eventually(lambda: len(firings(store)) >= 2, within_s=60)
        first = holder(store)
        killed = next(p for p in processes if f":{p.pid}:" in first)
        (living,) = (p for p in processes if p is not killed)
        assert killed.pid is not None
        os.kill(killed.pid, signal.SIGKILL)
        count = len(firings(store))
        eventually(lambda: f":{living.pid}:" in holder(store), within_s=60)
        eventually(lambda: len(firings(store)) >= count + 3, within_s=60)
    finally:
        for process in processes:
            process.kill()
            process.join(60)
    found = firings(store)
    due = store.read(lambda s: s.scalar(select(ScheduleRow.next_firing)))
    assert max(Counter(found).values()) == 1
    wanted = [START + timedelta(minutes=n) for n in range(1, len(found) + 1)]
    assert found == wanted, "each minute has its run, if only one that was skipped"
    assert due == found[-1] + timedelta(minutes=1)
    store.close()
