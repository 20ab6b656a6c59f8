"""What tasks used, kept per attempt and task: a file of lines, thinned when it grows long.

A host repeats a heartbeat whose answer was lost: a point that is not newer than the last of its
task is there already.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import ValidationError

from galley.domain.usage import MOST_POINTS, TaskUsage, Usage, Used, halved
from galley.service.artifacts import TASK_NAME, write_atomically


class Resources:
    """The points under one folder, a folder for each attempt, a file for each task."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def append(self, attempt: UUID, used: Sequence[Used]) -> dict[str, Usage]:
        """Keep points; return the newest of each task that had new ones.

        What has no name that a task can have is not kept.
        """
        tasks: dict[str, list[Usage]] = defaultdict(list)
        for one in used:
            if not TASK_NAME.fullmatch(one.task):
                continue
            tasks[one.task].append(Usage(at=one.at, memory=one.memory, cpu_s=one.cpu_s))
        if not tasks:
            return {}
        folder = self._root / str(attempt)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        newest = {}
        with locked(folder):
            for task, points in tasks.items():
                if fresh := _append(folder / f"{task}.jsonl", points):
                    newest[task] = fresh[-1]
        return newest

    def read(self, attempt: UUID, after: datetime | None = None) -> tuple[TaskUsage, ...]:
        """Return the points of each task, those after ``after`` only, in the order of names."""
        folder = self._root / str(attempt)
        if not folder.is_dir():
            return ()
        return tuple(
            TaskUsage(
                task=path.stem,
                points=tuple(
                    one for one in _points(_bytes(path)) if after is None or one.at > after
                ),
            )
            for path in sorted(folder.glob("*.jsonl"))
        )

    def remove(self, attempt: UUID) -> None:
        """Forget what an attempt used; nothing happens where nothing is known."""
        shutil.rmtree(self._root / str(attempt), ignore_errors=True)


def _append(path: Path, points: Sequence[Usage]) -> list[Usage]:
    there = _bytes(path)
    kept = _points(there)
    last = kept[-1].at if kept else None
    fresh = []
    for point in sorted(points, key=lambda one: one.at):
        if last is None or point.at > last:
            fresh.append(point)
            last = point.at
    if len(kept) + len(fresh) > MOST_POINTS:
        thinner = [*kept, *fresh]
        while len(thinner) > MOST_POINTS:
            thinner = halved(thinner)
        write_atomically(path, _lines(thinner))
    elif fresh:
        torn = bool(there) and not there.endswith(b"\n")
        with path.open("ab") as file:
            file.write(b"\n" * torn + _lines(fresh))
    return fresh


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _points(lines: bytes) -> list[Usage]:
    """Return the points of a file; a line that a full disk or a crash cut short has none."""
    found = []
    for line in lines.splitlines():
        with suppress(ValidationError):
            found.append(Usage.model_validate_json(line))
    return found


def _lines(points: Sequence[Usage]) -> bytes:
    return "".join(f"{point.model_dump_json()}\n" for point in points).encode()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock against other threads and processes."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
