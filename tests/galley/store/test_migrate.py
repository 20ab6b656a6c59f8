from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from galley.errors import IncompatibleState
from galley.store import Store, liveness, migrate
from galley.store.connect import sqlite_engine
from galley.store.tables import Base
from sqlalchemy import inspect, text

from tests.galley.world import START


def test_from_nothing_to_the_tables_of_this_release(tmp_path: Path) -> None:
    engine = sqlite_engine(f"sqlite:///{tmp_path}/new.db", writer=True)
    migrate.upgrade(engine)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {
            *Base.metadata.tables,
            "alembic_version",
        }
    engine.dispose()


def test_migrating_again_keeps_what_is_there(store: Store) -> None:
    store.write(lambda s: liveness.tick(s, "a", START))
    store.migrate()
    assert store.read(lambda s: liveness.last(s, "a")) == START


def test_down_to_nothing_and_up_again(tmp_path: Path) -> None:
    engine = sqlite_engine(f"sqlite:///{tmp_path}/new.db", writer=True)
    migrate.upgrade(engine)
    with engine.begin() as connection:
        command.downgrade(migrate.config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrate.upgrade(engine)
    engine.dispose()


def test_a_newer_database_is_left_alone(store: Store) -> None:
    store.write(lambda s: s.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(IncompatibleState, match="written by a newer release"):
        store.migrate()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "galley.db"
    path.write_text("hello " * 1000)
    store = Store(f"sqlite:///{path}")
    with pytest.raises(IncompatibleState, match="not a database of Galley"):
        store.migrate()
    store.close()
    assert path.read_text().startswith("hello")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/nowhere/galley.db")
    with pytest.raises(IncompatibleState, match="Check that its folder exists"):
        store.migrate()
    store.close()
