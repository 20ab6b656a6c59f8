"""Backups of a state directory that is in use, and what a restore refuses."""

from __future__ import annotations

import sqlite3
import stat
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from galley.errors import GalleyError
from galley.supervisor.backup import Exactly, backup, restore
from galley.supervisor.home import HomeLock


def rows(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM notes ORDER BY rowid")]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    for folder in (
        "secrets",
        "hub",
        "service/blobs",
        "mlflow/artifacts",
        "homes/users/ann",
        "logs",
    ):
        (home / folder).mkdir(parents=True)
    (home / "format.json").write_text('{"format": 1}\n')
    (home / "secrets" / "cookie-secret").write_text("s3cret")
    (home / "service" / "blobs" / "ab").write_bytes(b"blob")
    (home / "homes" / "users" / "ann" / "work.ipynb").write_text("{}")
    (home / "logs" / "hub.log").write_text("not kept")
    return home


@pytest.fixture
def writer(home: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(home / "service" / "galley.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE notes (text)")
    connection.execute("INSERT INTO notes VALUES ('committed')")
    connection.commit()
    return connection


def test_a_backup_holds_what_was_committed_while_a_writer_is_in_the_middle(
    home: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    writer.execute("INSERT INTO notes VALUES ('not committed')")
    backup(home, tmp_path / "state.tar.gz")
    writer.rollback()
    restored = tmp_path / "restored"
    assert restore(tmp_path / "state.tar.gz", restored) is None
    assert rows(restored / "service" / "galley.db") == ["committed"]
    assert (restored / "service" / "blobs" / "ab").read_bytes() == b"blob"
    assert (restored / "secrets" / "cookie-secret").read_text() == "s3cret"
    assert (restored / "homes" / "users" / "ann" / "work.ipynb").exists()
    assert not (restored / "logs").exists()


def test_only_its_owner_reads_a_backup(home: Path, tmp_path: Path) -> None:
    backup(home, tmp_path / "state.tar.gz")
    assert stat.S_IMODE((tmp_path / "state.tar.gz").stat().st_mode) == 0o600


def test_a_backup_overwrites_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "state.tar.gz").write_text("mine")
    with pytest.raises(GalleyError, match="exists"):
        backup(home, tmp_path / "state.tar.gz")
    assert (tmp_path / "state.tar.gz").read_text() == "mine"


def test_there_is_nothing_to_back_up_in_another_folder(tmp_path: Path) -> None:
    with pytest.raises(GalleyError, match="holds no state"):
        backup(tmp_path, tmp_path / "state.tar.gz")


def test_a_restore_refuses_a_folder_with_something_in_it(home: Path, tmp_path: Path) -> None:
    backup(home, tmp_path / "state.tar.gz")
    with pytest.raises(GalleyError, match="not empty"):
        restore(tmp_path / "state.tar.gz", home)
    assert (home / "logs" / "hub.log").exists()


def test_force_moves_the_earlier_state_aside(home: Path, tmp_path: Path) -> None:
    backup(home, tmp_path / "state.tar.gz")
    (home / "service" / "blobs" / "cd").write_bytes(b"later")
    aside = restore(tmp_path / "state.tar.gz", home, force=True)
    assert aside is not None
    assert (aside / "service" / "blobs" / "cd").exists()
    assert not (home / "service" / "blobs" / "cd").exists()


def test_a_restore_refuses_state_that_is_in_use(home: Path, tmp_path: Path) -> None:
    backup(home, tmp_path / "state.tar.gz")
    lock = HomeLock(home)
    try:
        with pytest.raises(GalleyError, match="another `galley up`"):
            restore(tmp_path / "state.tar.gz", home, force=True)
    finally:
        lock.release()


@pytest.mark.parametrize("name", ["../escape", "etc/passwd"])
def test_a_restore_refuses_another_archive(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "file", arcname="format.json")
        tar.add(tmp_path / "file", arcname=name)
    with pytest.raises(GalleyError, match="not a backup"):
        restore(tmp_path / "other.tar.gz", tmp_path / "restored")
    assert not (tmp_path / "restored").exists()
    assert not (tmp_path / "escape").exists()


def test_a_file_that_shrinks_meanwhile_breaks_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "notebook"
    path.write_bytes(b"shortened")
    with path.open("rb") as source:
        exactly = Exactly(source, 12)
        assert exactly.read(10) == b"shortened\0"
        assert exactly.read() == b"\0\0"
        assert exactly.read(4) == b""
