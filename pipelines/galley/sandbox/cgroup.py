"""Kernel limits on memory, CPU and processes, where control groups can be written (root)."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
MAX_PROCESSES = 8192
_PARENT = "galley"
_CONTROLLERS = ("memory", "cpu", "pids")
_PERIOD = 100_000
_SETTLED_S = 60.0
"""A group is empty for a moment after it was made; one as old as this and empty is nobody's."""


class ControlGroup:
    """The limits of one sandbox.

    Attributes:
        folders: one (cgroup v2), or one per controller (v1).
    """

    def __init__(self, folders: list[Path], memory_folder: Path) -> None:
        self.folders = folders
        self._memory = memory_folder
        self._kills = self._kill_count()

    def add(self, pid: int) -> None:
        """Put a process, and the children it will have, under the limits."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def new_kills(self) -> int:
        """Return how many processes the kernel killed for memory since the last call."""
        before, self._kills = self._kills, self._kill_count()
        return self._kills - before

    def close(self, *, patience: float = 2.0) -> None:
        """Remove the folders, once their last processes have left."""
        deadline = time.monotonic() + patience
        for folder in self.folders:
            while not _removed(folder) and time.monotonic() < deadline:
                time.sleep(0.01)

    def _kill_count(self) -> int:
        for name in ("memory.events", "memory.oom_control"):
            with contextlib.suppress(FileNotFoundError):
                text = (self._memory / name).read_text()
                values = dict(line.split() for line in text.splitlines())
                return int(values.get("oom_kill", 0))
        return 0


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def sweep() -> None:
    """Remove the groups that sandboxes and tasks have left which were killed."""
    settled = time.time() - _SETTLED_S
    for parent in (ROOT / _PARENT, *(ROOT / controller / _PARENT for controller in _CONTROLLERS)):
        if not parent.is_dir():
            continue
        for folder in parent.iterdir():
            # One that is in use, or was removed meanwhile, refuses; as does one of another user.
            with contextlib.suppress(OSError):
                owner = folder.name.rpartition("-")[2]
                if not folder.is_dir() or (Path("/proc") / owner).exists():
                    continue  # it is about to ask what the group has counted
                if folder.stat().st_mtime < settled:
                    folder.rmdir()


def create(name: str, *, memory: int | None, cpu: float | None) -> ControlGroup | None:
    """Make the control group of a sandbox; None where this process may not."""
    try:
        if (ROOT / "cgroup.controllers").exists():
            return _unified(name, memory, cpu)
        if (ROOT / "memory" / "cgroup.procs").exists():
            return _legacy(name, memory, cpu)
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EBUSY}:
            raise
    return None


def _make(folder: Path) -> None:
    """Make a group that is named after this process.

    One that is there already was left by a process that was killed and had the same number.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        folder.rmdir()
        folder.mkdir()


def _unified(name: str, memory: int | None, cpu: float | None) -> ControlGroup:
    parent = ROOT / _PARENT
    (ROOT / "cgroup.subtree_control").write_text("+memory +cpu +pids")
    parent.mkdir(exist_ok=True)
    (parent / "cgroup.subtree_control").write_text("+memory +cpu +pids")
    folder = parent / f"{name}-{os.getpid()}"
    _make(folder)
    if memory:
        (folder / "memory.max").write_text(str(memory))
        if (folder / "memory.swap.max").exists():
            (folder / "memory.swap.max").write_text("0")
    if cpu:
        (folder / "cpu.max").write_text(f"{int(cpu * _PERIOD)} {_PERIOD}")
    (folder / "pids.max").write_text(str(MAX_PROCESSES))
    return ControlGroup([folder], folder)


def _legacy(name: str, memory: int | None, cpu: float | None) -> ControlGroup:
    folders = {
        controller: ROOT / controller / _PARENT / f"{name}-{os.getpid()}"
        for controller in _CONTROLLERS
        if (ROOT / controller).is_dir()
    }
    for folder in folders.values():
        _make(folder)
    if memory:
        (folders["memory"] / "memory.limit_in_bytes").write_text(str(memory))
    if cpu and (quota := folders["cpu"] / "cpu.cfs_quota_us").exists():
        quota.write_text(str(int(cpu * _PERIOD)))
    if "pids" in folders:
        (folders["pids"] / "pids.max").write_text(str(MAX_PROCESSES))
    return ControlGroup(list(folders.values()), folders["memory"])
