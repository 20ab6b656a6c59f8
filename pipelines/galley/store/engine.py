"""The store of a process: writes on one thread, reads on connections of their own."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy import make_url
from sqlalchemy.orm import Session

from galley.store import migrate
from galley.store.connect import sqlite_engine
from galley.store.writer import Writer

T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """State of the platform in one database.

    Args:
        url: ``sqlite:////absolute/path.db``.

    Raises:
        IncompatibleState: another kind of database is asked for.
    """

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._readers = sqlite_engine(url, writer=False)
        self._engine = sqlite_engine(url, writer=True)
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._writer: Writer | None = None

    def migrate(self) -> None:
        """Bring the database to this release's schema; create it where there is none.

        Raises:
            IncompatibleState: it was written by a newer release, or it is no database.
        """
        migrate.upgrade(self._engine)

    def submit(self, work: Callable[[Session], T]) -> Future[T]:
        """Queue a change; the future resolves once it is on disk."""
        with self._lock:
            if self._writer is None:
                self._writer = Writer(self._engine, self._committed)
            writer = self._writer
        if writer.is_current_thread:
            raise RuntimeError("a write function called store.write: pass its session on instead")
        return writer.submit(work)

    def write(self, work: Callable[[Session], T], timeout: float | None = None) -> T:
        """Run ``work`` in a transaction; return its result once it is on disk.

        An exception takes back what ``work`` changed, and only that, and is raised here.

        Args:
            timeout: seconds to wait for the result; None: as long as it takes.
        """
        return self.submit(work).result(timeout)

    def read(self, work: Callable[[Session], T]) -> T:
        """Run ``work`` on one snapshot of the database; it cannot change anything."""
        with Session(self._readers, expire_on_commit=False) as session:
            return work(session)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` on the writer's thread after each commit; return the way to stop.

        It wakes live pages of this process; those of other processes look now and then.
        """
        with self._lock:
            self._listeners.append(callback)

        def stop() -> None:
            with self._lock:
                if callback in self._listeners:
                    self._listeners.remove(callback)

        return stop

    def backup(self, target: Path) -> None:
        """Write a consistent copy of the database to ``target`` while others go on working."""
        assert self._url.database is not None
        with (
            closing(sqlite3.connect(self._url.database)) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)

    def close(self) -> None:
        """Finish queued writes and give back every connection."""
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.close()
        self._engine.dispose()
        self._readers.dispose()

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
                    self._listeners.remove(listener)
