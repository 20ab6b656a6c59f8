"""Copies of what notebooks have made, and of what they are to find: no link is followed.

Tasks that run meanwhile may change what is copied, and the folder that it is copied to; whoever
copies is not behind their walls.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath

from galley.inside.outbox.within import Refused

MAX_DEPTH = 100
"""Folders in each other that are copied; a notebook can nest them without end."""
_ANY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_PIECE = 2**20


def size_of(place: int, path: PurePath) -> int:
    """Return the size of the files that a file or folder consists of, bytes.

    Args:
        place: the open folder that it lies in.
        path: ends with its name; the rest is for messages.

    Raises:
        FileNotFoundError: it is not there.
        Refused: a part of it is a link, or neither file nor folder.
        OSError: it cannot be read.
    """
    with _opened(place, path) as (own, status):
        if stat.S_ISREG(status.st_mode):
            return status.st_size
        return sum(size_of(own, path / name) for name in os.listdir(own))  # noqa: PTH208


def copy(place: int, path: PurePath, target: int, name: str, most: int) -> int:
    """Copy a file or folder with its modes and times, and return its size, bytes.

    Args:
        place, path: as for :func:`size_of`.
        target: the open folder to copy it to.
        name: of the copy; nothing is there yet.
        most: bytes that it may have.

    Raises:
        Refused: a part of it is a link, or neither file nor folder, or it has grown.
        OSError: it cannot be read, or the copy cannot be written.
    """
    with _opened(place, path) as (own, status):
        if stat.S_ISREG(status.st_mode):
            new = os.open(name, _NEW, 0o600, dir_fd=target)
        else:
            os.mkdir(name, 0o700, dir_fd=target)
            new = os.open(name, _FOLDER, dir_fd=target)
        try:
            size = 0
            if stat.S_ISREG(status.st_mode):
                size = _fill(new, own, path, most)
            else:
                for inner in os.listdir(own):  # noqa: PTH208
                    size += copy(own, path / inner, new, inner, most - size)
            os.fchmod(new, stat.S_IMODE(status.st_mode))
            os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(new)
        return size


@contextmanager
def _opened(place: int, path: PurePath) -> Iterator[tuple[int, os.stat_result]]:
    if len(path.parts) > MAX_DEPTH:
        raise Refused(f"{path} lies in more than {MAX_DEPTH} folders")
    if stat.S_ISLNK(os.stat(path.name, dir_fd=place, follow_symlinks=False).st_mode):
        raise Refused(f"{path} is a link, and what it leads to may change")
    own = os.open(path.name, _ANY, dir_fd=place)
    try:
        status = os.fstat(own)
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
            raise Refused(f"{path} is neither a file nor a folder")
        yield own, status
    finally:
        os.close(own)


def _fill(new: int, own: int, path: PurePath, most: int) -> int:
    size = 0
    with os.fdopen(own, "rb", closefd=False) as old, os.fdopen(new, "wb", closefd=False) as made:
        while piece := old.read(_PIECE):
            size += len(piece)
            if size > most:
                raise Refused(f"{path} has grown while it was copied")
            made.write(piece)
    return size
