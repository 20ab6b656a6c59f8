"""A state moves from SQLite to PostgreSQL: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from galley import schedule
from galley.domain.backfills import BackfillRequest
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.triggers import TriggerRequest
from galley.errors import IncompatibleState
from galley.schedule import backfill, backfill_plan
from galley.schedule import triggers as control
from galley.store import Store, drains, hook_secrets, liveness
from galley.store.carry_over import carry_over
from galley.store.connect import database as database_of
from galley.store.records import EventRow
from galley.store.tables import Base
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from tests.galley.postgres import Cluster
from tests.galley.stores import ONLY_SQLITE
from tests.galley.world import ERROR, START, World

pytestmark = ONLY_SQLITE
DAY = timedelta(days=1)


def populate(world: World) -> None:
    """Leave something in as many tables as there are ways to."""
    world.live("orders")
    world.live(schedule={"cron": "0 12 * * *", "catch_up": "skip"})
    for request in (
        {"name": "after", "source": {"type": "upstream", "pipelines": ["orders"]}},
        {"name": "ci", "source": {"type": "webhook"}, "parameters": {"rounds": 2}},
        {"name": "new", "source": {"type": "file", "url": "/datasets/in/a.csv"}},
    ):
        wanted = TriggerRequest.model_validate(request)
        world.write(partial(_add, world, wanted))
    series = world.read(
        lambda s: s.scalars(select(Base.metadata.tables["triggers"].c.series)).all()
    )
    world.write(lambda s: hook_secrets.put(s, "lab", series[1], b"\0sealed\xff", "lee", world.now))
    world.later(hours=4)
    world.write(lambda s: schedule.materialise_due(s, world.tenants, world.now))
    work = world.must_claim()
    world.start(work)
    world.finish(work, AttemptState.FAILED, failure_class=FailureClass.USER, error=ERROR)
    world.request("orders")
    done = world.must_claim()
    world.start(done)
    world.finish(done)
    world.request()
    world.must_claim()
    span = BackfillRequest(start=START - 5 * DAY, end=START - DAY)
    draft = world.read(
        lambda s: backfill_plan.draft(s, "lab", world.tenant(), "churn", span, world.now)
    )
    world.write(lambda s: backfill.start(s, draft, "ana", world.now))
    world.write(lambda s: schedule.pause(s, "lab", "churn", "max", world.now))
    world.write(lambda s: drains.begin(s, "*", ["lab"], "olga", world.now))
    world.write(lambda s: liveness.tick(s, "scheduler", world.now))


def _add(world: World, wanted: TriggerRequest, session: Session) -> None:
    control.add(session, "lab", "churn", wanted, "lee", world.now)


def rows_of(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, by its key."""

    def read(session: Session) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: sorted(
                (dict(row) for row in session.execute(select(table)).mappings()), key=str
            )
            for table in Base.metadata.sorted_tables
        }

    return store.read(read)


@contextmanager
def carried(world: World, path: Path, url: str) -> Iterator[tuple[Store, dict[str, int]]]:
    source, target = database_of(f"sqlite:///{path}"), database_of(url)
    try:
        counts = carry_over(source, target)
    finally:
        source.dispose()
        target.dispose()
    store = Store(url)
    try:
        yield store, counts
    finally:
        store.close()


def test_everything_arrives_and_goes_on(world: World, tmp_path: Path, cluster: Cluster) -> None:
    populate(world)
    newest = world.read(lambda s: s.scalar(select(func.max(EventRow.id)))) or 0
    world.write(lambda s: s.execute(delete(EventRow).where(EventRow.id > newest - 2)))
    before = rows_of(world.store)
    full = {name for name, rows in before.items() if rows}
    assert len(full) >= 20, sorted(full)
    with cluster.database("template1") as url:
        with carried(world, tmp_path / "galley.db", url) as (store, counts):
            assert rows_of(store) == before
            assert counts == {name: len(rows) for name, rows in before.items()}
            moved = World(store, tenants=world.tenants, now=world.now)
            moved.request("orders")
            ids = store.read(lambda s: s.scalars(select(EventRow.id).order_by(EventRow.id)).all())
            assert ids[-1] > newest, "ids of events that are gone do not come back"
            store.migrate()
        again = database_of(url), database_of(f"sqlite:///{tmp_path / 'galley.db'}")
        with pytest.raises(IncompatibleState, match=r"not empty, its table .* rows: nothing was"):
            carry_over(again[1], again[0])
        for one in again:
            one.dispose()
    assert rows_of(world.store) == before, "the source stays as it is"


def test_tables_without_a_row_may_be_there(world: World, tmp_path: Path, cluster: Cluster) -> None:
    world.live()
    with (
        cluster.database() as url,
        carried(world, tmp_path / "galley.db", url) as (store, _),
    ):
        assert rows_of(store) == rows_of(world.store)


def test_another_schema_or_other_tables_are_refused(
    world: World, tmp_path: Path, cluster: Cluster
) -> None:
    world.live()
    path = tmp_path / "galley.db"
    with cluster.database() as url:
        target = database_of(url)
        with target.writer.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
        with pytest.raises(IncompatibleState, match="has schema 0007"), carried(world, path, url):
            pass
        with target.writer.begin() as connection:
            connection.exec_driver_sql("DROP TABLE alembic_version")
        with pytest.raises(IncompatibleState, match="it has the table"), carried(world, path, url):
            pass
        with target.reader.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM audit").scalar() == 0
        target.dispose()


def test_what_does_not_fit_leaves_nothing_behind(
    world: World, tmp_path: Path, cluster: Cluster
) -> None:
    world.live()
    # SQLite does not look at the length of text.
    world.write(lambda s: liveness.tick(s, "x" * 65, world.now))
    with cluster.database("template1") as url:
        with (
            pytest.raises(IncompatibleState, match=r"value too long.* Nothing was changed"),
            carried(world, tmp_path / "galley.db", url),
        ):
            pass
        target = database_of(url)
        with target.reader.connect() as connection:
            found = connection.exec_driver_sql(
                "SELECT count(*) FROM pg_tables WHERE schemaname='public'"
            )
            assert found.scalar() == 0
        target.dispose()


def test_a_mistake_is_told_of_the_database_that_it_is_in(
    world: World, tmp_path: Path, cluster: Cluster
) -> None:
    world.write(lambda s: s.execute(text("DROP TABLE drains")))
    with (
        cluster.database() as url,
        pytest.raises(IncompatibleState, match=r"galley\.db says: no such table: drains"),
        carried(world, tmp_path / "galley.db", url),
    ):
        pass
    with (
        pytest.raises(IncompatibleState, match="Check that the server runs"),
        carried(world, tmp_path / "galley.db", "postgresql+psycopg://ana@/x?host=/nowhere"),
    ):
        pass
