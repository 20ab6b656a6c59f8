"""Schema migrations, run by the service itself when it starts."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from galley.errors import IncompatibleState
from galley.store.connect import Database

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to ``connection``."""
    result = Config()
    result.set_main_option("script_location", str(MIGRATIONS))
    result.attributes["connection"] = connection
    return result


def upgrade(database: Database) -> None:
    """Upgrade to the newest revision, in one transaction.

    Raises:
        IncompatibleState: the database is newer than this release, cannot be opened, or is none.
    """
    try:
        with database.writer.begin() as connection:
            database.lock_schema(connection)
            _refuse_newer(connection, database.shown)
            command.upgrade(config(connection), "head")
    except DatabaseError as error:
        raise database.unusable(error) from error


def _refuse_newer(connection: Connection, where: str) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if current is not None and current not in known:
        raise IncompatibleState(
            f"The database {where} has schema {current!r}, which this release of Galley does not "
            "know: it was written by a newer release. Install that release again, or restore a "
            "backup made with this one."
        )
