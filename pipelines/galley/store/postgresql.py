"""PostgreSQL: where the service runs as several processes or on several hosts.

Write functions decide on what they read. On SQLite nobody else writes meanwhile; here writers of
several processes work at the same time, in SERIALIZABLE transactions: PostgreSQL commits only
what could have happened one after another, and refuses the rest, which is run again from its
beginning. Within a process one connection writes, in groups as on SQLite: its callers cannot lose
against each other, and they share the flush of a commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.string import StrDumper
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from galley.errors import IncompatibleState, PublicError, Unavailable
from galley.store.connect import Database

_CONNECT: dict[str, str | int] = {
    "application_name": "galley",
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Of every connection, unless the URL says otherwise. Seconds; the last one milliseconds. A server
whose host vanishes sends nothing, not even that it ended: it counts as gone after about 10 s."""

LOCK_TIMEOUT = "30s"
"""How long a writer waits for the writer of another process."""

STUCK = "10s"
"""A process that stops within a transaction loses it after this time, and with it its locks."""

CHANNEL = "galley"
"""What writers notify and listeners listen to."""

OLDEST = (13,)
"""The oldest version of the server that has what is asked of it here."""

MAX_TRIES = 8

_RACES = frozenset({"40001", "40P01"})
"""Serialization failure, deadlock."""

_UNIQUE = "23505"
_LOCKED = "55P03"
"""Waited for a lock longer than LOCK_TIMEOUT."""

_DOWN = ("08", "57P", "53300", "25P03")
"""No connection; the server stops, starts or recovers; it has too many clients; it ended us."""

_SCHEMA_LOCK = 0x6A11E7

_GATE = "alembic_version"
"""The table whose lock stands for all writing; no write function touches it."""


