"""The reader of events."""

from __future__ import annotations

import asyncio

import pytest
from galley.domain.events import EventKind
from galley.service.feed import HELD_S, Feed
from galley.service.wakeup import wait
from galley.store import Store
from galley.store.connect import database as database_of
from sqlalchemy.orm import Session

from tests.galley.store.test_settled import happen, transaction
from tests.galley.stores import (
    ONLY_POSTGRESQL,
    cluster,
    database,
    shared_database,
    shared_store,
    store,
    store_kind,
)

__all__ = ["cluster", "database", "shared_database", "shared_store", "store", "store_kind"]


@ONLY_POSTGRESQL
def test_it_is_told_when_events_are_held_up(store: Store, database: str, store_kind: str) -> None:
    now, failures = 0.0, list[BaseException]()
    feed = Feed(store, lambda: ("lab",), poll_s=0.01, monotonic=lambda: now)
    other = database_of(database)

    async def work() -> None:
        nonlocal now
        reading = asyncio.create_task(feed.run(failures.append))
        assert await feed.began(10)
        with transaction(other) as late:
            happen(late)
            newest = store.write(happen)
            while feed._settled._newest < newest:
                await asyncio.sleep(0.01)
            assert failures == []
            now += HELD_S
            while not failures:
                await asyncio.sleep(0.01)
        while feed.latest < newest:
            await asyncio.sleep(0.01)
        reading.cancel()

    async def limited() -> None:
        await asyncio.wait_for(work(), 30)

    asyncio.run(limited())
    other.dispose()
    assert len(failures) == 1
    assert "nothing new for 30 s" in str(failures[0])


@pytest.mark.parametrize(
    ("kinds", "rings"),
    [
        ([EventKind.RUN_CHANGED], True),
        ([EventKind.HOSTS_CHANGED], True),
        ([EventKind.LOG_GREW, EventKind.RUN_CHANGED, EventKind.RUN_PROGRESS], True),
        ([EventKind.RUN_PROGRESS], False),
        ([EventKind.LOG_GREW, EventKind.RESOURCES_GREW], False),
    ],
)
def test_what_only_goes_on_wakes_pages_and_nobody_who_looks_for_work(
    store: Store, kinds: list[EventKind], rings: bool
) -> None:
    feed = Feed(store, lambda: ("lab",), poll_s=0.01)

    def happen_all(session: Session) -> None:
        for kind in kinds:
            happen(session, kind)

    async def work() -> None:
        reading = asyncio.create_task(feed.run(lambda _: None))
        assert await feed.began(10)
        moved, changed = feed.moved.ticket(), feed.changed.ticket()
        store.write(happen_all)
        assert await wait(moved, 30)
        await asyncio.sleep(0)
        assert changed.is_set() == rings
        reading.cancel()

    asyncio.run(work())
