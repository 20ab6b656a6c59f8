"""What processes hold by their open files alone: no folder shows it, and no resident memory.

Files of processes that may not be looked into, as those of another uid, are left out.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil

_IN_MEMORY = ("/memfd:", "/dev/shm/")  # noqa: S108  nothing is written there
_DELETED = " (deleted)"


def shared_memory(pids: Iterable[int]) -> int:
    """Return the memory that is behind open files, bytes: each counts once, whoever has it open.

    One that is open for reading only is somebody else's.
    """
    sizes = {}
    for pid in pids:
        for link, entry in _open_files(pid):
            if link.startswith(_IN_MEMORY) and _writable(entry) and (status := _behind(entry)):
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


def deleted(folder: Path) -> int:
    """Return the space of files below ``folder`` that were deleted and are open still, bytes."""
    below = f"{folder.resolve()}/"
    sizes = {}
    for pid in psutil.pids():
        for link, entry in _open_files(pid):
            if not (link.startswith(below) and link.endswith(_DELETED)):
                continue
            status = _behind(entry)
            if status and stat.S_ISREG(status.st_mode) and status.st_nlink == 0:
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    return sum(sizes.values())


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
