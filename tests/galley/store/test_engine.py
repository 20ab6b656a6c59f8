from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from pathlib import Path

import pytest
from galley.errors import Conflict, IncompatibleState, Unavailable
from galley.store import Store, liveness
from galley.store.connect import database as database_of
from sqlalchemy import text
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.orm import Session

from tests.galley.store.test_settled import happen
from tests.galley.stores import ONLY_SQLITE
from tests.galley.world import START


def put(name: str) -> Callable[[Session], datetime | None]:
    def work(session: Session) -> datetime | None:
        happen(session)
        return liveness.tick(session, name, START)

    return work


def names(store: Store) -> set[str]:
    return store.read(lambda s: set(s.scalars(text("SELECT name FROM liveness"))))


class Gate:
    """Holds the writer up, so that what is submitted meanwhile shares one commit."""

    def __init__(self, store: Store) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        store.submit(self._hold)
        assert self.reached.wait(30)

    def _hold(self, _: Session) -> None:
        self.reached.set()
        self.open.wait(30)


def test_what_is_written_is_read(store: Store) -> None:
    assert store.write(lambda s: liveness.tick(s, "a", START)) is None
    assert store.write(lambda s: liveness.tick(s, "a", START)) == START
    assert store.read(lambda s: liveness.last(s, "a")) == START


@ONLY_SQLITE
def test_durability_is_asked_for(store: Store) -> None:
    def pragmas(session: Session) -> list[object]:
        wanted = ("journal_mode", "synchronous", "foreign_keys")
        return [session.scalar(text(f"PRAGMA {name}")) for name in wanted]

    full = 2
    assert store.write(pragmas) == ["wal", full, 1]
    assert store.read(lambda s: s.scalar(text("PRAGMA query_only"))) == 1


def test_a_reader_cannot_write(store: Store) -> None:
    with pytest.raises(DBAPIError, match=r"readonly|read-only"):
        store.read(lambda s: liveness.tick(s, "a", START))


def test_a_failing_caller_takes_back_only_its_own_changes(store: Store, store_kind: str) -> None:
    commits: list[None] = []
    store.listen(lambda: commits.append(None))
    gate = Gate(store)

    def fail(session: Session) -> None:
        put("bad")(session)
        raise Conflict("no")

    def broken(session: Session) -> None:
        liveness.tick(session, "worse", START)
        session.execute(text("INSERT INTO nowhere VALUES (1)"))

    futures: list[Future[object]] = [
        store.submit(work) for work in (put("a"), fail, put("b"), broken, put("c"))
    ]
    gate.open.set()

    assert [type(future.exception(30)) for future in futures] == [
        type(None),
        Conflict,
        type(None),
        ProgrammingError if store_kind == "postgresql" else OperationalError,
        type(None),
    ]
    assert names(store) == {"a", "b", "c"}
    store.write(put("d"))
    assert len(commits) == 2  # one for all five, one for "d"


def test_a_caller_sees_what_earlier_ones_of_its_batch_wrote(store: Store) -> None:
    gate = Gate(store)
    first = store.submit(put("a"))
    second = store.submit(put("a"))
    gate.open.set()
    assert (first.result(30), second.result(30)) == (None, START)


def test_nothing_is_seen_before_the_commit(store: Store) -> None:
    reached, gate = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        liveness.tick(session, "a", START)
        reached.set()
        gate.wait(30)

    future = store.submit(slow)
    assert reached.wait(30)
    assert names(store) == set()
    assert not future.done()
    gate.set()
    future.result(30)
    assert names(store) == {"a"}


@ONLY_SQLITE
def test_a_full_disk_is_told_to_whom_it_hits(store: Store) -> None:
    gate = Gate(store)

    def too_much(session: Session) -> None:
        pages = session.scalar(text("PRAGMA page_count"))
        session.execute(text(f"PRAGMA max_page_count = {pages}"))
        session.execute(text("CREATE TABLE big AS SELECT zeroblob(1000000) AS content"))

    small, large, after = store.submit(put("a")), store.submit(too_much), store.submit(put("b"))
    gate.open.set()
    error = large.exception(30)
    assert isinstance(error, Unavailable)
    assert "disk is full" in error.detail
    assert (small.exception(30), after.exception(30)) == (None, None)
    assert names(store) == {"a", "b"}


@pytest.mark.filterwarnings("ignore:nested transaction already deassociated")
def test_if_the_transaction_is_lost_every_caller_hears_it(store: Store) -> None:
    gate = Gate(store)

    def own(_: Session) -> None:
        raise Conflict("mine")

    def fatal(session: Session) -> None:
        session.connection().exec_driver_sql("ROLLBACK")

    good, mine, last = store.submit(put("a")), store.submit(own), store.submit(fatal)
    gate.open.set()

    assert isinstance(mine.exception(30), Conflict)
    assert isinstance(last.exception(30), SQLAlchemyError)
    assert isinstance(good.exception(30), SQLAlchemyError)
    assert names(store) == set()
    store.write(put("b"))
    assert names(store) == {"b"}


