"""What tasks change in their project's folder beside their own products."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

_ON_THE_SIDE = {".ipynb_checkpoints", "__pycache__"}
_STAGED = re.compile(r"\..+\.[0-9a-f]{32}\.(new|old)")
"""What :mod:`galley.run.staging` moves into place, and out of it."""

_Mark = tuple[int, int]


class Strays:
    """Compares a project's folder with what it held before.

    Args:
        project: where it lies, before the first task.
        products: task → all that it makes, relative to the project.
    """

    def __init__(self, project: Path, products: Mapping[str, frozenset[Path]]) -> None:
        self._project = project
        self._products = products
        self._beside = {
            path.with_name(f".{path.name}.metadata")  # Ploomber's
            for made in products.values()
            for path in made
        }
        self._running: set[str] = set()
        self._seen = self._look()

    def begin(self, task: str) -> None:
        """Expect changes of a task's products."""
        self._running.add(task)

    def end(self, task: str) -> Path | None:
        """Take a task's products as they are now, and return a file that no task may change.

        It was written, changed or removed, and is no product of this task or a running one. None:
        there is none.
        """
        now = self._look()
        theirs = {path for name in (*self._running, task) for path in self._products[name]}
        self._running.discard(task)
        changed = sorted(
            path
            for path in now.keys() | self._seen.keys()
            if now.get(path) != self._seen.get(path) and theirs.isdisjoint((path, *path.parents))
        )
        self._seen = now
        return changed[0] if changed else None

    def written(self) -> list[Path]:
        """Return what was written or changed since the last look and is nobody's product."""
        theirs = frozenset[Path]().union(*self._products.values())
        return sorted(
            path
            for path, mark in self._look().items()
            if mark != self._seen.get(path) and theirs.isdisjoint((path, *path.parents))
        )

    def _look(self) -> dict[Path, _Mark]:
        return {
            path: mark
            for path, mark in marks(self._project)
            if path not in self._beside
            and not any(part in _ON_THE_SIDE or _STAGED.fullmatch(part) for part in path.parts)
        }


def marks(folder: Path) -> Iterator[tuple[Path, _Mark]]:
    """Yield each file below a folder with the moment of its last change and its size, bytes.

    Links are not followed; what goes away in the meantime, or cannot be seen, is left out.
    """
    for place, folders, files in os.walk(folder):
        for path in (Path(place) / name for name in (*files, *folders)):
            try:
                status = path.lstat()
            except OSError:
                continue
            if not stat.S_ISDIR(status.st_mode):
                yield path.relative_to(folder), (status.st_ctime_ns, status.st_size)
