"""What only several writers at a time, and a server that goes away, make happen."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from galley import dispatch
from galley.domain.runs import RunState, TriggerKind
from galley.domain.work import LeaseRequest
from galley.errors import IncompatibleState, Unavailable
from galley.store import Store, audit, drains, leases, liveness, postgresql, runs
from galley.store.columns import new_id
from galley.store.connect import Database
from galley.store.connect import database as database_of
from galley.store.many import sent_together
from galley.store.records import LivenessRow
from galley.store.tables import RunRow
from galley.store.tokens import HostIdentity
from sqlalchemy import Connection, event, make_url, text, update
from sqlalchemy.orm import Session

from tests.galley.postgres import Cluster, running_cluster
from tests.galley.service.platform import eventually
from tests.galley.store.test_settled import happen
from tests.galley.stores import ONLY_POSTGRESQL
from tests.galley.world import START, World

pytestmark = ONLY_POSTGRESQL


@pytest.fixture
def other(database: str) -> Iterator[Store]:
    """The same database, as another process has it."""
    store = Store(database)
    yield store
    store.close()


def add_one(session: Session) -> int:
    """Decide on what was read: 1 s more than there is."""
    row = session.get(LivenessRow, "count")
    if row is None:
        session.add(LivenessRow(name="count", at=START))
    else:
        row.at += timedelta(seconds=1)
    session.flush()
    return 0


def test_nobody_takes_over_from_who_is_in_a_transaction_of_the_loop(
    store: Store, other: Store
) -> None:
    store.write(lambda s: leases.claim(s, "scheduler", "a", None, START))
    last = store.read(leases.seen)["scheduler"]

    def work(session: Session) -> int | None:
        leases.require(session, "scheduler", 1)
        return other.write(lambda s: leases.claim(s, "scheduler", "b", last, START), timeout=20)

    assert store.write(work) is None
    assert store.read(leases.seen)["scheduler"].beat > last.beat


def test_what_two_processes_decide_at_a_time_is_as_if_one_came_after_the_other(
    store: Store, other: Store
) -> None:
    store.write(add_one)
    futures = [one.submit(add_one) for _ in range(40) for one in (store, other)]
    for future in futures:
        future.result(60)
    assert store.read(lambda s: liveness.last(s, "count")) == START + timedelta(seconds=80)


def test_a_write_function_that_lost_a_race_is_run_again(store: Store, other: Store) -> None:
    """Each reads what the other one writes: that could not happen one after the other."""
    store.write(lambda s: liveness.tick(s, "a", START))
    store.write(lambda s: liveness.tick(s, "b", START))
    calls: list[int] = []

    def copy(session: Session) -> None:
        calls.append(1)
        found = liveness.last(session, "a")
        assert found is not None
        if len(calls) == 1:
            other.write(lambda s: liveness.tick(s, "a", (liveness.last(s, "b") or START) + HOUR))
        liveness.tick(session, "b", found + timedelta(minutes=1))

    store.write(copy)
    assert len(calls) == 2
    assert store.read(lambda s: liveness.last(s, "b")) == START + HOUR + timedelta(minutes=1)


HOUR = timedelta(hours=1)


def test_a_row_that_came_meanwhile_is_seen_the_second_time(world: World, other: Store) -> None:
    original, key = world.live().rehearsal_run, new_id()

    def row(session: Session) -> RunRow:
        known = session.get_one(RunRow, original)
        return RunRow(
            **{
                column.name: getattr(known, column.name)
                for column in RunRow.__table__.columns
                if column.name not in {"id", "trigger", "trigger_id", "scheduled_at", "state"}
            },
            trigger=TriggerKind.SCHEDULE,
            trigger_id=key,
            scheduled_at=START,
            state=RunState.QUEUED,
        )

    calls: list[int] = []

    def record(session: Session) -> bool:
        row(session)  # the snapshot is taken
        calls.append(1)
        if len(calls) == 1:
            assert other.write(lambda s: runs.record(s, row(s), START))
        return runs.record(session, row(session), START)

    assert not world.write(record)
    assert len(calls) == 2


def test_nothing_is_leased_after_a_drain_has_said_that_nothing_runs(
    world: World, other: Store
) -> None:
    world.live()
    world.request()
    host = HostIdentity(tenant="lab", author=None, run=None)
    told: list[int] = []

    def take(session: Session) -> bool:
        if drains.stopped(session, [("lab@here", "lab")]):
            return False
        if not told:
            drain = other.write(lambda s: drains.begin(s, "here", ["lab"], "olga", START))
            told.append(drain.running)
        lease = LeaseRequest(host="lab@here")
        return dispatch.claim(session, world.tenants, host, lease, world.now) is not None

    assert not world.write(take)
    assert told == [0]
    assert world.read(lambda s: drains.get(s, "here", world.now)).running == 0


def test_who_always_loses_gets_its_turn_alone(store: Store, other: Store) -> None:
    store.write(add_one)
    calls: list[int] = []
    stop, started = threading.Event(), threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            other.write(add_one)
            started.set()

    def slow(session: Session) -> None:
        calls.append(1)
        session.get_one(LivenessRow, "count")
        # Without the tables locked, the other one always is faster.
        session.execute(text("SELECT pg_sleep(0.05)"))
        add_one(session)

    thread = threading.Thread(target=hammer)
    thread.start()
    try:
        assert started.wait(30)
        store.write(slow, timeout=60)
    finally:
        stop.set()
        thread.join(60)
    assert len(calls) == 4, "three races lost, then alone"


def test_who_waits_to_be_alone_is_in_nobodys_way(store: Store, other: Store) -> None:
    database, waiting = store._database, threading.Event()

    def alone() -> None:
        with other._database.writer.connect() as connection, connection.begin():
            waiting.set()
            other._database.begin(connection, alone=True)

    with ThreadPoolExecutor(1) as pool, database.writer.connect() as first, first.begin():
        database.begin(first, alone=False)
        first.execute(text("LOCK TABLE runs IN ROW EXCLUSIVE MODE"))
        ended = pool.submit(alone)
        waiting.wait()
        eventually(lambda: _waits(store) or None)
        # What the one that waits would have locked by now, in the order of the names.
        first.execute(text("SET LOCAL lock_timeout = '200ms'"))
        first.execute(text("LOCK TABLE attempts, audit IN ROW EXCLUSIVE MODE"))
        first.rollback()
        ended.result(30)


def _waits(store: Store) -> bool:
    query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    return bool(store.read(lambda s: s.scalar(query)))


def test_text_with_nul_is_kept_without(store: Store, world: World) -> None:
    run = world.publish().rehearsal_run

    def say(session: Session) -> None:
        row = session.get_one(RunRow, run)
        row.state_reason, row.parameters = "a\0b", {"key": "c\0d"}

    store.write(say)
    row = store.read(lambda s: s.get_one(RunRow, run))
    assert row.state_reason == "a\N{REPLACEMENT CHARACTER}b"
    assert row.parameters == {"key": "c\0d"}


def test_an_answered_commit_is_on_disk_whatever_the_servers_default(
    cluster: Cluster, store_kind: str
) -> None:
    with cluster.database() as url:
        name = make_url(url).database
        cluster.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        store = Store(url)
        setting = text("SELECT current_setting('synchronous_commit')")
        assert store.write(lambda s: s.scalar(setting)) == "on"
        store.close()


def test_commits_of_other_processes_wake(store: Store, other: Store) -> None:
    heard = threading.Event()
    stop = other.listen(heard.set)
    try:
        for _ in range(100):  # until it listens
            store.write(happen)
            if heard.wait(0.1):
                break
        assert heard.is_set()
    finally:
        stop()


def test_a_copy_is_made_by_its_own_tool(store: Store, tmp_path: object) -> None:
    with pytest.raises(IncompatibleState, match="pg_dump"):
        store.backup(tmp_path / "copy")  # type: ignore[operator]


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    with running_cluster() as running:
        yield running


def test_a_server_that_is_restarted_loses_nothing_that_was_answered(
    own_cluster: Cluster, store_kind: str
) -> None:
    with own_cluster.database() as url:
        store = Store(url)
        store.write(add_one)
        store.read(lambda s: liveness.last(s, "count"))
        own_cluster.stop()
        with pytest.raises(Unavailable, match="does not answer"):
            store.read(lambda s: liveness.last(s, "count"))
        with pytest.raises(Unavailable, match="does not answer"):
            store.write(add_one)
        own_cluster.start()
        assert store.read(lambda s: liveness.last(s, "count")) == START
        store.write(add_one)
        assert store.read(lambda s: liveness.last(s, "count")) == START + timedelta(seconds=1)
        store.close()


def backend(session: Session) -> int:
    return int(session.scalar(text("SELECT pg_backend_pid()")) or 0)


def test_a_connection_that_breaks_within_a_write_is_made_again(
    store: Store, database: str, own: Database
) -> None:
    calls: list[int] = []

    def broken(session: Session) -> None:
        calls.append(1)
        liveness.tick(session, "a", START)
        if len(calls) == 1:
            with own.writer.begin() as connection:
                connection.execute(
                    text("SELECT pg_terminate_backend(:pid)"), {"pid": backend(session)}
                )
        liveness.tick(session, "b", START)

    store.write(broken)
    assert len(calls) == 2
    assert store.read(lambda s: liveness.last(s, "b")) == START


def test_a_connection_that_breaks_under_what_is_sent_together_is_made_again(
    store: Store, database: str, own: Database
) -> None:
    calls: list[int] = []

    def broken(session: Session) -> None:
        calls.append(1)
        pid = backend(session)
        with sent_together(session):
            audit.append_all(session, [AUDIT_LINE])
            if len(calls) == 1:
                with own.writer.begin() as connection:
                    connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            audit.append_all(session, [AUDIT_LINE])

    store.write(broken)
    assert len(calls) == 2
    assert len(store.read(lambda s: audit.page(s, "lab")).items) == 2


def test_a_race_that_is_lost_by_what_is_sent_together_is_run_again(
    store: Store, other: Store, caplog: pytest.LogCaptureFixture
) -> None:
    store.write(lambda s: liveness.tick(s, "a", START))
    later = update(LivenessRow).where(LivenessRow.name == "a").values(at=START + HOUR)
    calls: list[int] = []

    def change(session: Session) -> None:
        calls.append(1)
        assert liveness.last(session, "a")
        if len(calls) == 1:
            other.write(lambda s: liveness.tick(s, "a", START + HOUR / 2))
        with sent_together(session) as sent:
            sent.change(later, {}, 1, AssertionError("nothing was changed"))
            for _ in range(MANY):  # the server has refused it before the last one is sent
                audit.append_all(session, [AUDIT_LINE])

    store.write(change)
    assert len(calls) == 2
    assert store.read(lambda s: liveness.last(s, "a")) == START + HOUR
    assert len(store.read(lambda s: audit.page(s, "lab", limit=MANY)).items) == MANY
    assert caplog.text == ""


MANY = 100
AUDIT_LINE = {
    "tenant": "lab",
    "actor": "ana",
    "action": "a",
    "subject": "s",
    "detail": {},
    "at": START,
}


def test_a_host_that_vanishes_is_noticed_by_every_connection(
    database: str, cluster: Cluster, store_kind: str
) -> None:
    """Nothing comes from it any more: only the kernel's own limits end the wait."""
    wanted = {"keepalives_idle": "5", "keepalives_count": "3", "tcp_user_timeout": "10000"}

    def told(connection: psycopg.Connection[Any]) -> dict[str, str]:
        found = connection.info.get_parameters()
        return {name: found[name] for name in wanted if name in found}

    opened = database_of(database + "&keepalives_idle=7")
    for engine in (opened.writer, opened.reader):
        with engine.connect() as connection:
            driver_connection: Any = connection.connection.driver_connection
            assert told(driver_connection) == wanted | {"keepalives_idle": "7"}
    opened.dispose()

    with pytest.MonkeyPatch.context() as patch:
        heard: list[dict[str, str]] = []
        connect = psycopg.connect

        def noting(*given: Any, **named: Any) -> psycopg.Connection[Any]:
            heard.append(told(connection := connect(*given, **named)))
            return connection

        patch.setattr(psycopg, "connect", noting)
        opened = database_of(database)
        assert list(opened.notices(0.01, lambda: bool(heard))) == []
        assert heard == [wanted]
        opened.dispose()


