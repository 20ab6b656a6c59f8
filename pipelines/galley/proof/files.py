"""Which files a run wrote below its working directory, and what is in them.

Written is what is new, changed or gone after a run; files outside of the working directory are not
looked at. What is left out is a fixed list, each entry with its reason.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from galley.domain.proof import Difference, DifferenceKind

Marks = Mapping[str, tuple[int, int, int]]
"""Relative path → (inode, size, time of change) of each file, to see later what was written."""

Written = Mapping[str, str]
"""Relative path → SHA-256 of what was written there, or :data:`GONE`."""

GONE = "gone"

IGNORED: Mapping[str, str] = {
    "products": "what tasks hand over and their executed notebooks are compared by themselves",
    "__pycache__": "Python's cache of compiled modules holds paths and times",
    ".ipynb_checkpoints": "copies that an editor keeps",
    ".ploomber": "Ploomber's own records",
    "mlruns": "MLflow names folders after random run ids and writes times into them",
    "mlartifacts": "MLflow names folders after random run ids",
    "mlflow.db": "MLflow's records of random run ids and times",
    ".matplotlib": "matplotlib's cache of the fonts of this machine",
    ".cache": "what libraries downloaded or computed once for this machine",
}
"""Names of files and folders that are no results, and why; in whatever folder they lie."""

_RECORD = re.compile(r"\..*\.metadata\Z")  # Ploomber's record of a product, beside it
# The project's own: Ploomber adds an empty parameters cell to a task's notebook that has none.
_PROJECT = re.compile(r"(tasks/[^/]+\.ipynb|(pipeline|env|galley)\.yaml|requirements\.lock)\Z")
_DRAWN = re.compile(r"[0-9a-f]{8,}|\d+")


def marks(folder: Path) -> Marks:
    """Return what tells later whether a file below ``folder`` was written."""
    return {path: _mark(folder / path) for path in _files(folder)}


def written(folder: Path, before: Marks) -> Written:
    """Return what was written below ``folder`` since ``before``."""
    now = marks(folder)
    changed = {path: digest(folder / path) for path in now if before.get(path) != now[path]}
    return changed | {path: GONE for path in before if path not in now}


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of where a link points to."""
    if path.is_symlink():
        return hashlib.sha256(b"link " + str(path.readlink()).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def compare_files(first: Written, split: Written, again: Written | None) -> list[Difference]:
    """Return what differs between the files of an unsplit run and those of a split one.

    Args:
        again: files of a second unsplit run; what differs there already is marked unstable. A file
            named after a time or a random number is found by the rest of its name.
    """
    again = first if again is None else again
    found = []
    shapes = _shapes(first, again)
    for path in sorted({*first, *split}):
        if first.get(path) == split.get(path):
            continue
        drawn = shapes is not None and _shape(path) in shapes
        if path not in split:
            message = f"the file `{path}` is not written"
            unstable = path not in again and (
                not drawn or _number(first, path) == _number(split, path)
            )
        elif path not in first:
            message = f"the file `{path}` is written and was not before"
            unstable = path in again or (drawn and _number(first, path) == _number(split, path))
        else:
            message = f"the file `{path}` has another content"
            unstable = path in again and again[path] != first[path]
        found.append(
            Difference(kind=DifferenceKind.FILE, what=path, unstable=unstable, message=message)
        )
    return found


def _shapes(first: Written, again: Written) -> set[str] | None:
    """Return the shapes of names that change from run to run."""
    changing = {_shape(path) for path in {*first} ^ {*again}}
    return changing or None


def _shape(path: str) -> str:
    return _DRAWN.sub("#", path)


def _number(files: Written, path: str) -> int:
    return sum(1 for one in files if _shape(one) == _shape(path))


def _files(folder: Path) -> Iterator[str]:
    pending = [folder]
    while pending:
        for path in pending.pop().iterdir():
            if path.name in IGNORED or _RECORD.match(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                pending.append(path)
            elif path.is_file() or path.is_symlink():
                relative = str(PurePosixPath(path.relative_to(folder)))
                if not _PROJECT.match(relative):
                    yield relative


def _mark(path: Path) -> tuple[int, int, int]:
    stat = path.lstat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
