"""Content-addressed files: a blob's name is the SHA-256 of its bytes.

Writing is atomic and durable (file and folder are synced before the name appears); writing the
same bytes twice is one file; reading checks the bytes against the name.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from fcntl import LOCK_EX, LOCK_SH, flock
from hashlib import sha256
from pathlib import Path

from galley.errors import GalleyError, NotFound

_NAME = re.compile(r"[0-9a-f]{64}")


class DamagedBlob(GalleyError):
    """A blob's bytes are not those it was written with.

    Attributes:
        digest: what the blob is called.
        found: SHA-256 of the bytes that are there.
    """

    def __init__(self, digest: str, found: str) -> None:
        super().__init__(
            f"blob {digest} is damaged: its bytes have the SHA-256 {found}; restore it from a "
            "backup, or publish the version again"
        )
        self.digest = digest
        self.found = found

    def __reduce__(self) -> tuple[type[DamagedBlob], tuple[str, str]]:
        return DamagedBlob, (self.digest, self.found)


class Blobs:
    """A folder of blobs, shared safely by threads and processes of one machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its name; a damaged earlier copy is replaced."""
        with self._held(alone=False):
            return self._put(data)

    def _put(self, data: bytes) -> str:
        digest = sha256(data).hexdigest()
        target = self._path(digest)
        if target.is_file() and _digest_of(target) == digest:
            os.utime(target)  # it counts as new: nobody sweeps it before its owner is recorded
            return digest
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".writing-")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o400)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        for folder in (target.parent, self.root):
            _sync_folder(folder)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a blob.

        Raises:
            NotFound: there is none of that name.
            DamagedBlob: its bytes do not match its name.
        """
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"there is no blob {digest}") from error
        found = sha256(data).hexdigest()
        if found != digest:
            raise DamagedBlob(digest, found)
        return data

    def __contains__(self, digest: object) -> bool:
        return (
            isinstance(digest, str)
            and _NAME.fullmatch(digest) is not None
            and self._path(digest).is_file()
        )

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all blobs, sorted."""
        yield from sorted(
            path.name for path in self.root.glob("[0-9a-f][0-9a-f]/*") if _NAME.fullmatch(path.name)
        )

    def size(self, digest: str) -> int:
        """Return the size of a blob, bytes; 0 where there is none."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def sweep(self, needed: Collection[str], before: datetime) -> int:
        """Remove the blobs that are not ``needed`` and were written before an instant.

        Returns:
            How many there were.
        """
        unused = [one for one in self if one not in needed and self._is_older(one, before)]
        removed = 0
        for digest in unused:
            with self._held(alone=True):
                # Whoever has written it once more meanwhile needs it.
                if self._is_older(digest, before):
                    self.remove(digest)
                    removed += 1
        return removed

    def _is_older(self, digest: str, instant: datetime) -> bool:
        try:
            return self._path(digest).stat().st_mtime < instant.timestamp()
        except FileNotFoundError:
            return False

    @contextmanager
    def _held(self, *, alone: bool) -> Iterator[None]:
        """Hold the folder: writers together, who removes what nobody needs alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            flock(folder, LOCK_EX if alone else LOCK_SH)
            yield
        finally:
            os.close(folder)

    def remove(self, digest: str) -> None:
        """Forget a blob; nothing happens where there is none."""
        self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        if not _NAME.fullmatch(digest):
            raise NotFound(f"{digest!r} is not the name of a blob: 64 of 0-9 and a-f")
        return self.root / digest[:2] / digest


def _digest_of(path: Path) -> str:
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            found.update(chunk)
    return found.hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
