"""The store of a process: writes on one thread, reads on connections of their own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from galley.store import migrate
from galley.store.connect import database
from galley.store.notices import Notices
from galley.store.writer import Writer

T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """State of the platform in one database.

    Args:
        url: ``sqlite:////absolute/path.db`` or ``postgresql+psycopg://…``.

    Raises:
        IncompatibleState: another kind of database is asked for.
    """

    def __init__(self, url: str) -> None:
        self._database = database(url)
        self._name = uuid4().hex
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._writer: Writer | None = None
        self._notices: Notices | None = None

    def migrate(self) -> None:
        """Bring the database to this release's schema; create it where there is none.

        Raises:
            IncompatibleState: it was written by a newer release, it is no database, or it cannot
                be reached.
        """
        migrate.upgrade(self._database)

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Queue a change; the future resolves once it is on disk.

        ``work`` may run more than once (only its last run holds): it changes nothing but rows.
        """
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self._database, self._name, self._committed)
            writer = self._writer
        if writer.is_current_thread:
            raise RuntimeError("a write function called store.write: pass its session on instead")
        return writer.submit(work)

    def write(self, work: Callable[[Session], T], timeout: float | None = None) -> T:
        """Run ``work`` in a transaction; return its result once it is on disk.

        An exception takes back what ``work`` changed, and only that, and is raised here.

        Args:
            timeout: seconds to wait for the result; None: as long as it takes.

        Raises:
            Unavailable: the database does not answer.
        """
        return self.submit(work).result(timeout)

    def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` on one snapshot of the database; it cannot change anything.

        Raises:
            Unavailable: the database does not answer.
        """
        tries = 0
        while True:
            try:
                with Session(self._database.reader, expire_on_commit=False) as session:
                    return work(session)
            except DBAPIError as error:
                # A server that was restarted shows in every connection once.
                again = error.connection_invalidated and self._database.try_again(error, tries)
                if not again:
                    raise self._database.explain(error) or error from error
            tries += 1

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` on a thread of the store when there are new events; return how to stop.

        It wakes live pages: on PostgreSQL those of other processes too; on SQLite those look now
        and then.
        """
        with self._lock:
            self._listeners.append(callback)
            if self._notices is None:
                self._notices = Notices(self._database, self._name, self._committed)

        def stop() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def numbered(self, above: int) -> tuple[int, int] | None:
        """Ask the database, see :class:`galley.store.settled.Settled`."""
        return self.read(lambda session: self._database.numbered(session, above))

    def oldest_open(self) -> int:
        """Ask the database, see :class:`galley.store.settled.Settled`."""
        return self.read(self._database.oldest_open)

    def backup(self, target: Path) -> None:
        """Write a consistent copy of the database to ``target`` while others go on working.

        Raises:
            IncompatibleState: PostgreSQL has its own tool for that.
        """
        self._database.backup(target)

    def close(self) -> None:
        """Finish queued writes and give back every connection."""
        with self._lock:
            writer, notices = self._writer, self._notices
        if writer is not None:
            writer.close()
        if notices is not None:
            notices.close()
        self._database.dispose()

    def _committed(self) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener()
            except RuntimeError:
                # Its event loop has ended. Whoever is woken in vain must not stop the writer.
                log.warning("A listener of the store failed and is left out", exc_info=True)
                with self._lock:
                    if listener in self._listeners:
                        self._listeners.remove(listener)
