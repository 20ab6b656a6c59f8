from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from galley.domain.schedules import CatchUp, Overlap, ScheduleRequest
from galley.errors import IncompatibleState
from galley.store import Store, liveness, migrate, runs, schedules
from galley.store.connect import Database
from galley.store.connect import database as database_of
from galley.store.tables import Base
from sqlalchemy import JSON, Connection, column, inspect, select, table, text, update

from tests.galley.postgres import USER, Cluster
from tests.galley.stores import ONLY_POSTGRESQL, ONLY_SQLITE
from tests.galley.world import START


@pytest.fixture
def new(new_database: str) -> Iterator[Database]:
    """A database without any table."""
    opened = database_of(new_database)
    yield opened
    opened.dispose()


def upgrade_to(database: Database, revision: str, *statements: str) -> None:
    with database.writer.begin() as connection:
        command.upgrade(migrate.config(connection), revision)
        for statement in statements:
            connection.execute(text(statement))


def broken_references(connection: Connection) -> list[object]:
    """PostgreSQL checks them with each change."""
    if connection.dialect.name != "sqlite":
        return []
    return list(connection.execute(text("PRAGMA foreign_key_check")))


def test_from_nothing_to_the_tables_of_this_release(new: Database) -> None:
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) == {
            *Base.metadata.tables,
            "alembic_version",
        }


def test_migrating_again_keeps_what_is_there(store: Store) -> None:
    store.write(lambda s: liveness.tick(s, "a", START))
    store.migrate()
    assert store.read(lambda s: liveness.last(s, "a")) == START


def test_down_to_nothing_and_up_again(new: Database) -> None:
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        command.downgrade(migrate.config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    migrate.upgrade(new)


def test_secrets_come_and_go_and_the_rest_stays(new: Database) -> None:
    upgrade_to(new, "0002", f"INSERT INTO liveness (name, at) VALUES ('a', '{_AT}')")
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO secrets (tenant, owner, name, sealed, description, set_by, set_at) "
                f"VALUES ('blue', '', 'db', :sealed, '', 'ann', '{_AT}')"
            ),
            {"sealed": b"\0"},
        )
        command.downgrade(migrate.config(connection), "0002")
        assert "secrets" not in inspect(connection).get_table_names()
        assert connection.execute(text("SELECT name FROM liveness")).scalar() == "a"
    migrate.upgrade(new)


def test_schedules_from_before_have_the_rules_that_they_had(
    new: Database, new_database: str
) -> None:
    ended = _AN_OLD_SCHEDULE.replace("b" * 32, "e" * 32)
    end = f"UPDATE schedules SET until = '{_AT}' WHERE id = '{'e' * 32}'"
    upgrade_to(new, "0001", *_AN_OLD_VERSION, ended, end, _AN_OLD_SCHEDULE)
    migrate.upgrade(new)
    store = Store(new_database)
    with new.writer.begin() as connection:
        owed = text("SELECT until IS NULL FROM schedules WHERE next_firing IS NOT NULL")
        assert [bool(one) for one in connection.scalars(owed)] == [True]
    row = store.read(lambda s: schedules.in_force(s, UUID(_ID["pipeline"])))
    assert row is not None
    assert schedules.request_of(row) == ScheduleRequest(cron="@daily", catch_up=CatchUp.SKIP)
    run = store.read(lambda s: runs.get(s, UUID(_ID["run"])))
    assert (run.priority, run.deadline) == (0, None)
    store.close()
    with new.writer.begin() as connection:
        command.downgrade(migrate.config(connection), "0004")
        crons = connection.scalars(text("SELECT cron FROM schedules"))
        assert list(crons) == ["@daily", "@daily"]
        assert connection.execute(text("SELECT count(*) FROM runs")).scalar() == 1
        assert broken_references(connection) == []


