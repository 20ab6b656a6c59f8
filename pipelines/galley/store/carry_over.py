"""Carrying a whole state over into an empty database of another kind, in one transaction."""

from __future__ import annotations

from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Table, func, insert, inspect, select, text
from sqlalchemy.exc import DatabaseError, OperationalError

from galley.errors import GalleyError, IncompatibleState
from galley.store import backfill_tables, migrate, records, trigger_tables
from galley.store.connect import Database
from galley.store.tables import Base

_MODULES = (backfill_tables, records, trigger_tables)
"""Importing them is what adds their tables to the metadata."""

AT_A_TIME = 1000
"""Rows that are read and written at a time."""


def carry_over(source: Database, target: Database) -> dict[str, int]:
    """Copy every row of ``source`` into ``target``; return table → rows.

    Nobody may write to either of them meanwhile. Either all is there in the end or nothing.

    Args:
        target: a PostgreSQL database without tables, or with those of this release and no row.

    Raises:
        IncompatibleState: one of them cannot be used, has another schema, or the target holds
            something already.
        GalleyError: not all has arrived.
    """
    try:
        with source.reader.connect() as old:
            _require_current(old, source.shown)
            with target.writer.begin() as new:
                target.lock_schema(new)
                new.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
                _make_ready(new, target.shown)
                counts = {
                    table.name: _copy(old, new, table) for table in Base.metadata.sorted_tables
                }
                _go_on_counting(old, new)
                return counts
    except DatabaseError as error:
        of_source = isinstance(error.orig, source.reader.dialect.loaded_dbapi.Error)
        if isinstance(error, OperationalError) and not of_source:
            raise target.unusable(error) from error
        reason = " ".join(str(error.orig).split())
        raise IncompatibleState(
            f"The state cannot be carried over: {(source if of_source else target).shown} says: "
            f"{reason}. Nothing was changed."
        ) from error


def _require_current(connection: Connection, where: str) -> None:
    found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(migrate.config()).get_current_head()
    if found != wanted:
        raise IncompatibleState(
            f"The database {where} has schema {found or 'none'}, this release has {wanted}: "
            "nothing was changed. Start this release with it once, `galley up`, which migrates it, "
            "and stop it again."
        )


def _make_ready(connection: Connection, where: str) -> None:
    """Make the tables where there are none; refuse what holds anything."""
    tables = inspect(connection).get_table_names()
    if not tables:
        command.upgrade(migrate.config(connection), "head")
        return
    if "alembic_version" not in tables:
        raise IncompatibleState(
            f"The database {where} is not empty, it has the table {min(tables)!r}: nothing was "
            "changed. Make a new one for the state."
        )
    _require_current(connection, where)
    for table in Base.metadata.sorted_tables:
        rows = _count(connection, table)
        if rows:
            raise IncompatibleState(
                f"The database {where} is not empty, its table {table.name!r} has {rows:,} rows: "
                "nothing was changed. Make a new one for the state."
            )


def _copy(old: Connection, new: Connection, table: Table) -> int:
    rows = old.execution_options(yield_per=AT_A_TIME).execute(select(table)).mappings()
    for some in rows.partitions():
        new.execute(insert(table), [dict(row) for row in some])
    there, here = _count(old, table), _count(new, table)
    if there != here:
        raise GalleyError(
            f"{here:,} of {there:,} rows of the table {table.name!r} have arrived: nothing was "
            "changed. Is something else writing to one of the databases?"
        )
    return here


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _go_on_counting(old: Connection, new: Connection) -> None:
    """Let ids that count up go on above all that there were, those of rows that are gone too."""
    counted = old.execute(text("SELECT name, seq FROM sqlite_sequence"))
    last: dict[str, int] = {name: number for name, number in counted}  # noqa: C416 (typed)
    for table in Base.metadata.sorted_tables:
        if table.autoincrement_column is not None and last.get(table.name):
            new.execute(
                text("SELECT setval(pg_get_serial_sequence(:table, :column), :last)"),
                {
                    "table": table.name,
                    "column": table.autoincrement_column.name,
                    "last": last[table.name],
                },
            )
