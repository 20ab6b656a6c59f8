"""Schema migrations, run by the service itself when it starts."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from galley.errors import IncompatibleState

MIGRATIONS = Path(__file__).parent / "migrations"


def config(connection: Connection | None = None) -> Config:
    """Return Alembic's configuration, bound to ``connection``."""
    result = Config()
    result.set_main_option("script_location", str(MIGRATIONS))
    result.attributes["connection"] = connection
    return result


def upgrade(engine: Engine) -> None:
    """Upgrade to the newest revision, in one transaction.

    Raises:
        IncompatibleState: the database is newer than this release, cannot be opened, or is none.
    """
    where = engine.url.database
    try:
        with engine.begin() as connection:
            _refuse_newer(connection, where)
            command.upgrade(config(connection), "head")
    except OperationalError as error:
        raise IncompatibleState(
            f"The database {where} cannot be opened: {error.orig}. "
            "Check that its folder exists, is writable and has free space."
        ) from error
    except DatabaseError as error:
        raise IncompatibleState(
            f"The file {where} is not a database of Galley ({error.orig}). "
            "Move it away, or restore a backup with `galley restore`."
        ) from error


def _refuse_newer(connection: Connection, where: str | None) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if current is not None and current not in known:
        raise IncompatibleState(
            f"The database {where} has schema {current!r}, which this release of Galley does not "
            "know: it was written by a newer release. Install that release again, or restore a "
            "backup made with this one."
        )
