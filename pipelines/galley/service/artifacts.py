"""Executed notebooks and files beside them: per tenant, run and attempt, within a quota."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import IO, BinaryIO
from uuid import UUID

from galley.domain.api import KeptFile
from galley.errors import InvalidInput, NotFound, TooLarge

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}")
_FILES = "files"
TASK_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NEW = ".new-"
COUNT_AGAIN_S = 60.0
"""How long a counted size is believed, seconds; what we write ourselves is added at once."""


class Artifacts:
    """The folder of executed notebooks, and what tenants use of their quota.

    Args:
        root: holds ``TENANT/RUN/ATTEMPT/TASK.ipynb``, and beside them ``files/NAME``.
        tracked: folder of a tenant's artifacts in MLflow, which count as well.
        monotonic: a clock in seconds.
    """

    def __init__(
        self, root: Path, tracked: Callable[[str], Path], monotonic: Callable[[], float]
    ) -> None:
        self._root = root
        self._tracked = tracked
        self._monotonic = monotonic
        self._lock = Lock()
        self._counted: dict[str, tuple[float, int]] = {}

    def receive(self) -> IO[bytes]:
        """Return a new file beside the kept ones, for a body that arrives in pieces."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.NamedTemporaryFile(dir=self._root, prefix=_NEW, delete=False)

    def sweep(self, before: datetime) -> None:
        """Remove what was last written to before an instant and never put in its place.

        Whoever wrote it was killed, if nobody takes that long to write.
        """
        for path in self._root.glob(f"{_NEW}*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()

    def put(
        self, tenant: str, run: UUID, attempt: UUID, task: str, received: Path, *, limit: int
    ) -> str:
        """Keep an executed notebook in place of an earlier, partial one; return its key.

        Args:
            received: a complete file of :meth:`receive`; it is moved, or stays where this fails.

        Raises:
            InvalidInput: the task's name is not one.
            TooLarge: the tenant would keep more than ``limit`` bytes.
        """
        if not TASK_NAME.fullmatch(task):
            raise InvalidInput(f"{task!r} is not the name of a task", field="task")
        key = f"{tenant}/{run}/{attempt}/{task}.ipynb"
        path = self._root / key
        before = path.stat().st_size if path.exists() else 0
        with self._claimed(tenant, received.stat().st_size - before, limit=limit):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            received.replace(path)
        return key

    def put_file(
        self, tenant: str, run: UUID, attempt: UUID, name: str, data: BinaryIO, *, limit: int
    ) -> None:
        """Keep a file of an attempt, read to its end, in place of an earlier one.

        Raises:
            InvalidInput: it cannot be the name of a file.
            TooLarge: the tenant would keep more than ``limit`` bytes.
        """
        path = self._file(tenant, run, attempt, name)
        size = data.seek(0, os.SEEK_END)
        data.seek(0)
        before = path.stat().st_size if path.exists() else 0
        with self._claimed(tenant, size - before, limit=limit):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _replacing(path, self._root) as file:
                shutil.copyfileobj(data, file)

    def files(self, tenant: str, run: UUID, attempt: UUID) -> list[KeptFile]:
        """Return the files that an attempt left, by name."""
        folder = self._root / f"{tenant}/{run}/{attempt}" / _FILES
        found = sorted(folder.glob("[!.]*")) if folder.is_dir() else []
        return [KeptFile(name=path.name, size=path.stat().st_size) for path in found]

    def file(self, tenant: str, run: UUID, attempt: UUID, name: str) -> Path:
        """Return where a file of an attempt lies.

        Raises:
            NotFound: there is none of that name.
        """
        if not _FILE.fullmatch(name):
            raise NotFound(f"there is no file {name!r}")
        path = self._file(tenant, run, attempt, name)
        if not path.is_file():
            raise NotFound(f"the attempt has left no file {name!r}")
        return path

    def _file(self, tenant: str, run: UUID, attempt: UUID, name: str) -> Path:
        if not _FILE.fullmatch(name):
            raise InvalidInput(
                f"{name!r} cannot be the name of a file: 1 to 200 of A-Z, a-z, 0-9, '_', '-' and "
                "'.', none at the beginning",
                field="name",
            )
        return self._root / f"{tenant}/{run}/{attempt}" / _FILES / name

    def get(self, key: str) -> bytes:
        """Return what was kept under ``key``; raises NotFound where somebody deleted it."""
        return self.path(key).read_bytes()

    def path(self, key: str) -> Path:
        """Return the file that is kept under ``key``.

        Raises:
            NotFound: it was deleted by somebody.
        """
        path = (self._root / key).resolve()
        if not path.is_relative_to(self._root.resolve()) or not path.is_file():
            raise NotFound("this executed notebook is not kept (any more)")
        return path

    def size(self, tenant: str, run: UUID, attempt: UUID) -> int:
        """Return what is kept of an attempt, bytes."""
        return size_of(self._root / f"{tenant}/{run}/{attempt}")

    def remove(self, tenant: str, run: UUID, attempt: UUID) -> None:
        """Forget what an attempt left; nothing happens where it left nothing."""
        folder = self._root / f"{tenant}/{run}/{attempt}"
        size = size_of(folder)
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            folder.parent.rmdir()  # the run's folder, where this was the last of it
        self.claim(tenant, -size, limit=0)

    def use(self, tenant: str) -> tuple[int, int]:
        """Return what is kept of a tenant's runs, and in MLflow, bytes."""
        return size_of(self._root / tenant), size_of(self._tracked(tenant))

    def claim(self, tenant: str, more: int, *, limit: int) -> None:
        """Count ``more`` bytes as used by ``tenant``.

        Raises:
            TooLarge: that would be more than ``limit``; nothing is counted.
        """
        with self._lock:
            used = self._used(tenant)
            if more > 0 and used + more > limit:
                raise TooLarge(
                    f"tenant {tenant!r} keeps {_size(used)} of artifacts and these are "
                    f"{_size(more)} more; limits.artifacts allows {_size(limit)}. Delete old "
                    "runs in MLflow, or ask the operator for more.",
                    limit="artifacts",
                    allowed=limit,
                )
            self._count(tenant, more)

    @contextmanager
    def _claimed(self, tenant: str, more: int, *, limit: int) -> Iterator[None]:
        """Count ``more`` bytes as used, unless what is to use them fails; raises TooLarge."""
        self.claim(tenant, more, limit=limit)
        try:
            yield
        except BaseException:
            with self._lock:
                self._count(tenant, -more)
            raise

    def _count(self, tenant: str, more: int) -> None:
        at, used = self._counted[tenant]
        self._counted[tenant] = at, used + more

    def _used(self, tenant: str) -> int:
        now = self._monotonic()
        at, size = self._counted.get(tenant, (-COUNT_AGAIN_S, 0))
        if now - at >= COUNT_AGAIN_S:
            size = size_of(self._root / tenant) + size_of(self._tracked(tenant))
            self._counted[tenant] = now, size
        return size


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that a reader sees the old file or the new one, never a part."""
    with _replacing(path, path.parent) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _replacing(path: Path, beside: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that is put in the place of ``path``, or removed where that fails.

    Args:
        beside: the folder that it lies in until then, of the same file system.
    """
    handle, name = tempfile.mkstemp(dir=beside, prefix=_NEW)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def size_of(folder: Path) -> int:
    """Return the size of all files below a folder, bytes; 0 where there is none."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118
            except FileNotFoundError:
                continue
    return total


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
