"""Fixtures: a migrated store, and a world around it; of one kind, or of every kind in turn.

A room whose tests hold for every database imports :data:`both_kinds` into its conftest; a test
that is about one kind says ``@ONLY_SQLITE`` or ``@ONLY_POSTGRESQL``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest
from galley.store import Store
from galley.store.tables import Base
from sqlalchemy import event
from sqlalchemy.orm import Session

from tests.galley.postgres import Cluster, running_cluster
from tests.galley.world import World

T = TypeVar("T")

ONLY_SQLITE = pytest.mark.parametrize("store_kind", ["sqlite"])
ONLY_POSTGRESQL = pytest.mark.parametrize("store_kind", ["postgresql"])


@pytest.fixture
def store_kind() -> str:
    return "sqlite"


@pytest.fixture(name="store_kind", params=["sqlite", "postgresql"])
def both_kinds(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@cache
def empty_database() -> bytes:
    """Return the file of a migrated SQLite database without rows: migrating takes 0.15 s."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "galley.db"
        store = Store(f"sqlite:///{path}")
        store.migrate()
        store.close()
        return path.read_bytes()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server."""
    with running_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def shared_database(cluster: Cluster) -> Iterator[str]:
    """The URL of a database that tests use one after another: making one takes 0.2 s."""
    with cluster.database() as url:
        yield url


@pytest.fixture(scope="session")
def shared_store(shared_database: str) -> Iterator[Store]:
    store = Store(shared_database)
    yield store
    store.close()


@pytest.fixture
def database(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database without rows."""
    if store_kind == "sqlite":
        (tmp_path / "galley.db").write_bytes(empty_database())
        return f"sqlite:///{tmp_path / 'galley.db'}"
    request.getfixturevalue("shared_store").write(_empty)
    return str(request.getfixturevalue("shared_database"))


def steps(session: Session, ask: Callable[[], object]) -> int:
    """Return how many steps SQLite's machine makes for an answer: the same on each computer."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    raw = session.connection().connection.driver_connection
    assert raw is not None
    raw.set_progress_handler(count, 1)
    try:
        ask()
    finally:
        raw.set_progress_handler(None, 1)
    assert taken
    return taken


def statements(store: Store, work: Callable[[Session], T]) -> tuple[T, int]:
    """Return what a write function returns, and how many statements it takes."""
    taken = 0

    def count(*_: object) -> None:
        nonlocal taken
        taken += 1

    def counted(session: Session) -> T:
        nonlocal taken
        taken, bind = 0, session.get_bind()
        event.listen(bind, "before_cursor_execute", count)
        try:
            return work(session)
        finally:
            event.remove(bind, "before_cursor_execute", count)

    return store.write(counted), taken


def _empty(session: Session) -> None:
    for table in reversed(Base.metadata.sorted_tables):
        session.execute(table.delete())


@pytest.fixture
def new_database(store_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table."""
    if store_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
    else:
        with request.getfixturevalue("cluster").database("template1") as url:
            yield url


@pytest.fixture
def store(store_kind: str, database: str, request: pytest.FixtureRequest) -> Iterator[Store]:
    if store_kind == "postgresql":
        yield request.getfixturevalue("shared_store")
        return
    store = Store(database)
    yield store
    store.close()


@pytest.fixture
def world(store: Store) -> World:
    return World(store)
