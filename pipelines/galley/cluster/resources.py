"""What the tasks of a cluster share, and how each takes its part of it.

A Dask worker knows only its own resources, and the workers of one machine share the machine's. So
each worker advertises all of it, which keeps a task away that could never fit, and a task takes
its part from one pool of the machine before it begins: two that do not fit together wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galley.cluster.gpus import Gpus, Lent
from galley.domain.model import Model

CPU = "galley-cpu"
MEMORY = "galley-memory"
GPUS = "galley-gpus"
_ROUNDING = 1e-6


class Resources(Model):
    """Cores, bytes, and the numbers of GPUs."""

    cpu: float
    memory: int
    gpus: tuple[int, ...] = ()

    def dask(self) -> dict[str, float]:
        """Return them as resources of a Dask worker."""
        return {CPU: self.cpu, MEMORY: float(self.memory), GPUS: float(len(self.gpus))}


class Need(Model):
    """What one task takes: cores, bytes and a number of GPUs."""

    cpu: float
    memory: int
    gpus: int = 0

    def dask(self) -> dict[str, float]:
        """Return it as what a Dask worker must have."""
        wanted = {CPU: self.cpu, MEMORY: float(self.memory), GPUS: float(self.gpus)}
        return {name: value for name, value in wanted.items() if value > 0}

    def missing(self, total: Resources) -> str | None:
        """Return in words why this could never be had of ``total``; None where it could."""
        if self.cpu > total.cpu + _ROUNDING:
            return f"it needs {self.cpu:g} CPU cores; the cluster has {total.cpu:g}"
        if self.memory > total.memory:
            mib = 2**20
            return (
                f"it needs {self.memory / mib:.0f} MiB of memory; the cluster has "
                f"{total.memory / mib:.0f} MiB"
            )
        if self.gpus > len(total.gpus):
            return f"it needs GPUs: {self.gpus}; the cluster has {len(total.gpus)}"
        return None


class Pool:
    """One machine's resources, shared by processes that may die at any moment.

    Who holds a part keeps a locked file that says which; the system lets go of the lock with the
    process, and whoever looks next removes the file.

    Args:
        machine: the GPUs that others on the machine may use as well.
    """

    def __init__(self, folder: Path, total: Resources, machine: Gpus | None = None) -> None:
        self._folder = folder
        self._total = total
        self._machine = machine or Gpus(None)

    def take(self, need: Need) -> Part | None:
        """Take a part; None while it does not fit beside the others'."""
        with self._looking():
            taken = [part for path in self._folder.glob("*.part") if (part := _held(path))]
            used = {gpu for part in taken for gpu in part.gpus}
            free = [gpu for gpu in self._total.gpus if gpu not in used]
            if (
                sum(part.cpu for part in taken) + need.cpu > self._total.cpu + _ROUNDING
                or sum(part.memory for part in taken) + need.memory > self._total.memory
                or (lent := self._machine.take(need.gpus, free)) is None
            ):
                return None
            given = Resources(cpu=need.cpu, memory=need.memory, gpus=lent.numbers)
            return Part(self._folder / f"{uuid.uuid4().hex}.part", given, lent)

    @contextmanager
    def _looking(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


class Part:
    """What a task holds until :meth:`close`."""

    def __init__(self, path: Path, given: Resources, lent: Lent) -> None:
        self.given = given
        self._path = path
        self._lent = lent
        self._handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._handle, fcntl.LOCK_EX)
        os.write(self._handle, given.model_dump_json().encode())

    def close(self) -> None:
        """Give it back."""
        self._lent.close()
        self._path.unlink(missing_ok=True)
        os.close(self._handle)


def _held(path: Path) -> Resources | None:
    """Return what a file says is taken; None where its holder is gone."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
            return None
        return Resources.model_validate_json(path.read_bytes())
    finally:
        os.close(handle)