def test_going_back_leaves_nothing_that_the_release_before_cannot_read(new: Database) -> None:
    upgrade_to(new, "0001", *_AN_OLD_VERSION, _AN_OLD_SCHEDULE)
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        connection.execute(text("UPDATE schedules SET catch_up = 'all'"))
        request = ScheduleRequest(cron="@daily", catch_up=CatchUp.ALL, overlap=Overlap.SKIP)
        versions = table("versions", column("schedule", JSON))
        connection.execute(update(versions).values(schedule=request.model_dump(mode="json")))
        for kind in ("hosts.changed", "run.changed"):
            connection.execute(
                text(
                    "INSERT INTO events (tenant, kind, subject, pipeline, data, at) VALUES "
                    f"('blue', '{kind}', '{_ID['run']}', '', '{{}}', '{_AT}')"
                )
            )
        command.downgrade(migrate.config(connection), "0004")
        assert connection.execute(text("SELECT catch_up FROM schedules")).scalar() == "latest"
        assert connection.execute(select(versions)).scalar() == {
            "cron": "@daily",
            "timezone": "UTC",
            "catch_up": "latest",
        }
        assert connection.execute(text("SELECT kind FROM events")).scalars().all() == [
            "run.changed"
        ]
    migrate.upgrade(new)


def test_runs_of_backfills_and_triggers_stay_when_these_go(new: Database) -> None:
    upgrade_to(new, "0001", *_AN_OLD_VERSION)
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        connection.execute(text("UPDATE runs SET trigger = 'webhook'"))
        connection.execute(
            text(
                "INSERT INTO secrets (tenant, owner, name, sealed, description, set_by, set_at) "
                f"VALUES ('blue', :owner, 'webhook', :sealed, '', 'ann', '{_AT}')"
            ),
            [
                {"owner": owner, "sealed": b"\0"}
                for owner in (f"trigger:{UUID(int=1)}", "", "ann", "triggers")
            ],
        )
        command.downgrade(migrate.config(connection), "0004")
        assert connection.execute(text("SELECT trigger, state FROM runs")).one() == (
            "manual",
            "running",
        )
        assert "backfills" not in inspect(connection).get_table_names()
        owners = connection.execute(text("SELECT owner FROM secrets ORDER BY owner")).scalars()
        assert list(owners) == ["", "ann", "triggers"]
    migrate.upgrade(new)


def test_earlier_pauses_are_read_from_the_audit_trail(new: Database) -> None:
    trail = ("paused", "resumed", "paused", "ended", "set", "paused")
    entries = [
        "INSERT INTO audit (tenant, actor, action, subject, detail, at) VALUES "
        f"('blue', 'ann', 'schedule.{change}', 'pipeline/{slug}', '{{}}', "
        f"'2026-11-0{number} 06:00:00.000000')"
        for number, change in enumerate(trail, 1)
        for slug in ("daily", "gone")
    ]
    upgrade_to(new, "0004", _AN_OLD_VERSION[0], *entries)
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        days = [
            (str(since)[8:10], until and str(until)[8:10], by)
            for since, until, by in connection.execute(
                text("SELECT since, until, by FROM schedule_pauses ORDER BY since")
            )
        ]
        assert days == [("01", "02", "ann"), ("03", "04", "ann"), ("06", None, "ann")]
        assert broken_references(connection) == []
        command.downgrade(migrate.config(connection), "0004")
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar() == 2 * len(trail)


