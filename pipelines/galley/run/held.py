"""What processes hold by their open files alone: no folder shows it, and no resident memory.

Files of processes that may not be looked into, as those of another uid, are left out.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

_IN_MEMORY = ("/memfd:", "/dev/shm/")  # noqa: S108  nothing is written there
_DELETED = " (deleted)"


def shared_memory(pids: Iterable[int], own: int | None = None) -> int:
    """Return the memory that is behind open files, bytes: each counts once, whoever has it open.

    One that is open for reading only is somebody else's.

    Args:
        own: one of the processes, where they have a ``/dev/shm`` of their own: then all of that
            counts, open or not.
    """
    sizes = {}
    for pid in pids:
        for link, entry in _open_files(pid):
            if link.startswith(_IN_MEMORY) and _writable(entry) and (status := _behind(entry)):
                sizes[status.st_dev, status.st_ino] = status.st_blocks * 512
    if own is not None:
        with contextlib.suppress(OSError):  # it has ended
            place = f"/proc/{own}/root/dev/shm"
            device, whole = os.stat(place).st_dev, os.statvfs(place)  # noqa: PTH116
            sizes = {file: size for file, size in sizes.items() if file[0] != device}
            return sum(sizes.values()) + (whole.f_blocks - whole.f_bfree) * whole.f_frsize
    return sum(sizes.values())


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
