"""Events of a late commit are not skipped by who reads on from a higher id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from galley.domain.events import EventKind
from galley.store import Store, events
from galley.store.columns import new_id
from galley.store.connect import Database
from galley.store.connect import database as database_of
from galley.store.postgresql import _whole
from galley.store.settled import EVERYTHING, Settled
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from tests.galley.postgres import Cluster
from tests.galley.stores import ONLY_POSTGRESQL, ONLY_SQLITE
from tests.galley.world import START


def happen(session: Session, kind: EventKind = EventKind.RUN_CHANGED) -> int:
    return events.append(
        session,
        tenant="lab",
        kind=kind,
        subject=new_id(),
        pipeline="churn",
        data={},
        now=START,
    )


@pytest.fixture
def other(database: str) -> Iterator[Database]:
    """The same database, as another process has it."""
    opened = database_of(database)
    yield opened
    opened.dispose()


@contextmanager
def transaction(database: Database) -> Iterator[Session]:
    """A transaction of another process, as its writer begins it; rolled back unless committed."""
    with Session(database.writer) as session:
        database.begin(session.connection(), alone=False)
        yield session


def seen(store: Store, until: int) -> list[int]:
    return [one.id for one in store.read(lambda s: events.after(s, ["lab"], 0, until=until))]


@ONLY_SQLITE
def test_where_one_writes_at_a_time_everything_is_settled(store: Store) -> None:
    assert Settled(store).advance() == EVERYTHING


@ONLY_POSTGRESQL
def test_what_nobody_can_come_before_is_settled_at_once(store: Store) -> None:
    first = store.write(happen)
    assert Settled(store).advance() == first


@ONLY_POSTGRESQL
def test_an_event_waits_for_a_lower_one_that_is_not_committed(
    store: Store, other: Database
) -> None:
    settled = Settled(store)
    first = store.write(happen)
    assert settled.advance() == first
    with transaction(other) as late:
        lower = happen(late)
        higher = store.write(happen)
        assert lower < higher
        assert seen(store, EVERYTHING) == [first, higher], "a reader would skip the lower one"
        assert settled.advance() == first
        assert settled.advance() == first
        late.commit()
    assert settled.advance() == higher
    assert seen(store, higher) == [first, lower, higher]


@ONLY_POSTGRESQL
def test_one_that_began_later_may_take_its_id_earlier(store: Store, other: Database) -> None:
    first = store.write(happen)
    settled = Settled(store)
    assert settled.advance() == first
    taken: list[int] = []

    def slow(session: Session) -> int:
        """Its number is lower, its id higher, and it commits first."""
        if not taken:
            late = stack.enter_context(transaction(other))
            taken.append(happen(late))
        return happen(session)

    with ExitStack() as stack:
        higher = store.write(slow)
        assert taken[0] < higher
        assert settled.advance() == first
    assert settled.advance() == higher, "what was rolled back holds nothing up"
    assert seen(store, EVERYTHING) == [first, higher]


@ONLY_POSTGRESQL
def test_it_goes_on_while_there_is_always_somebody_writing(
    store: Store, database: str, other: Database
) -> None:
    third = database_of(database)
    settled = Settled(store)
    with transaction(other) as one:
        happen(one)
        first = store.write(happen)
        assert settled.advance() is None, "nothing is known yet"
        with transaction(third) as another:
            happen(another)
            one.commit()
            assert settled.advance() == first
    third.dispose()


@ONLY_POSTGRESQL
def test_an_open_transaction_of_another_database_holds_nothing_up(
    store: Store, cluster: Cluster
) -> None:
    settled = Settled(store)
    with cluster.database() as url:
        elsewhere = database_of(url)
        with transaction(elsewhere) as forgotten:
            happen(forgotten)
            first = store.write(happen)
            assert settled.advance() == first
        elsewhere.dispose()


@ONLY_POSTGRESQL
def test_a_transaction_of_another_role_is_waited_for(
    store: Store, database: str, cluster: Cluster, other: Database
) -> None:
    cluster.execute("DROP ROLE IF EXISTS plain")
    cluster.execute("CREATE ROLE plain LOGIN")
    plain = database_of(str(make_url(database).set(username="plain")))
    with transaction(other) as open_:
        number = open_.execute(text("SELECT pg_current_xact_id()::text")).scalar_one()
        store.write(happen)
        with Session(plain.reader) as session:
            assert plain.oldest_open(session) == int(number)
    plain.dispose()


@ONLY_POSTGRESQL
def test_it_tells_how_long_events_have_been_held(store: Store, other: Database) -> None:
    now = 100.0
    settled = Settled(store, lambda: now)
    store.write(happen)
    settled.advance()
    assert settled.held_s() == 0
    with transaction(other) as late:
        happen(late)
        store.write(happen)
        settled.advance()
        now += 40
        assert settled.held_s() == 40
    settled.advance()
    assert settled.held_s() == 0


@pytest.mark.parametrize(
    ("short", "near", "whole"),
    [
        (5, 9, 5),
        (9, 5, 9),
        (2**32 - 1, 2**32 + 3, 2**32 - 1),
        (3, 2**32 - 1, 2**32 + 3),
        (7, 5 * 2**32 + 9, 5 * 2**32 + 7),
    ],
)
@ONLY_SQLITE
def test_a_number_is_told_by_its_last_bits(
    short: int, near: int, whole: int, store_kind: str
) -> None:
    assert _whole(short, near) == whole
