"""What processes hold by their open files alone: no folder shows it, and no resident memory.

Files of processes that may not be looked into, as those of another uid, are left out.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

_IN_MEMORY = ("/memfd:", "/dev/shm/")  # noqa: S108  nothing is written there
_SHARED = "/dev/shm"  # noqa: S108  nothing is written there
_DELETED = " (deleted)"
BEGUN_S = 5.0
"""After this time a task has walls, and lets its host look into it, unless it forbids that."""


class OwnSharedMemory:
    """The ``/dev/shm`` that the processes of one task have for themselves.

    Args:
        root: the task's first process.
        size: what it may hold, bytes.
    """

    def __init__(self, root: int, size: int) -> None:
        self._root = root
        self._size = size
        self._fd: int | None = None
        self._lock = threading.Lock()
        self._since = time.monotonic()

    def used(self) -> tuple[int | None, int]:
        """Return its device, None where it is not known, and what is in it, bytes.

        A task may forbid to look into it, but not before it has begun: where that was never
        possible, all counts as used.
        """
        with self._lock:
            try:
                if self._fd is None and not self._opened():
                    return None, 0
            except PermissionError:
                late = time.monotonic() - self._since > BEGUN_S
                return None, self._size if late else 0
            except OSError:  # it has ended
                return None, 0
            assert self._fd is not None
            whole = os.fstatvfs(self._fd)
            return os.fstat(self._fd).st_dev, (whole.f_blocks - whole.f_bfree) * whole.f_frsize

    def _opened(self) -> bool:
        """Open it; returns False where the task has not begun and sees that of all."""
        place = f"/proc/{self._root}/root/dev/shm"
        if self._size == 0 or os.path.samefile(place, _SHARED):  # noqa: PTH121
            return False
        self._fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
        return True

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            fd, self._fd, self._size = self._fd, None, 0
        if fd is not None:
            os.close(fd)


def shared_memory(pids: Iterable[int], own: OwnSharedMemory | None = None) -> int:
    """Return the memory that is behind open files, bytes: each counts once, whoever has it open.

    One that is open for reading only is somebody else's.

    Args:
        own: the processes' own ``/dev/shm``: all that is in it counts, open or not.
    """
    sizes = {}
    for pid in pids:
        for link, entry in _open_files(pid):
            if link.startswith(_IN_MEMORY) and _writable(entry) and (status := _behind(entry)):
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    if own is None:
        return sum(sizes.values())
    device, used = own.used()
    return sum(size for file, size in sizes.items() if file[0] != device) + used


def deleted(folder: Path, own: Mapping[Path, Path] | None = None) -> int:
    """Return the space of files below ``folder`` that were deleted and are open still, bytes.

    Args:
        own: other folder → the one below ``folder`` that processes may see in its place.
    """
    below = f"{folder.resolve()}/"
    sizes = {}
    for pid in psutil.pids():
        for link, entry in _open_files(pid):
            if not link.endswith(_DELETED):
                continue
            if not (link.startswith(below) or _is_in_own(link, pid, own or {})):
                continue
            status = _behind(entry)
            if status and stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def _is_in_own(link: str, pid: int, own: Mapping[Path, Path]) -> bool:
    for seen, inner in own.items():
        if link.startswith(f"{seen}/"):
            with contextlib.suppress(OSError):
                return os.path.samefile(f"/proc/{pid}/root{seen}", inner)  # noqa: PTH121
    return False


def _open_files(pid: int) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield of each open file what it was opened as, and where to look at it."""
    try:
        with os.scandir(f"/proc/{pid}/fd") as entries:
            for entry in entries:
                try:
                    link = os.readlink(entry.path)  # noqa: PTH115  there may be thousands
                except OSError:  # closed meanwhile
                    continue
                yield link, entry
    except OSError:  # gone, or not ours to look into
        return


def _writable(entry: os.DirEntry[str]) -> bool:
    try:
        return bool(entry.stat(follow_symlinks=False).st_mode & stat.S_IWUSR)
    except OSError:
        return False


def _behind(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None
