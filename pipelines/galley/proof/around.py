"""What a notebook names above its own folder: each run on this machine finds a copy of it.

``../data/raw.csv`` is where many a notebook has its data. The folder in which the runs happen
stands among copies as the notebook's own one stands among what it names.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from galley.domain.versions import FileUse
from galley.notebook.source import read_cells
from galley.proof.leftovers import Leftovers
from galley.proof.stage import copy_folder, folder_size

_LONGEST = 200
_PATTERN = re.compile(r"[*?\[]")


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
        self._marks: dict[Path, tuple[int, int, int]] = {}

    def remove(self) -> None:
        """Make the copies anew; what runs have left among them goes."""
        for path in self._others(self._folder):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        for target, source in self._sources().items():
            if not target.parent.resolve().is_relative_to(self._folder.resolve()):
                continue  # a link that was copied leads to the real one
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                copy_folder(source, target)
            elif source.is_file() and not target.exists():
                shutil.copy2(source, target)
        self._marks = self._marked()

    def written(self) -> tuple[str, ...]:
        """Return what was written, changed or deleted since, as paths from the home."""
        before, now = self._marks, self._marked()
        changed = {path for path in {**before, **now} if before.get(path) != now.get(path)}
        return tuple(sorted(posixpath.relpath(path, self.home) for path in changed))

    def _sources(self) -> Mapping[Path, Path]:
        """Return where a copy stands → of what it is; a folder stands before what is in it."""
        found = {}
        for path in sorted(self._paths):
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

    def _marked(self) -> dict[Path, tuple[int, int, int]]:
        found = {}
        for path in self._others(self._folder):
            for one in [path, *path.rglob("*")] if path.is_dir() else [path]:
                facts = one.lstat()
                # A folder is there or not; what is in it counts by itself.
                times = (0, 0) if one.is_dir() else (facts.st_mtime_ns, facts.st_size)
                found[one] = (facts.st_ino, *times)
        return found


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
    # Above the root there is nothing, whatever the system says.
    above = [one for one in named if one.strip("./") and 0 < _levels(one) < len(beside.parts)]
    return tuple(sorted({path for one in above for path in _there(beside, one)}))


def _there(beside: Path, path: str) -> list[str]:
    """Return what a path names: itself, the folder of a pattern, or all that begin so.

    A path may be the first part of an f-string. One that is to be written is itself.
    """
    folder, name = posixpath.split(path)
    try:
        if (beside / path).exists():
            return [path]
        if pattern := _PATTERN.search(path):
            folder = posixpath.dirname(path[: pattern.start()])
            return [folder] if folder.strip("./") and (beside / folder).is_dir() else []
        if not (beside / folder).is_dir():
            return []
        begin = [one.name for one in (beside / folder).iterdir() if one.name.startswith(name)]
    except (OSError, ValueError):
        return []
    return [posixpath.join(folder, one) for one in begin] or [path]


def _levels(path: str) -> int:
    """Return how many folders up a normalized path leads."""
    return path.split("/").count("..")


def _size(path: Path) -> int:
    if path.is_dir():
        return folder_size(path)
    return path.stat().st_size if path.is_file() else 0
