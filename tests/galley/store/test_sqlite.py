"""How writers of several processes wait for each other on SQLite."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from galley.errors import Unavailable
from galley.store import Store, liveness, sqlite

from tests.galley.world import START


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/galley.db")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process, in the middle of a write."""
    with closing(
        sqlite3.connect(tmp_path / "galley.db", isolation_level=None, check_same_thread=False)
    ) as connection:
        yield connection


def test_who_waits_long_asks_as_often_as_a_newcomer(
    store: Store, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if len(rests) == 200:
            other.execute("ROLLBACK")

    monkeypatch.setattr(time, "sleep", rest)
    store.write(lambda s: liveness.tick(s, "before", START))
    other.execute("BEGIN IMMEDIATE")

    store.write(lambda s: liveness.tick(s, "after", START))

    assert len(rests) == 200
    assert max(rests[100:]) <= sqlite.TRY_S


def test_a_writer_that_never_gets_its_turn_hears_it(
    store: Store, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="Something else has held the database for more than"):
        store.write(lambda s: liveness.tick(s, "scheduler", START))
    other.execute("ROLLBACK")
    store.write(lambda s: liveness.tick(s, "scheduler", START))
