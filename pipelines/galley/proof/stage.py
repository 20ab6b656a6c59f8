"""The one folder in which all runs of a proof happen, one after the other.

Each run finds a fresh copy of the project under the same path, so that paths that a notebook keeps
or prints are the same. What an earlier run left is put aside, and put back at the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from galley.proof.files import Marks, Written, marks, written
from galley.proof.leftovers import Leftovers

PASSED_OVER = frozenset({"node_modules", "__pycache__", "products", "mlruns"})
"""Folders beside a notebook that no run gets a copy of; nor hidden ones, nor environments."""


class Stage:
    """The folder and what it held before.

    Args:
        home: where the runs happen; their working directory. It is never removed or renamed
            itself: it may be a mount point or somebody's current directory.
        aside: an empty or missing folder beside it for what is put aside.
        neighbours: a folder whose content every run finds as well: the notebook's data files.
        leftovers: what runs leave elsewhere; it is taken away before each.
    """

    def __init__(
        self,
        home: Path,
        aside: Path,
        neighbours: Path | None = None,
        leftovers: Leftovers | None = None,
    ) -> None:
        self.home = home
        self._leftovers = leftovers or Leftovers()
        self._aside = aside
        self._neighbours = neighbours
        self._marks: Marks = {}

    def put_aside(self) -> None:
        """Move what is in the folder away, until :meth:`put_back`."""
        self._aside.mkdir(parents=True, exist_ok=True)
        _move(self.home, self._aside)

    def put_back(self) -> None:
        """Leave the folder as it was at :meth:`put_aside`."""
        self._clear()
        _move(self._aside, self.home)

    def set(self, files: Mapping[str, bytes]) -> None:
        """Make the folder hold ``files`` (relative path → content) and the neighbours only."""
        self._clear()
        self._leftovers.remove()
        if self._neighbours is not None:
            copy_folder(self._neighbours, self.home)
        for path, content in files.items():
            target = self.home / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self.mark()

    def mark(self) -> None:
        """Take what the folder holds now as given: not written by a run."""
        self._marks = marks(self.home)

    def written(self) -> Written:
        """Return what was written since the last mark."""
        return written(self.home, self._marks)

    def _clear(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        for path in self.home.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def folder_size(folder: Path) -> int:
    """Return how many bytes each run would get a copy of."""
    return sum(
        folder_size(path) if path.is_dir() else path.stat().st_size
        for path in _copied(folder)
        if not path.is_symlink()
    )


def _copied(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name not in PASSED_OVER
        and not (path.name.startswith(".") and path.is_dir())
        and not (path / "pyvenv.cfg").exists()
    ]


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder; a link still leads where it led, so that data elsewhere is found."""
    target.mkdir(parents=True, exist_ok=True)
    for path in _copied(source):
        if path.is_symlink():
            if not os.path.lexists(target / path.name):
                (target / path.name).symlink_to(os.path.realpath(path))
        elif path.is_dir():
            copy_folder(path, target / path.name)
        elif path.is_file():
            shutil.copy2(path, target / path.name)


def _move(source: Path, target: Path) -> None:
    for path in list(source.iterdir()):
        shutil.move(path, target / path.name)
