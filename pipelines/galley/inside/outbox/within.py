"""Opens what lies in a folder in which somebody else writes: no link is followed, nothing waits.

Tasks write in an outbox and where their products are, and they are behind walls; whoever sends or
places what is there is behind none. A link in the place of a file, or of a folder on the way to it,
could lead it anywhere, and it would wait for ever for the other end of a pipe.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath

Identity = tuple[int, int]
"""Device and inode: which folder it is, whatever its name leads to later."""
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_NO_FOLDER = {errno.ENOTDIR, errno.ELOOP}
_NO_FILE = {errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EISDIR}


class Refused(OSError):
    """Something is there that is not to be used: a link, a pipe, a folder in place of a file."""


@contextmanager
def entered(
    folder: Path, path: PurePath, *, make: int | None = None, known: Identity | None = None
) -> Iterator[int]:
    """Yield the open folder in which a path lies, however the folders between are moved meanwhile.

    Args:
        folder: whose own place nobody else can change, unless it is ``known``.
        path: relative to it.
        make: mode of the folders on the way that are missing and made; None: that is an error.
        known: what ``folder`` was when it was made.

    Raises:
        Refused: a folder is a link, or no folder, or not the known one.
        OSError: it cannot be opened or made.
    """
    if path.is_absolute() or ".." in path.parts:
        raise Refused(f"{path} is not in {folder}")
    place = _entered(os.fspath(folder), None, f"{folder} is a link or no folder")
    try:
        if known is not None and identity(place) != known:
            raise Refused(f"{folder} is not the folder any more that was made there")
        for part in path.parent.parts:
            if make is not None:
                with suppress(FileExistsError):
                    os.mkdir(part, make, dir_fd=place)
            said = f"{folder / path}: {part!r} on the way is a link or no folder"
            inner = _entered(part, place, said)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


def identity(folder: int) -> Identity:
    """Return which folder an open one is."""
    found = os.fstat(folder)
    return found.st_dev, found.st_ino


def opened(
    folder: Path, path: PurePath, flags: int = os.O_RDONLY, *, make: int | None = None
) -> int:
    """Open a plain file in a folder, and return its descriptor.

    Args:
        path: relative to ``folder``.
        flags: as for ``os.open``; a file that is made is for its owner alone.
        make: as for :func:`entered`.

    Raises:
        FileNotFoundError: there is nothing.
        Refused: it is no plain file, or there is a link on the way.
        OSError: it cannot be opened.
    """
    with entered(folder, path, make=make) as place:
        said = f"{folder / path} is a link or no plain file"
        try:
            file = os.open(path.name, flags | _FILE, 0o600, dir_fd=place)
        except OSError as error:
            if error.errno in _NO_FILE:
                raise Refused(said) from error
            raise
        if not stat.S_ISREG(os.fstat(file).st_mode):
            os.close(file)
            raise Refused(said)
        return file


def read(folder: Path, path: PurePath, most: int) -> bytes:
    """Return the first ``most`` bytes of a plain file; raises as :func:`opened` does."""
    with os.fdopen(opened(folder, path), "rb") as file:
        return file.read(most)


def write(folder: Path, path: PurePath, content: bytes) -> None:
    """Have a plain file hold ``content``, made where it is missing, as are the folders on the way.

    Raises:
        Refused: something else is there, or on the way.
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with os.fdopen(opened(folder, path, flags, make=0o700), "wb") as file:
        file.write(content)


def there(folder: Path, path: PurePath) -> bool:
    """Whether something is there, of whatever kind.

    Raises:
        Refused: a folder on the way is a link, or no folder.
        OSError: it cannot be told.
    """
    with suppress(FileNotFoundError), entered(folder, path) as place:
        os.stat(path.name, dir_fd=place, follow_symlinks=False)
        return True
    return False


def remove(folder: Path, path: PurePath) -> None:
    """Remove a file or a link where there is one; a folder stays, and what lies behind a link."""
    gone = (FileNotFoundError, IsADirectoryError, Refused)
    with suppress(*gone), entered(folder, path) as place:
        os.unlink(path.name, dir_fd=place)


def _entered(name: str, place: int | None, said: str) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=place)
    except OSError as error:
        if error.errno in _NO_FOLDER:
            raise Refused(said) from error
        raise
