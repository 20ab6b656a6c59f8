"""Which database it is: the seam between the store and what databases do differently."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.orm import Session

from galley.errors import IncompatibleState, PublicError


class Database(ABC):
    """One database: two engines, and what differs from other kinds.

    Attributes:
        writer: its transactions change things; what they decide on cannot change under them.
        reader: each of its transactions sees one snapshot and cannot change anything.
        max_batch: callers that share one commit at most.
        tells: whether it tells of other processes' commits, see :meth:`notices`.
    """

    writer: Engine
    reader: Engine
    max_batch: int
    tells: bool

    def __init__(self, url: URL) -> None:
        self.url = url

    @property
    def shown(self) -> str:
        """The URL as it may be printed: without the password."""
        return shown(self.url)

    @abstractmethod
    def in_transaction(self, connection: Connection) -> bool:
        """Whether the database still holds the transaction open."""

    @abstractmethod
    def begin(self, connection: Connection, *, alone: bool) -> None:
        """Prepare the transaction of a writer, before anything is read in it.

        Args:
            alone: wait until no other process writes, and keep the others waiting.
        """

    @abstractmethod
    def try_again(self, error: BaseException, tries: int) -> bool:
        """Whether a transaction that failed with ``error`` may succeed if it is run once more.

        Args:
            tries: how often it was tried again before.
        """

    @abstractmethod
    def explain(self, error: BaseException) -> PublicError | None:
        """Return what to tell callers instead of ``error``; None: it speaks for itself."""

    @abstractmethod
    def announce(self, connection: Connection, sender: str) -> None:
        """Wake the listeners of other processes once this transaction is committed."""

    @abstractmethod
    def notices(self, every_s: float, ended: Callable[[], bool]) -> Iterator[str]:
        """Yield who announced a commit, of any process; look each ``every_s`` for the end."""

    @abstractmethod
    def numbered(self, session: Session, above: int) -> tuple[int, int] | None:
        """Return (id of the newest event, number that no transaction has yet).

        Taken in this order; the second is 0 where the first is not ``above``. None: events appear
        in the order of their ids.
        """

    @abstractmethod
    def oldest_open(self, session: Session) -> int:
        """Return the number below which every transaction of the database has ended."""

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Let only one process migrate; the next one waits here."""

    @abstractmethod
    def unusable(self, error: DatabaseError) -> IncompatibleState:
        """Return what to say where the database cannot be opened or migrated."""

    @abstractmethod
    def backup(self, target: Path) -> None:
        """Write a consistent copy to ``target`` while others go on working."""

    def dispose(self) -> None:
        """Give back every connection."""
        self.writer.dispose()
        self.reader.dispose()


_SECRET = frozenset({"password", "sslpassword", "passfile"})
"""Parameters of a URL that hold a password, or say where one lies."""


def shown(url: URL) -> str:
    """Return ``url`` as it may be printed: without any password."""
    hidden = {name: "***" if name in _SECRET else value for name, value in url.query.items()}
    return url.set(query=hidden).render_as_string()


def database(url: str) -> Database:
    """Return the database behind ``url``, without connecting.

    Raises:
        IncompatibleState: it is none that Galley keeps its state in.
    """
    from galley.store.postgresql import PostgreSQL
    from galley.store.sqlite import Sqlite

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise IncompatibleState(
            "The database URL cannot be read (it is not shown: it may hold a password): "
            f"use {_FORMS}."
        ) from error
    if "@" in (parsed.host or ""):
        raise IncompatibleState(
            "The database URL has more than one '@' (it is not shown: it may hold a password): "
            f"percent-encode the password, '@' is %40. Use {_FORMS}."
        )
    if parsed.drivername == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return Sqlite(parsed)
    if parsed.drivername in {"postgresql", "postgresql+psycopg"} and parsed.database:
        return PostgreSQL(parsed.set(drivername="postgresql+psycopg"))
    raise IncompatibleState(f"The database {shown(parsed)!r} is not supported: use {_FORMS}.")


_FORMS = "sqlite:////absolute/path.db or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