@pytest.fixture
def hasty(database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The same database, as a process has it that does not wait long."""
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT", "50ms")
    store = Store(database)
    yield store
    store.close()


def test_who_waits_for_a_lock_too_long_is_told_so(hasty: Store, own: Database) -> None:
    hasty.write(add_one)
    with own.writer.begin() as connection:
        connection.execute(text("LOCK TABLE liveness"))
        with pytest.raises(Unavailable, match="held the database for more than 50ms"):
            hasty.write(add_one)
        with pytest.raises(Unavailable, match="held the database for more than 50ms"):
            hasty.read(lambda s: liveness.last(s, "count"))
    hasty.write(add_one)


def test_a_table_that_is_held_is_no_wrong_password(hasty: Store, own: Database) -> None:
    with own.writer.begin() as connection:
        connection.execute(text("LOCK TABLE alembic_version"))
        with pytest.raises(IncompatibleState, match="held one of its tables") as caught:
            hasty.migrate()
    assert "password" not in str(caught.value)


def test_a_second_host_waits_while_the_first_one_migrates(hasty: Store, own: Database) -> None:
    waiting = text(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'advisory' "
        "AND clock_timestamp() - query_start > '200ms'"
    )
    with ThreadPoolExecutor() as pool:
        with own.writer.begin() as connection:
            own.lock_schema(connection)
            second = pool.submit(hasty.migrate)
            with own.reader.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
                eventually(lambda: second.done() or other.scalar(waiting))
            assert not second.done()
        second.result(30)


def test_a_commit_whose_answer_is_lost_is_told_each_time_by_an_error_of_its_own(
    store: Store, own: Database
) -> None:
    def cut(connection: Connection) -> None:
        driver_connection: Any = connection.connection.driver_connection
        pid = {"pid": driver_connection.info.backend_pid}
        with own.reader.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), pid)
            living = text("SELECT 1 FROM pg_stat_activity WHERE pid = :pid")
            eventually(lambda: other.scalar(living, pid) is None)

    errors = []
    event.listen(store._database.writer, "commit", cut)
    try:
        for _ in range(2):
            with pytest.raises(Unavailable, match="not known whether") as caught:
                store.write(add_one)
            errors.append(caught.value)
    finally:
        event.remove(store._database.writer, "commit", cut)
    assert errors[0] is not errors[1], "its traceback would grow for ever"


@pytest.fixture
def own(database: str) -> Iterator[Database]:
    opened = database_of(database)
    yield opened
    opened.dispose()
