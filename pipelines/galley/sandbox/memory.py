"""Keeping a sandbox under its memory limit where the kernel does not do it for us."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from pathlib import Path

from galley.sandbox.namespaces import descendants

_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def proportional(pid: int) -> int:
    """Return the memory of a process with shared pages divided among their users, in bytes."""
    return divided(pid)[0]


def divided(pid: int) -> tuple[int, int]:
    """Return :func:`proportional`, and how much of it is shared memory, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    except PermissionError:
        return resident(pid), resident_shared(pid)
    return _kib(lines, "Pss:"), _kib(lines, "Pss_Shmem:")


def resident_shared(pid: int) -> int:
    """Return how much of a process's resident memory is shared memory, in bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return _kib(lines, "RssShmem:")


def _kib(lines: Iterable[str], name: str) -> int:
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def kill_largest_if_over(limit: int, root: int) -> str | None:
    """Kill the largest process below ``root`` if all together use more than ``limit`` bytes.

    Returns:
        What was done, in words; None when all is well.
    """
    pids = descendants(root)
    if sum(map(resident, pids)) <= limit:
        return None
    sizes = {pid: proportional(pid) for pid in pids}
    total = sum(sizes.values())
    if total <= limit:
        return None
    largest = max(sizes, key=lambda pid: sizes[pid])
    if not _kill(largest):
        return None
    return (
        f"memory limit: the processes used {_mib(total)} of {_mib(limit)}; "
        f"killed the largest one ({_mib(sizes[largest])})"
    )


def kill_all(pids: Iterable[int], number: int = signal.SIGKILL) -> None:
    """Send a signal to each of ``pids`` that is still there."""
    for pid in pids:
        _kill(pid, number)


def _kill(pid: int, number: int = signal.SIGKILL) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"
