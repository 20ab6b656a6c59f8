"""Nothing but plain files and folders of such is copied, whatever a task makes of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest
from galley.inside.outbox.within import Refused
from galley.run.copies import MAX_DEPTH, copy, size_of

pytestmark = pytest.mark.timeout(20)


class Folders:
    """Two folders; what is made in the first one is copied to the second."""

    def __init__(self, folder: Path) -> None:
        self.one, self.two = folder / "one", folder / "two"
        for path in (self.one, self.two):
            path.mkdir()
        self.fds = [os.open(path, os.O_PATH) for path in (self.one, self.two)]

    def size(self, name: str = "x") -> int:
        """Return the size of what is to be copied."""
        return size_of(self.fds[0], PurePath("products", name))

    def copy(self, name: str = "x", most: int = 100) -> int:
        """Copy it."""
        return copy(self.fds[0], PurePath("products", name), self.fds[1], "y", most)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Folders]:
    made = Folders(tmp_path)
    yield made
    for fd in made.fds:
        os.close(fd)


def test_files_and_folders_are_copied(folders: Folders) -> None:
    (folders.one / "x" / "a" / "b").mkdir(parents=True)
    (folders.one / "x" / "a" / "b" / "c").write_text("12345")
    (folders.one / "x" / "d").write_text("67")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert (folders.size(), folders.copy(most=7)) == (7, 7)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
    assert (folders.two / "y" / "a" / "b" / "c").read_text() == "12345"
    assert (folders.two / "y" / "d").read_text() == "67"


def test_what_is_not_there_is_said(folders: Folders) -> None:
    with pytest.raises(FileNotFoundError):
        folders.size()
    with pytest.raises(FileNotFoundError):
        folders.copy()


@pytest.mark.parametrize("inner", ["x", "x/inner"])
def test_links_and_pipes_are_refused(folders: Folders, inner: str, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("key")
    path = folders.one / inner
    path.parent.mkdir(exist_ok=True)
    for leads_to in ("secret", "secret/file", "none"):
        path.symlink_to(tmp_path / leads_to)
        for does in (folders.size, folders.copy):
            with pytest.raises(Refused, match=f"products/{inner} is a link"):
                does()
        path.unlink()
        shutil.rmtree(folders.two / "y", ignore_errors=True)
    os.mkfifo(path)
    for does in (folders.size, folders.copy):
        with pytest.raises(Refused, match=f"products/{inner} is neither a file nor a folder"):
            does()


def test_a_copy_is_not_made_where_a_link_leads(folders: Folders, tmp_path: Path) -> None:
    (folders.one / "x").write_text("12345")
    (folders.two / "y").symlink_to(tmp_path / "made")
    with pytest.raises(FileExistsError):
        folders.copy()
    assert not (tmp_path / "made").exists()


def test_a_copy_has_no_more_than_it_may(folders: Folders) -> None:
    (folders.one / "x").mkdir()
    for name in "ab":
        (folders.one / "x" / name).write_text("12345")
    with pytest.raises(Refused, match="has grown while it was copied"):
        folders.copy(most=9)


def test_folders_without_end_are_refused(folders: Folders) -> None:
    path = folders.one / "x" / Path(*["d"] * MAX_DEPTH)
    path.mkdir(parents=True)
    for does in (folders.size, folders.copy):
        with pytest.raises(Refused, match=f"lies in more than {MAX_DEPTH} folders"):
            does()
