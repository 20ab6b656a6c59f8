"""The service's database, where it is not a file in the state directory."""

from __future__ import annotations

from contextlib import closing

from sqlalchemy import select

from galley.domain.settings import Settings
from galley.errors import IncompatibleState
from galley.store import Store
from galley.store.records import SecretRow
from galley.supervisor.refusal import Refusal


def prepare_database(settings: Settings) -> None:
    """Reach the server and migrate, before anything starts: what is wrong is said here.

    Raises:
        Refusal: the database cannot be used.
    """
    if settings.database_url is None:
        return
    try:
        with closing(Store(settings.database_url)) as store:
            store.migrate()
    except IncompatibleState as error:
        raise Refusal(str(error)) from error


def holds_secrets(url: str) -> bool:
    """Return whether a migrated database holds a sealed value; raises Unavailable."""
    with closing(Store(url)) as store:
        return store.read(lambda s: s.scalar(select(SecretRow.name).limit(1))) is not None