class PostgreSQL(Database):
    """A database of a PostgreSQL server, in UTF-8."""

    # More than 64 savepoints that wrote make every other session's snapshots slower.
    max_batch = 60
    tells = True

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self.writer = _engine(url, writer=True)
        self.reader = _engine(url, writer=False)

    def in_transaction(self, connection: Connection) -> bool:
        """Whether the transaction is still open and usable."""
        if connection.invalidated:
            return False
        driver_connection: Any = connection.connection.driver_connection
        status = driver_connection.info.transaction_status
        return bool(status == TransactionStatus.INTRANS)

    def begin(self, connection: Connection, *, alone: bool) -> None:
        """Number the transaction before any event of it is, see :mod:`galley.store.settled`.

        A transaction that lost several races waits until it is alone. All writers pass one gate
        before they hold anything else, so that whoever waits there is in nobody's way: locking
        the tables themselves, one after another, was a deadlock with each writer in between, a
        second each. LOCK takes no snapshot, so what it sees then is what it stays alone with.
        """
        mode = "EXCLUSIVE" if alone else "ROW SHARE"
        connection.exec_driver_sql(
            f"LOCK TABLE {_GATE} IN {mode} MODE; SELECT pg_current_xact_id()"
        )

    def try_again(self, error: BaseException, tries: int) -> bool:
        """Whether another one was faster, or the server is away for a moment.

        A row that came after the snapshot violates a unique key without being seen; the second
        time it is seen, and what is a defect of the caller then fails in the same way again.
        """
        for one in _causes(error):
            state = _state(one)
            if state in _RACES or _is_down(one):
                return tries < MAX_TRIES
            if state == _UNIQUE:
                return tries == 0
        return False

    def explain(self, error: BaseException) -> PublicError | None:
        """Return that the database does not answer, is held, or that others always were faster."""
        for one in _causes(error):
            if _is_down(one):
                return Unavailable(
                    "The database does not answer. Try again; the platform's operator finds the "
                    "reason in the service's log."
                )
            if _state(one) in _RACES:
                return Unavailable("Too many changes happen at the same time. Try again.")
            if _state(one) == _LOCKED:
                return Unavailable(
                    f"Something else has held the database for more than {LOCK_TIMEOUT}. Try again."
                )
        return None

    def announce(self, connection: Connection, sender: str) -> None:
        """Notify: it is sent with the commit. ``sender`` lets a process leave out its own."""
        connection.exec_driver_sql("SELECT pg_notify(%s, %s)", (CHANNEL, sender))

    def notices(self, every_s: float, ended: Callable[[], bool]) -> Iterator[str]:
        """Yield who committed, on a connection that does nothing else."""
        connected = self.reader.dialect.create_connect_args(self.url)[1]
        with psycopg.connect(**_CONNECT | dict(connected), autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            while not ended():
                for notice in connection.notifies(timeout=every_s):
                    yield notice.payload

    def numbered(self, session: Session, above: int) -> tuple[int, int]:
        """Return (id of the newest event, number of this transaction, which is the newest)."""
        newest = session.scalar(
            text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq")
        )
        assert isinstance(newest, int)
        if newest <= above:
            return newest, 0
        # A snapshot does not tell it: its xmax is that of the newest transaction that ended.
        return newest, _number(session, "pg_current_xact_id()")

    def oldest_open(self, session: Session) -> int:
        """Return the number below which every transaction of this database has ended.

        A snapshot's xmin counts those of the server's other databases too, where somebody else's
        open session would hold up everything. What is below its xmax had begun before we look.
        """
        row = session.execute(text(_OPEN_HERE)).one()
        top = int(row.top)
        return min([top, *(_whole(int(short), top) for short in row.open or ())])

    def lock_schema(self, connection: Connection) -> None:
        """Wait for another process that migrates, and see then what it has left.

        Raises:
            IncompatibleState: the server is too old, or the database does not hold UTF-8.
        """
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        version = connection.dialect.server_version_info
        if version is not None and version < OLDEST:
            raise IncompatibleState(
                f"The server of {self.shown} is PostgreSQL {version[0]}: Galley needs "
                f"{OLDEST[0]} or newer."
            )
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise IncompatibleState(
                f"The database {self.shown} keeps text as {encoding}: Galley needs UTF8. Make "
                "another one: CREATE DATABASE galley ENCODING 'UTF8' TEMPLATE template0."
            )
        # The other one migrates as long as it takes; what it then holds back is not waited for so.
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")

    def unusable(self, error: DatabaseError) -> IncompatibleState:
        """Return what to say where the server cannot be reached, refuses us or makes us wait."""
        if any(_state(one) == _LOCKED for one in _causes(error)):
            return IncompatibleState(
                f"The database {self.shown} cannot be migrated: something else has held one of its "
                f"tables for more than {LOCK_TIMEOUT}. End what works on it, such as another "
                "release of Galley or an open session of psql, and start again."
            )
        return IncompatibleState(
            f"The database {self.shown} cannot be used: {_one_line(error)}. Check that the "
            "server runs, that host, port, name, user and password in GALLEY_DATABASE_URL are "
            "right, and that the user may create tables in that database."
        )

    def backup(self, target: Path) -> None:
        """Refuse: PostgreSQL's own tool does it.

        Raises:
            IncompatibleState: always; it names the command.
        """
        raise IncompatibleState(
            f"The state lies in PostgreSQL ({self.shown}): make the copy with "
            f"`pg_dump --format=custom --file={target} DATABASE`, and bring it back with "
            "`pg_restore`."
        )


class _WithoutNul(StrDumper):
    """Text without NUL, which PostgreSQL cannot keep: notebooks print and raise what they like."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def _engine(url: URL, *, writer: bool) -> Engine:
    engine = create_engine(
        url,
        connect_args={name: it for name, it in _CONNECT.items() if name not in url.query},
        pool_size=1 if writer else 8,
        max_overflow=0 if writer else 24,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.adapters.register_dumper(str, _WithoutNul)
        connection.autocommit = True
        for name, value in (
            ("lock_timeout", LOCK_TIMEOUT),
            ("idle_in_transaction_session_timeout", STUCK),
        ):
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        # A commit that was answered is on disk, whatever the server's default is.
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.autocommit = False
        connection.isolation_level = (
            psycopg.IsolationLevel.SERIALIZABLE
            if writer
            else psycopg.IsolationLevel.REPEATABLE_READ
        )
        connection.read_only = not writer

    return engine


_OPEN_HERE = """
    SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS top, (
        SELECT array_agg(number::text) FROM (
            SELECT backend_xid AS number FROM pg_stat_activity
            WHERE datname = current_database() AND backend_xid IS NOT NULL
            UNION ALL
            SELECT transaction FROM pg_prepared_xacts WHERE database = current_database()
        ) AS found
    ) AS open
"""
"""Every role sees these columns of all sessions, others than its own as well."""


def _whole(short: int, near: int) -> int:
    """Return the number whose last 32 bits are ``short``, less than 2³¹ away from ``near``."""
    return near + (short - near + 2**31) % 2**32 - 2**31


def _number(session: Session, of: str) -> int:
    return int(session.execute(text(f"SELECT {of}::text")).scalar_one())


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield ``error`` and what it was raised from."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__ or one.__context__


def _state(error: BaseException) -> str | None:
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def _is_down(error: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _state(error)
    # The driver found no server, or lost it: then there is no code of the server's.
    alone = isinstance(error, psycopg.OperationalError) and state is None
    return alone or (state or "").startswith(_DOWN)


def _one_line(error: DatabaseError) -> str:
    return " ".join(str(error.orig).split())
