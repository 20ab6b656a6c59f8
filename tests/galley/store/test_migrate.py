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


def test_secrets_come_and_go_and_the_rest_stays(tmp_path: Path) -> None:
    engine = sqlite_engine(f"sqlite:///{tmp_path}/old.db", writer=True)
    with engine.begin() as connection:
        command.upgrade(migrate.config(connection), "0002")
        connection.execute(text(f"INSERT INTO liveness (name, at) VALUES ('a', '{_AT}')"))
    migrate.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO secrets (tenant, owner, name, sealed, description, set_by, set_at) "
                f"VALUES ('blue', '', 'db', x'00', '', 'ann', '{_AT}')"
            )
        )
        command.downgrade(migrate.config(connection), "0002")
        assert "secrets" not in inspect(connection).get_table_names()
        assert connection.execute(text("SELECT name FROM liveness")).scalar() == "a"
    migrate.upgrade(engine)
    engine.dispose()


def test_earlier_pauses_are_read_from_the_audit_trail(tmp_path: Path) -> None:
    engine = sqlite_engine(f"sqlite:///{tmp_path}/old.db", writer=True)
    trail = ("paused", "resumed", "paused", "ended", "set", "paused")
    with engine.begin() as connection:
        command.upgrade(migrate.config(connection), "0004")
        connection.execute(text(_AN_OLD_VERSION[0]))
        for number, change in enumerate(trail, 1):
            for slug in ("daily", "gone"):
                connection.execute(
                    text(
                        "INSERT INTO audit (tenant, actor, action, subject, detail, at) VALUES "
                        f"('blue', 'ann', 'schedule.{change}', 'pipeline/{slug}', '{{}}', "
                        f"'2026-11-0{number} 06:00:00.000000')"
                    )
                )
    migrate.upgrade(engine)
    with engine.begin() as connection:
        found = connection.execute(
            text("SELECT substr(since, 9, 2), substr(until, 9, 2), by FROM schedule_pauses")
        ).all()
        assert sorted(found) == [("01", "02", "ann"), ("03", "04", "ann"), ("06", None, "ann")]
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        command.downgrade(migrate.config(connection), "0004")
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar() == 2 * len(trail)
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


def test_up_and_down_with_what_is_there_kept(tmp_path: Path) -> None:
    engine = sqlite_engine(f"sqlite:///{tmp_path}/old.db", writer=True)
    with engine.begin() as connection:
        command.upgrade(migrate.config(connection), "0001")
        for statement in _AN_OLD_VERSION:
            connection.execute(text(statement))
    migrate.upgrade(engine)
    with engine.begin() as connection:
        found = connection.execute(text("SELECT published_digest, prove, layout FROM versions"))
        assert found.one() == ("d" * 64, "never", None)
        assert connection.execute(text("SELECT extra_s, rehearsal FROM attempts")).one() == (
            0,
            None,
        )
        columns = "attempts.profile, larger_profile, runs.profile, cell_timeout_s"
        found = connection.execute(text(f"SELECT {columns} FROM attempts, runs, versions"))
        assert found.one() == ("small", None, None, None)
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        command.downgrade(migrate.config(connection), "0001")
        assert connection.execute(text("SELECT digest FROM versions")).scalar() == "d" * 64
        assert connection.execute(text("SELECT count(*) FROM attempts")).scalar() == 1
        assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    engine.dispose()


_ID = {name: f"{number:032x}" for number, name in enumerate(("pipeline", "version", "run"), 1)}
_AT = "2026-11-01 06:00:00.000000"
_AN_OLD_VERSION = (
    (
        "INSERT INTO pipelines (id, tenant, slug, name, description, owner, created_at) VALUES "
        f"('{_ID['pipeline']}', 'blue', 'daily', 'Daily', '', 'ann', '{_AT}')"
    ),
    (
        "INSERT INTO versions (id, pipeline_id, tenant, number, state, digest, author, owner, "
        "name, description, note, profile, timeout_s, retries, defaults, rehearsal_parameters, "
        "rehearse_only, analysis, gates, project_blob, notebook_blob, created_at, updated_at) "
        "VALUES "
        f"('{_ID['version']}', '{_ID['pipeline']}', 'blue', 1, 'approved', '{'d' * 64}', 'ann', "
        "'ann', 'Daily', '', '', 'small', 60, 1, '{}', '{}', 0, '{}', '[]', 'p', 'n', "
        f"'{_AT}', '{_AT}')"
    ),
    (
        "INSERT INTO runs (id, tenant, pipeline_id, version_id, kind, trigger, trigger_id, "
        "scheduled_at, state, cancel_requested, logical_date, data_interval_start, "
        "data_interval_end, parameters, metrics, attempt_count, repeats, not_before, created_at) "
        f"VALUES ('{_ID['run']}', 'blue', '{_ID['pipeline']}', '{_ID['version']}', 'pipeline', "
        f"'manual', '{_ID['run']}', '{_AT}', 'running', 0, '{_AT}', '{_AT}', '{_AT}', '{{}}', "
        f"'{{}}', 1, 0, '{_AT}', '{_AT}')"
    ),
    (
        "INSERT INTO attempts (id, run_id, tenant, number, fencing, state, host, cpu, memory, "
        "lease_until, deadline, log_size, started_at) VALUES "
        f"('{'a' * 32}', '{_ID['run']}', 'blue', 1, 1, 'running', 'here', 1, 1, '{_AT}', '{_AT}', "
        f"0, '{_AT}')"
    ),
)
