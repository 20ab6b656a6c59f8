"""Executed notebooks, kept per tenant, run, attempt and task, within the tenant's quota."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import IO
from uuid import UUID

from galley.errors import InvalidInput, NotFound, TooLarge

TASK_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")
COUNT_AGAIN_S = 60.0
"""How long a counted size is believed, seconds; what we write ourselves is added at once."""


class Artifacts:
    """The folder of executed notebooks, and what tenants use of their quota.

    Args:
        root: holds ``TENANT/RUN/ATTEMPT/TASK.ipynb``.
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
        return tempfile.NamedTemporaryFile(dir=self._root, prefix=".new-", delete=False)

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
        self.claim(tenant, received.stat().st_size - before, limit=limit)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        received.replace(path)
        return key

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
            at, _ = self._counted[tenant]
            self._counted[tenant] = at, used + more

    def _used(self, tenant: str) -> int:
        now = self._monotonic()
        at, size = self._counted.get(tenant, (-COUNT_AGAIN_S, 0))
        if now - at >= COUNT_AGAIN_S:
            size = _size_of(self._root / tenant) + _size_of(self._tracked(tenant))
            self._counted[tenant] = now, size
        return size


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that a reader sees the old file or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _size_of(folder: Path) -> int:
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