def test_a_write_within_a_write_is_a_plain_error(store: Store) -> None:
    with pytest.raises(RuntimeError, match="pass its session on"):
        store.write(lambda _: store.write(put("a")))


def test_listeners_hear_commits_and_only_those(store: Store) -> None:
    heard: list[str] = []
    stop = store.listen(lambda: heard.append("x"))
    store.write(put("a"))
    with pytest.raises(ZeroDivisionError):
        store.write(lambda _: 1 / 0)
    store.write(put("b"))
    assert heard == ["x", "x"]
    stop()
    stop()
    store.write(put("c"))
    store.write(put("d"))
    assert heard == ["x", "x"]


def test_a_commit_without_an_event_wakes_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    store.listen(lambda: heard.append("here"))
    monkeypatch.setattr(store._database, "announce", lambda *_: heard.append("elsewhere"))

    def fail(session: Session) -> None:
        happen(session)
        raise Conflict("no")

    store.write(lambda s: liveness.tick(s, "a", START))
    with pytest.raises(Conflict):
        store.write(fail)
    assert heard == []
    store.write(happen)
    assert heard == ["elsewhere", "here"]


def test_a_listener_whose_loop_has_ended_is_left_out(store: Store) -> None:
    calls: list[int] = []

    def closed() -> None:
        calls.append(1)
        raise RuntimeError("Event loop is closed")

    store.listen(closed)
    store.write(put("a"))
    store.write(put("b"))
    store.write(put("c"))
    assert calls == [1]


def test_closing_finishes_what_was_submitted_and_refuses_the_rest(database: str) -> None:
    store = Store(database)
    futures = [store.submit(put(str(number))) for number in range(20)]
    store.close()
    assert all(future.done() for future in futures)
    with pytest.raises(Unavailable, match="stopping"):
        store.write(put("late"))
    store.close()
    again = Store(database)
    assert len(names(again)) == 20
    again.close()


@ONLY_SQLITE
def test_a_copy_is_consistent_while_writing_goes_on(store: Store, tmp_path: Path) -> None:
    store.write(put("a"))
    store.backup(tmp_path / "copy.db")
    store.write(put("b"))
    copy = Store(f"sqlite:///{tmp_path / 'copy.db'}")
    assert names(copy) == {"a"}
    copy.close()


def test_another_store_on_the_same_database_waits_its_turn(store: Store, database: str) -> None:
    other = Store(database)
    futures = [one.submit(put(f"{n}")) for n in range(20) for one in (store, other)]
    for future in futures:
        future.result(60)
    assert len(names(store)) == 20
    other.close()


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ana:secret@here/x",
        "postgresql+asyncpg://ana:secret@h/x",
        "sqlite://",
        "postgres",
        "sqlite:///:memory:",
        "postgresql://ana:secret@here",
        "postgresql://ana:secret@here:port/x",
        "postgresql://here?user=ana&password=secret",
        "mysql://here/x?sslpassword=secret",
    ],
)
@ONLY_SQLITE
def test_only_a_file_or_a_postgresql_database_will_do(url: str, store_kind: str) -> None:
    with pytest.raises(IncompatibleState, match=r"sqlite:////absolute/path\.db or post") as caught:
        Store(url)
    assert "secret" not in str(caught.value)


@ONLY_SQLITE
def test_half_a_password_is_no_host(store_kind: str) -> None:
    with pytest.raises(IncompatibleState, match="percent-encode the password") as caught:
        Store("postgresql://ana:half@secret@here/x")
    assert not re.search("half|secret", str(caught.value))


@pytest.mark.parametrize("name", ["password", "sslpassword", "passfile"])
@ONLY_SQLITE
def test_a_password_is_not_shown_wherever_it_stands(name: str, store_kind: str) -> None:
    opened = database_of(f"postgresql://ana:secret@here/x?{name}=secret&sslmode=require")
    assert "secret" not in opened.shown
    assert "sslmode=require" in opened.shown
    assert opened.url.query[name] == "secret"
    opened.dispose()


def test_foreign_keys_hold(store: Store) -> None:
    orphan = text(
        "INSERT INTO decisions "
        "(id, version_id, gate, verdict, reviewer, digest, comment, decided_at) "
        f"VALUES ('{'1' * 32}', '{'2' * 32}', 'lead', 'approve', 'x', 'y', '', '{START}')"
    )
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        store.write(lambda s: s.execute(orphan))
    assert sqlite3.sqlite_version_info >= (3, 35)
