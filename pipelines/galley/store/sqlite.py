"""SQLite: the embedded default, for one machine. One writer at a time, whoever it is."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from galley.errors import IncompatibleState, PublicError, Unavailable
from galley.store.connect import Database

BUSY_TIMEOUT_S = 30
"""How long a writer waits for the writer of another process, seconds."""

TRY_S = 0.004
"""A waiting writer tries again after this time at most, seconds."""


class Sqlite(Database):
    """A file in WAL mode with full durability."""

    max_batch = 256
    tells = False

    def __init__(self, url: URL) -> None:
        super().__init__(url)
        self.writer = _engine(url, writer=True)
        self.reader = _engine(url, writer=False)

    def in_transaction(self, connection: Connection) -> bool:
        """Whether the transaction is still open.

        After a full disk or an I/O error SQLite may roll back everything by itself; SQLAlchemy
        does not hear of it.
        """
        driver_connection: Any = connection.connection.driver_connection
        return bool(driver_connection.in_transaction)

    def begin(self, connection: Connection, *, alone: bool) -> None:
        """Do nothing: ``BEGIN IMMEDIATE`` has waited for every other writer."""

    def try_again(self, error: BaseException, tries: int) -> bool:  # noqa: ARG002
        """Return False: who holds the lock loses no race."""
        return False

    def explain(self, error: BaseException) -> PublicError | None:
        """Return that the file is held, or that the disk is full: both may pass."""
        match getattr(getattr(error, "orig", error), "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY:
                return Unavailable(
                    f"Something else has held the database for more than {BUSY_TIMEOUT_S} s. "
                    "Try again."
                )
            case sqlite3.SQLITE_FULL:
                return Unavailable(
                    "The change cannot be saved: the database's disk is full. Try again once the "
                    "platform's operator has made room."
                )
        return None

    def announce(self, connection: Connection, sender: str) -> None:
        """Do nothing: other processes look once a second."""

    def notices(self, every_s: float, ended: Callable[[], bool]) -> Iterator[str]:  # noqa: ARG002
        """Yield nothing."""
        return iter(())

    def numbered(self, session: Session, above: int) -> None:
        """Return None: one writer at a time numbers its events and commits."""

    def oldest_open(self, session: Session) -> int:  # noqa: ARG002
        """Return 0: transactions have no numbers."""
        return 0

    def lock_schema(self, connection: Connection) -> None:
        """Do nothing: ``BEGIN IMMEDIATE`` has."""

    def unusable(self, error: DatabaseError) -> IncompatibleState:
        """Return what to say of a file that is not there, cannot be written or is something else"""
        where = self.url.database
        if isinstance(error, OperationalError):
            return IncompatibleState(
                f"The database {where} cannot be opened: {error.orig}. "
                "Check that its folder exists, is writable and has free space."
            )
        return IncompatibleState(
            f"The file {where} is not a database of Galley ({error.orig}). "
            "Move it away, or restore a backup with `galley restore`."
        )

    def backup(self, target: Path) -> None:
        """Write a consistent copy to ``target`` while others go on working."""
        assert self.url.database is not None
        with (
            closing(sqlite3.connect(self.url.database)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)


def _engine(url: URL, *, writer: bool) -> Engine:
    """Return an engine whose transactions are ``BEGIN IMMEDIATE`` (writer) or snapshots (reader).

    The driver's own transaction handling is switched off: it would not lock before the first
    change, so that two processes could both read and then both decide.
    """
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=1 if writer else 8,
        max_overflow=0 if writer else 24,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        if writer:
            cursor.execute("PRAGMA journal_mode = WAL")
        else:
            cursor.execute("PRAGMA query_only = ON")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if writer:
            cursor.execute("PRAGMA busy_timeout = 0")  # see _lock
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if writer:
            _lock(connection)
        else:
            connection.exec_driver_sql("BEGIN")

    return engine


def _lock(connection: Connection) -> None:
    """Begin to write; wait for the writers of other processes.

    SQLite's own waiting asks less and less often, up to ten times a second: where several
    processes write much, who has waited longest is passed by newcomers until it is too late for
    its lease. Here all ask equally often.
    """
    driver_connection: Any = connection.connection.driver_connection
    until = time.monotonic() + BUSY_TIMEOUT_S
    while time.monotonic() < until:
        try:
            driver_connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                break
            time.sleep(random.uniform(TRY_S / 4, TRY_S))  # noqa: S311
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")
