"""What a notebook names above its own folder: each run on this machine finds a copy of it.

``../data/raw.csv`` is where many a notebook has its data. The folder in which the runs happen
stands among copies as the notebook's own one stands among what it names.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from galley.domain.versions import FileUse
from galley.notebook.source import read_cells
from galley.proof.files import Marks, marks
from galley.proof.leftovers import Leftovers
from galley.proof.stage import copy_folder, folder_size

_LONGEST = 200


class Around(Leftovers):
    """The copies, made anew before each run.

    Args:
        folder: missing or empty; ``home`` is in it.
        beside: the notebook's own folder, absolute.
        paths: relative to it, at least one; each begins with ``../``. Of one that does not exist
            only the folder is made that it would be in.

    Attributes:
        home: where the runs happen.
        size: of what is copied, bytes.
    """

    def __init__(self, folder: Path, beside: Path, paths: Iterable[str]) -> None:
        super().__init__()
        self._paths = tuple(paths)
        self._folder = folder
        self._beside = beside
        levels = max(map(_levels, self._paths))
        if levels >= len(beside.parts):
            raise ValueError(f"{beside} has no folder that {max(self._paths, key=_levels)} names")
        self.home = folder.joinpath(*beside.parts[-levels:])
        self.size = sum(map(_size, self._sources().values()))
        self._marks: Marks = {}

    def remove(self) -> None:
        """Make the copies anew; what runs have left among them goes."""
        for path in self._others(self._folder):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for target, source in self._sources().items():
            if source.is_dir():
                copy_folder(source, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_file():
                    shutil.copy2(source, target)
        self._marks = self._marked()

    def written(self) -> tuple[str, ...]:
        """Return what was written, changed or deleted since, as paths from the home."""
        now = self._marked()
        changed = {
            path for path in {**now, **self._marks} if now.get(path) != self._marks.get(path)
        }
        return tuple(sorted(posixpath.relpath(self._folder / path, self.home) for path in changed))

    def _sources(self) -> Mapping[Path, Path]:
        """Return where a copy stands → of what it is."""
        found = {}
        for path in self._paths:
            target = Path(posixpath.normpath(self.home / path))
            if not (target.is_relative_to(self.home) or self.home.is_relative_to(target)):
                found[target] = Path(posixpath.normpath(self._beside / path))
        return found

    def _others(self, folder: Path) -> Iterator[Path]:
        """Yield what is in the folder, without the home and the folders that lead to it."""
        for path in folder.iterdir() if folder.is_dir() else ():
            if path == self.home:
                continue
            if self.home.is_relative_to(path):
                yield from self._others(path)
            else:
                yield path

    def _marked(self) -> Marks:
        own = f"{self.home.relative_to(self._folder).as_posix()}/"
        found = marks(self._folder).items()
        return {path: mark for path, mark in found if not path.startswith(own)}


def named_above(
    notebook: dict[str, Any], files: Iterable[FileUse], beside: Path
) -> tuple[str, ...]:
    """Return what a notebook's texts name above its folder, where there is such a place.

    Args:
        files: which it is known to read and write.
        beside: its own folder.
    """
    texts = [one.path for one in files if one.path is not None]
    texts += [str(one.value) for cell in read_cells(notebook) for one in cell.texts]
    named = {posixpath.normpath(one) for one in texts if ".." in one and len(one) <= _LONGEST}
    return tuple(
        sorted(
            one
            for one in named
            # Above the root there is nothing, whatever the system says.
            if one.strip("./") and 0 < _levels(one) < len(beside.parts) and _is_there(beside / one)
        )
    )


def _levels(path: str) -> int:
    """Return how many folders up a normalized path leads."""
    return path.split("/").count("..")


def _is_there(path: Path) -> bool:
    try:
        return path.exists() or path.parent.is_dir()
    except (OSError, ValueError):
        return False


def _size(path: Path) -> int:
    if path.is_dir():
        return folder_size(path)
    return path.stat().st_size if path.is_file() else 0
