"""Engines: how this process talks to its database. Only SQLite for now."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url

from galley.errors import IncompatibleState

BUSY_TIMEOUT_S = 30
"""How long a writer waits for the writer of another process, seconds."""


def sqlite_engine(url: str, *, writer: bool) -> Engine:
    """Return an engine whose transactions are ``BEGIN IMMEDIATE`` (writer) or snapshots (reader).

    The driver's own transaction handling is switched off: it would not lock before the first
    change, so that two processes could both read and then both decide.

    Raises:
        IncompatibleState: ``url`` is not an SQLite URL.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in {None, "", ":memory:"}:
        raise IncompatibleState(
            f"The database {parsed.render_as_string()!r} is not supported: "
            "use sqlite:////absolute/path.db."
        )
    engine = create_engine(
        parsed,
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
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def in_transaction(connection: Connection) -> bool:
    """Whether the database still holds the transaction open.

    After a full disk or an I/O error SQLite may roll back everything by itself; SQLAlchemy does
    not hear of it.
    """
    driver_connection: Any = connection.connection.driver_connection
    return bool(driver_connection.in_transaction)
