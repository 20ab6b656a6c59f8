from __future__ import annotations

import ctypes
import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from galley.run import scratch
from galley.run.scratch import ScratchGuard, size_of

NOBODY = 65534


def unexpected(error: Exception) -> None:
    raise error


@pytest.fixture
def deep(tmp_path: Path) -> Iterator[Path]:
    """A folder with 100,000 bytes so far down that no path names them."""
    top = here = os.open(tmp_path, os.O_RDONLY)
    opened = [top]
    for _ in range(40):
        os.mkdir("d" * 200, dir_fd=here)
        here = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        opened.append(here)
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here)
    os.write(file, b"x" * 100_000)
    os.close(file)
    yield tmp_path
    os.unlink("file", dir_fd=opened[-1])
    while len(opened) > 1:
        os.close(opened.pop())
        os.rmdir("d" * 200, dir_fd=opened[-1])
    os.close(top)


def test_size_counts_what_is_on_disk_and_follows_no_links(tmp_path: Path) -> None:
    for name in ("sub", "sub/deeper", "other"):
        (tmp_path / name).mkdir()
    for name in ("file", "sub/file", "sub/deeper/file", "other/file"):
        (tmp_path / name).write_bytes(b"x" * 100_000)
    (tmp_path / "link").symlink_to("/usr")
    assert 400_000 <= size_of(tmp_path) < 500_000
    assert size_of(tmp_path / "missing") == 0


def test_what_lies_deeper_than_a_path_is_long_counts(deep: Path) -> None:
    (deep / "beside").write_bytes(b"x" * 100_000)
    assert 200_000 <= size_of(deep) < 300_000


def test_a_folder_that_is_closed_hides_only_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("closed/in", "listed/in", "open/in"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"x" * 100_000)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "listed").chmod(0o400)
    tmp_path.chmod(0o755)

    def measured() -> int:
        if os.geteuid() == 0:  # to root nothing is closed; this thread is another user for files
            for path in (tmp_path, *tmp_path.iterdir()):
                os.chown(path, NOBODY, -1)
            ctypes.CDLL(None).setfsuid(NOBODY)
        return size_of(Path())

    with ThreadPoolExecutor(1) as thread:
        used = thread.submit(measured).result()
    for name in ("closed", "listed"):
        (tmp_path / name).chmod(0o700)
    assert 100_000 <= used < 200_000


def test_a_full_folder_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    told = threading.Event()
    used: list[int] = []

    def on_full(size: int) -> None:
        used.append(size)
        told.set()

    guard = ScratchGuard(tmp_path, 50_000, on_full, unexpected)
    guard.start()
    assert told.wait(30)
    guard.close()
    assert len(used) == 1
    assert used[0] >= 100_000


def test_a_guard_that_cannot_measure_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(scratch, "size_of", broken)
    failed: list[Exception] = []
    guard = ScratchGuard(tmp_path, 50_000, lambda _: None, failed.append)
    guard.start()
    guard.join(30)
    assert [str(one) for one in failed] == ["[Errno 5] Input/output error"]
    assert "it has no limit (OSError: [Errno 5]" in scratch.unwatched(failed[0]).message
