"""The service's database, where it is not a file in the state directory."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url, select

from galley.domain.settings import Settings
from galley.errors import IncompatibleState
from galley.store import Store
from galley.store import carry_over as store_carry_over
from galley.store.connect import database
from galley.store.records import SecretRow
from galley.supervisor.home import HomeLock, write_private
from galley.supervisor.refusal import Refusal

_RECORD = "service/database"
"""Names the server's database that the files belong to; a backup of the files holds it too."""

_FILE = "service/galley.db"


def require_same(home: Path, url: str | None, *, new: bool) -> None:
    """Do nothing where ``url`` is the database that the state in ``home`` belongs to, or none is.

    Args:
        url: None: the file in the state directory.
        new: another one is meant.

    Raises:
        Refusal: it would start without what was approved and what has run.
    """
    last, now = _last(home), _place(url)
    if last is not None and last != now and not new:
        raise Refusal(
            f"the state in {home} belongs to the database {last}, but GALLEY_DATABASE_URL "
            f"{'is not set' if url is None else f'names {now}'}: the pipelines, approvals and runs "
            "would be missing. Name the same one as before; or, if it has moved or you do want "
            "another one, add --new-database."
        )


def on_server(home: Path) -> str | None:
    """Return the server's database that the state in ``home`` belongs to, as people may see it."""
    record = home / _RECORD
    return record.read_text(encoding="utf-8").strip() if record.exists() else None


def _last(home: Path) -> str | None:
    return on_server(home) or (_place(None) if (home / _FILE).exists() else None)


def _place(url: str | None) -> str:
    """Return the kind, host and name of a database; who connects, and how, may change."""
    if url is None:
        return f"SQLite {_FILE}"
    parsed = make_url(url)
    asked = parsed.normalized_query
    host = parsed.host or ",".join(asked.get("host") or asked.get("service") or ())
    port = parsed.port or ",".join(asked.get("port", ())) or 5432
    return f"PostgreSQL {host}:{port}/{parsed.database}"


def prepare_database(settings: Settings) -> None:
    """Reach the server and migrate, before anything starts: what is wrong is said here.

    Raises:
        Refusal: the database cannot be used.
    """
    record = settings.home / _RECORD
    if settings.database_url is None:
        record.unlink(missing_ok=True)
        return
    try:
        with closing(Store(settings.database_url)) as store:
            store.migrate()
    except IncompatibleState as error:
        raise Refusal(str(error)) from error
    write_private(record, _place(settings.database_url) + "\n")


def carry_over(home: Path, url: str) -> dict[str, int]:
    """Copy the state's database into the empty one on a server; return table → rows.

    The state belongs to that one from then on; the file stays as it is.

    Raises:
        Refusal: a platform works on the state, there is none, or it is on a server already.
        IncompatibleState, GalleyError: as :func:`galley.store.carry_over.carry_over`.
    """
    home = home.expanduser().absolute()
    file = home / _FILE
    place = on_server(home)
    if place is not None:
        raise Refusal(f"the state in {home} lies in {place} already: only a file is carried over")
    if not file.exists():
        raise Refusal(f"{file} is not there: {home} holds no state that could be carried over")
    target = database(url)
    if target.url.get_backend_name() == "sqlite":
        raise Refusal(f"GALLEY_DATABASE_URL names the file {target.shown}: name a PostgreSQL one")
    lock = HomeLock(home)
    source = database(f"sqlite:///{file}")
    try:
        counts = store_carry_over.carry_over(source, target)
        write_private(home / _RECORD, _place(url) + "\n")
    finally:
        source.dispose()
        target.dispose()
        lock.release()
    return counts


def holds_secrets(url: str) -> bool:
    """Return whether a migrated database holds a sealed value; raises Unavailable."""
    with closing(Store(url)) as store:
        return store.read(lambda s: s.scalar(select(SecretRow.name).limit(1))) is not None
