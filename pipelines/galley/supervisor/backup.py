"""Back up a state directory while it is in use, and restore one.

What makes the copy consistent: the databases are copied first, each as one snapshot. Blobs,
executed notebooks and MLflow's artifacts are written before the row that names them and are not
changed afterwards, so whatever a snapshot names is found when the files are read after it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from galley.errors import GalleyError
from galley.store.connect import database
from galley.supervisor.database import on_server
from galley.supervisor.home import HomeLock, check_format, open_home
from galley.supervisor.plan import read_settings, settings_path

DATABASES = ("service/galley.db", "mlflow/mlflow.db", "hub/jupyterhub.sqlite")
PARTS = ("format.json", "tenants.yaml", "secrets", "hub", "service", "mlflow", "homes/users")
"""What is kept. Left out: logs, what lives as long as a process, datasets (the operator's own)."""

_SQLITE_SIDES = ("-wal", "-shm", "-journal")


def backup(home: Path, file: Path, *, files_only: bool = False) -> int:
    """Write the state in ``home`` to ``file`` (tar.gz, mode 0600) and return its size in bytes.

    Args:
        files_only: the service's database is on a server and was copied before, by its own tool.

    Raises:
        GalleyError: there is no state, ``file`` exists, or the database is on a server, or it
            cannot be told where it is.
    """
    home = home.absolute()
    if not (home / "format.json").exists():
        raise GalleyError(f"{home} holds no state of Galley: there is nothing to back up.")
    if file.exists():
        raise GalleyError(f"{file} exists: choose another name, nothing is overwritten.")
    if not files_only:
        _require_whole(home)
    partial = file.with_name(f".{file.name}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            os.fdopen(descriptor, "wb") as stream,
            tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3) as tar,
            tempfile.TemporaryDirectory(dir=file.absolute().parent) as folder,
        ):
            for name in DATABASES:
                if (home / name).exists():
                    snapshot = Path(folder) / "snapshot.db"
                    _snapshot(home / name, snapshot)
                    tar.add(snapshot, arcname=name)
                    snapshot.unlink()
            for path in _files(home):
                with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                    _add(tar, path, str(path.relative_to(home)))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return file.stat().st_size


def _require_whole(home: Path) -> None:
    """Raise where files alone are not, or perhaps not, the whole state."""
    settings = read_settings(home)
    if settings is None and settings_path(home).exists():
        raise GalleyError(
            f"{settings_path(home)} cannot be read by this release, so that it is not known where "
            "the service's state lies. Back up with the release that wrote it, or `galley up` once."
        )
    if settings is not None and settings.database_url is not None:
        shown: str | None = database(settings.database_url).shown
    else:
        shown = on_server(home)
    if shown is not None:
        raise GalleyError(
            f"The service's state lies in {shown}. First copy it with `pg_dump --format=custom "
            "--file=galley.dump DATABASE`, then the files with `galley backup --files-only FILE`: "
            "in this order everything that the copy names is among the files."
        )


def restore(file: Path, home: Path, *, force: bool = False) -> Path | None:
    """Put the state of a backup into ``home``; return where an earlier state was moved to.

    Raises:
        GalleyError: it is not a backup, or ``home`` is in use or not empty.
    """
    home = home.absolute()
    aside = None
    if home.exists() and any(home.iterdir()):
        if not force:
            raise GalleyError(
                f"{home} is not empty: restore into another GALLEY_HOME, or use --force, which "
                "moves what is there aside."
            )
        HomeLock(home).release()
        aside = home.with_name(f"{home.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    unpacked = home.with_name(f"{home.name}.restoring")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        _unpack(file, unpacked)
        check_format(unpacked)
        if aside is not None:
            home.rename(aside)
        elif home.exists():
            home.rmdir()
        unpacked.rename(home)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    open_home(home)
    return aside


def _snapshot(database: Path, copy: Path) -> None:
    """Copy a SQLite database as of one instant, whoever writes to it meanwhile."""
    with (
        closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)


def _files(home: Path) -> Iterator[Path]:
    """Yield what is copied as files: no databases, sockets or devices."""
    skipped = {home / f"{name}{side}" for name in DATABASES for side in ("", *_SQLITE_SIDES)}
    for part in PARTS:
        root = home / part
        if root.exists():
            yield root
            for path in sorted(root.rglob("*")) if root.is_dir() else ():
                if path not in skipped and (path.is_file() or path.is_dir() or path.is_symlink()):
                    yield path


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    if path.is_symlink() or not path.is_file():
        tar.add(path, arcname=name, recursive=False)
        return
    with path.open("rb") as source:
        info = tar.gettarinfo(arcname=name, fileobj=source)
        tar.addfile(info, Exactly(source, info.size))


class Exactly:
    """Reads exactly the announced number of bytes from a file that others may be writing to.

    tarfile stops in the middle of an archive when a file became shorter; the rest is zeros then.
    """

    def __init__(self, source: BinaryIO, size: int) -> None:
        self._source = source
        self._left = size

    def read(self, size: int = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end; all that is left for a negative size."""
        size = self._left if size < 0 else min(size, self._left)
        self._left -= size
        return self._source.read(size).ljust(size, b"\0")


def _unpack(file: Path, folder: Path) -> None:
    try:
        with tarfile.open(file, "r:gz") as tar:
            members = tar.getmembers()
            roots = {PurePosixPath(part).parts[0] for part in PARTS}
            strangers = [m.name for m in members if PurePosixPath(m.name).parts[0] not in roots]
            if strangers or "format.json" not in tar.getnames():
                raise GalleyError(f"{file} is not a backup of Galley.")
            folder.mkdir(mode=0o700)
            tar.extractall(folder, numeric_owner=True, filter=_owned)  # noqa: S202 (filtered)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise GalleyError(f"{file} cannot be restored: {error}") from error


def _owned(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """Refuse what leaves the folder; keep owners and modes, which the ``data`` filter drops."""
    checked = tarfile.tar_filter(member, folder)
    return checked.replace(uid=member.uid, gid=member.gid, mode=member.mode, deep=False)
