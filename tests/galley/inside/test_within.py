"""Nobody is led astray, or kept waiting, by what a task puts in a folder that it shares."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest
from galley.inside.outbox import within
from galley.inside.outbox.within import Refused

pytestmark = pytest.mark.timeout(20)  # what goes wrong here waits for ever

INNER = PurePath("inner", "file")


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder that somebody else writes in; ``secret`` lies beside it."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("key")
    (tmp_path / "shared" / "inner").mkdir(parents=True)
    return tmp_path / "shared"


def test_a_plain_file_is_read_written_and_removed(shared: Path) -> None:
    assert not within.there(shared, INNER)
    within.write(shared, INNER, b"content")
    assert within.there(shared, INNER)
    assert (within.read(shared, INNER, 100), within.read(shared, INNER, 4)) == (b"content", b"cont")
    within.write(shared, INNER, b"new")
    assert within.read(shared, INNER, 100) == b"new"
    within.remove(shared, INNER)
    within.remove(shared, INNER)
    with pytest.raises(FileNotFoundError):
        within.opened(shared, INNER)
    with pytest.raises(FileNotFoundError):
        within.opened(shared, PurePath("none", "file"))
    assert not within.there(shared, PurePath("none", "file"))


def test_folders_are_made_only_where_that_is_wanted(shared: Path) -> None:
    within.write(shared, PurePath("a", "b", "file"), b"content")
    assert (shared / "a" / "b" / "file").read_text() == "content"
    with (
        pytest.raises(FileNotFoundError),
        within.entered(shared, PurePath("c", "file")),
    ):
        pass
    assert not (shared / "c").exists()


def link(path: Path) -> None:
    path.symlink_to(path.parents[2] / "secret" / "file")


def dangling(path: Path) -> None:
    path.symlink_to(path.parents[2] / "secret" / "made")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def door(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


@pytest.mark.parametrize("strange", [link, dangling, pipe, door, Path.mkdir])
@pytest.mark.parametrize(
    "flags", [os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_RDWR | os.O_CREAT]
)
def test_what_is_no_plain_file_is_refused_at_once(
    shared: Path, strange: Callable[[Path], None], flags: int
) -> None:
    strange(shared / INNER)
    with pytest.raises(Refused, match="inner/file is a link or no plain file"):
        within.opened(shared, INNER, flags)
    assert within.there(shared, INNER)
    assert (shared.parent / "secret" / "file").read_text() == "key"
    assert not (shared.parent / "secret" / "made").exists()


def test_a_pipe_that_somebody_reads_is_refused_as_well(shared: Path) -> None:
    os.mkfifo(shared / INNER)
    reading = os.open(shared / INNER, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(Refused):
        within.opened(shared, INNER, os.O_WRONLY)
    os.close(reading)


@pytest.mark.parametrize("make", [None, 0o700])
def test_a_folder_on_the_way_that_is_a_link_is_not_entered(shared: Path, make: int | None) -> None:
    (shared / "inner").rmdir()
    (shared / "inner").symlink_to(shared.parent / "secret")
    said = "inner/file: 'inner' on the way is a link or no folder"
    with pytest.raises(Refused, match=said), within.entered(shared, INNER, make=make):
        pass
    with pytest.raises(Refused, match=said):
        within.opened(shared, INNER)
    with pytest.raises(Refused, match=said):
        within.write(shared, INNER, b"mine")
    with pytest.raises(Refused, match=said):
        within.there(shared, INNER)
    within.remove(shared, INNER)
    assert (shared.parent / "secret" / "file").read_text() == "key"


def test_a_file_in_the_place_of_a_folder_is_refused(shared: Path) -> None:
    within.write(shared, INNER, b"")
    with pytest.raises(Refused, match="'file' on the way is a link or no folder"):
        within.opened(shared, INNER / "more")


def test_the_folder_itself_may_not_be_a_link(shared: Path) -> None:
    shared.rename(shared.with_name("away"))
    shared.symlink_to(shared.parent / "secret")
    with pytest.raises(Refused, match="shared is a link or no folder"):
        within.opened(shared, PurePath("file"))


def test_another_folder_in_the_place_of_a_known_one_is_told_from_it(shared: Path) -> None:
    with within.entered(shared / "inner", PurePath("file")) as own:
        known = within.identity(own)
    with within.entered(shared / "inner", PurePath("file"), known=known):
        pass
    (shared / "inner").rename(shared / "away")
    (shared / "inner").mkdir()
    with (
        pytest.raises(Refused, match="is not the folder any more that was made there"),
        within.entered(shared / "inner", PurePath("file"), known=known),
    ):
        pass


def test_a_folder_that_is_moved_meanwhile_stays_the_one_that_was_entered(shared: Path) -> None:
    with within.entered(shared, INNER) as place:
        (shared / "inner").rename(shared / "away")
        (shared / "inner").symlink_to(shared.parent / "secret")
        os.close(os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=place))
    assert (shared / "away" / "new").exists()


@pytest.mark.parametrize("path", ["../secret/file", "inner/../../secret/file", "/etc/passwd"])
def test_nothing_is_opened_outside_of_the_folder(shared: Path, path: str) -> None:
    with pytest.raises(Refused, match="is not in"):
        within.opened(shared, PurePath(path))


def test_no_descriptor_is_left_open(shared: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    os.mkfifo(shared / INNER)
    for path in (INNER, PurePath("none", "x"), INNER / "x", PurePath("..", "x")):
        with pytest.raises(OSError):
            within.opened(shared, path)
        within.remove(shared, PurePath("none", "x"))
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