def test_a_newer_database_is_left_alone(new_database: str) -> None:
    store = Store(new_database)
    store.migrate()
    store.write(lambda s: s.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(IncompatibleState, match="written by a newer release"):
        store.migrate()
    store.close()


@ONLY_SQLITE
def test_a_file_that_is_no_database(tmp_path: Path, store_kind: str) -> None:
    path = tmp_path / "galley.db"
    path.write_text("hello " * 1000)
    store = Store(f"sqlite:///{path}")
    with pytest.raises(IncompatibleState, match="not a database of Galley"):
        store.migrate()
    store.close()
    assert path.read_text().startswith("hello")


@ONLY_SQLITE
def test_a_folder_that_is_not_there(tmp_path: Path, store_kind: str) -> None:
    store = Store(f"sqlite:///{tmp_path}/nowhere/galley.db")
    with pytest.raises(IncompatibleState, match="Check that its folder exists"):
        store.migrate()
    store.close()


@ONLY_POSTGRESQL
def test_a_server_or_a_database_that_is_not_there(cluster: Cluster, store_kind: str) -> None:
    nowhere = f"postgresql+psycopg://{USER}:secret@/x?host=/nowhere"
    for url in (nowhere, cluster.url("missing")):
        store = Store(url)
        with pytest.raises(IncompatibleState, match="GALLEY_DATABASE_URL") as caught:
            store.migrate()
        assert "secret" not in str(caught.value)
        store.close()


@ONLY_POSTGRESQL
def test_a_database_that_garbles_text_is_refused(cluster: Cluster, store_kind: str) -> None:
    cluster.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    store = Store(cluster.url("latin"))
    with pytest.raises(IncompatibleState, match="LATIN1: Galley needs UTF8"):
        store.migrate()
    store.close()


def test_up_and_down_with_what_is_there_kept(new: Database) -> None:
    upgrade_to(new, "0001", *_AN_OLD_VERSION)
    migrate.upgrade(new)
    with new.writer.begin() as connection:
        found = connection.execute(text("SELECT published_digest, prove, layout FROM versions"))
        assert found.one() == ("d" * 64, "never", None)
        assert connection.execute(text("SELECT extra_s, rehearsal FROM attempts")).one() == (
            0,
            None,
        )
        columns = "attempts.profile, larger_profile, runs.profile, cell_timeout_s"
        found = connection.execute(text(f"SELECT {columns} FROM attempts, runs, versions"))
        assert found.one() == ("small", None, None, None)
        assert broken_references(connection) == []
        command.downgrade(migrate.config(connection), "0001")
        assert connection.execute(text("SELECT digest FROM versions")).scalar() == "d" * 64
        assert connection.execute(text("SELECT count(*) FROM attempts")).scalar() == 1
        assert broken_references(connection) == []


_ID = {name: f"{number:032x}" for number, name in enumerate(("pipeline", "version", "run"), 1)}
_AT = "2026-11-01 06:00:00.000000"
_AN_OLD_SCHEDULE = (
    "INSERT INTO schedules (id, series, pipeline_id, tenant, cron, timezone, catch_up, paused, "
    f"next_firing, since, set_by) VALUES ('{'b' * 32}', '{'c' * 32}', '{_ID['pipeline']}', 'blue', "
    f"'@daily', 'UTC', 'skip', false, '{_AT}', '{_AT}', 'ann')"
)
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
        "'ann', 'Daily', '', '', 'small', 60, 1, '{}', '{}', false, '{}', '[]', 'p', 'n', "
        f"'{_AT}', '{_AT}')"
    ),
    (
        "INSERT INTO runs (id, tenant, pipeline_id, version_id, kind, trigger, trigger_id, "
        "scheduled_at, state, cancel_requested, logical_date, data_interval_start, "
        "data_interval_end, parameters, metrics, attempt_count, repeats, not_before, created_at) "
        f"VALUES ('{_ID['run']}', 'blue', '{_ID['pipeline']}', '{_ID['version']}', 'pipeline', "
        f"'manual', '{_ID['run']}', '{_AT}', 'running', false, '{_AT}', '{_AT}', '{_AT}', '{{}}', "
        f"'{{}}', 1, 0, '{_AT}', '{_AT}')"
    ),
    (
        "INSERT INTO attempts (id, run_id, tenant, number, fencing, state, host, cpu, memory, "
        "lease_until, deadline, log_size, started_at) VALUES "
        f"('{'a' * 32}', '{_ID['run']}', 'blue', 1, 1, 'running', 'here', 1, 1, '{_AT}', '{_AT}', "
        f"0, '{_AT}')"
    ),
)
