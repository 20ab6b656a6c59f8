"""The notebooks of a folder, and a working copy for each: the folder itself is never written to."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

LEFT_OUT = frozenset({".git", ".ipynb_checkpoints", "node_modules", "__pycache__", ".venv"})
WHOLE = 300 * 2**20
"""Up to this size the whole folder is copied, in bytes; above it only what lies beside."""
HEADING = re.compile(r"^ {0,3}#{1,6}\s+\S", re.MULTILINE)


class Found(NamedTuple):
    """A notebook's file and the collection it belongs to."""

    folder: Path
    path: Path

    @property
    def name(self) -> str:
        """How the report calls it."""
        return f"{self.folder.name}/{self.path.relative_to(self.folder)}"


def notebooks(folders: list[Path]) -> list[Found]:
    """Return every ``*.ipynb`` below the folders, by name."""
    found = [
        Found(folder.resolve(), path)
        for folder in folders
        for path in sorted(folder.resolve().rglob("*.ipynb"))
        if not LEFT_OUT & set(path.relative_to(folder.resolve()).parts) and path.is_file()
    ]
    if not found:
        raise SystemExit(f"no *.ipynb below {', '.join(map(str, folders))}")
    return found


def working_copy(found: Found, target: Path) -> Path:
    """Copy a notebook with the files around it to ``target``; return the notebook's path there."""
    relative = found.path.relative_to(found.folder)
    if _size(found.folder) <= WHOLE:
        _copy(found.folder, target)
        return target / relative
    beside = target / relative.parent
    _copy(found.path.parent, beside)
    return target / relative


_SIZES: dict[Path, int] = {}


def _size(folder: Path) -> int:
    if folder not in _SIZES:
        _SIZES[folder] = sum(file.stat().st_size for file in _files(folder))
    return _SIZES[folder]


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        yield from (file for name in names if (file := Path(parent, name)).is_file())


def _copy(source: Path, target: Path) -> None:
    # Links are followed, so that nothing in the copy leads back into the folder.
    for file in _files(source):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)


class Reading(NamedTuple):
    """What the benchmark itself sees in a notebook's file, whatever galley makes of it.

    Attributes:
        problem: why it is not a notebook; None where it is one.
        language: of its kernel, in lower case.
        headings: Markdown cells' headings.
        coded: how many of them have code between them and the next.
        cells: [index, source, may raise] of the code cells.
    """

    problem: str | None
    notebook: dict[str, Any]
    language: str
    headings: int
    coded: int
    cells: list[tuple[int, str, bool]]


def read(path: Path) -> Reading:
    """Read a notebook's file leniently."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        if notebook["nbformat"] != 4:
            return Reading(f"nbformat {notebook['nbformat']}", notebook, "", 0, 0, [])
        return _reading(notebook)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Reading(f"{type(error).__name__}: {error}"[:200], {}, "", 0, 0, [])


def _reading(notebook: dict[str, Any]) -> Reading:
    metadata = notebook.get("metadata", {})
    spec = metadata.get("kernelspec", {})
    language = metadata.get("language_info", {}).get("name") or spec.get("language")
    language = language or ("python" if "python" in spec.get("name", "python") else spec["name"])
    cells, headings, coded, waiting = [], 0, 0, False
    for index, cell in enumerate(notebook["cells"]):
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            found = len(HEADING.findall(re.sub(r"```.*?(```|\Z)", "", source, flags=re.DOTALL)))
            headings, waiting = headings + found, waiting or found > 0
        if cell["cell_type"] == "code" and source.strip():
            tags = cell.get("metadata", {}).get("tags", [])
            cells.append((index, source, "raises-exception" in tags))
            coded, waiting = coded + waiting, False
    return Reading(None, notebook, str(language).lower(), headings, coded, cells)
