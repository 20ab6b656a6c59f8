"""Find what a notebook imports and runs of its own folder, without running anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from galley.domain.documents import parse_notebook, sent_along
from galley.domain.versions import Analysis
from galley.errors import InvalidInput, NotFound, TooLarge

MAX_NOTEBOOK = 64 * 2**20
MAX_MODULES = 4 * 2**20
"""Largest notebook and largest sum of its local modules that are read, bytes."""

REQUIREMENTS = "requirements.txt"


class Collected(NamedTuple):
    """What a notebook needs in order to be published.

    Attributes:
        notebook: nbformat 4 JSON.
        modules: path relative to the notebook's folder → source of each local module and of each
            file that ``%run`` runs; of a notebook, without its outputs.
        analysis: of the notebook with these modules.
    """

    notebook: dict[str, Any]
    modules: dict[str, str]
    analysis: Analysis


def collect_modules(
    notebook_path: Path, analyse: Callable[[dict[str, Any], dict[str, str]], Analysis]
) -> Collected:
    """Read a notebook and what it imports or runs of its folder, directly or through each other.

    Asks ``analyse(notebook, modules)`` which modules and files are missing, looks for them beside
    the notebook, and asks again until nothing more is found. A package brings all of its Python
    files. Files that lie outside the notebook's folder, through a symbolic link, are not read.

    A ``requirements.txt`` beside a notebook that states no requirements itself goes along, as the
    ``galley.requirements`` of the notebook's metadata.

    Raises:
        NotFound: there is no such notebook.
        InvalidInput: it is not a notebook, or a module is not UTF-8 text.
        TooLarge: the notebook or the modules are over the limit.
    """
    notebook = read_notebook(notebook_path)
    folder = notebook_path.resolve().parent
    notebook = _with_requirements(notebook, folder / REQUIREMENTS)
    modules: dict[str, str] = {}
    while True:
        analysis = analyse(notebook, modules)
        found = {
            path: file
            for name in analysis.missing_modules
            for path, file in _files_of(name, folder).items()
            if path not in modules
        }
        found |= {
            path: folder / path
            for path in analysis.missing_scripts
            if path not in modules and _is_inside(folder / path, folder)
        }
        if not found:
            return Collected(notebook, modules, analysis)
        for path, file in found.items():
            modules[path] = sent_along(path, _read_text(file, "modules"))
            size = sum(len(source.encode()) for source in modules.values())
            if size > MAX_MODULES:
                raise TooLarge(
                    f"the local files that {notebook_path.name} needs are larger than "
                    f"{MAX_MODULES // 2**20} MiB together ({path} was the one too many). Keep data "
                    "out of Python files, or install the package into the environment.",
                    field="modules",
                )


def read_notebook(path: Path) -> dict[str, Any]:
    """Return the notebook at ``path`` as JSON.

    Raises:
        NotFound, InvalidInput, TooLarge: as :func:`collect_modules`.
    """
    if not path.is_file():
        raise NotFound(f"there is no notebook {str(path)!r}.", field="notebook")
    size = path.stat().st_size
    if size > MAX_NOTEBOOK:
        raise TooLarge(
            f"{path.name} is {size / 2**20:.0f} MiB large, at most {MAX_NOTEBOOK // 2**20} MiB "
            "are read: clear its outputs and save it again.",
            field="notebook",
        )
    return parse_notebook(path.read_bytes(), path.name)


def _with_requirements(notebook: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the notebook with the lines of ``file`` in its metadata, if it states none itself."""
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    galley = metadata.get("galley")
    galley = galley if isinstance(galley, dict) else {}
    if "requirements" in galley or not file.is_file() or not _is_inside(file, file.parent):
        return notebook
    if file.stat().st_size > MAX_MODULES:
        raise TooLarge(f"{file.name} is larger than {MAX_MODULES // 2**20} MiB.", field="notebook")
    lines = [line.strip() for line in _read_text(file, "notebook").splitlines()]
    stated = [line for line in lines if line and not line.startswith("#")]
    return {**notebook, "metadata": {**metadata, "galley": {**galley, "requirements": stated}}}


def _files_of(name: str, folder: Path) -> dict[str, Path]:
    """Return relative path → file of what ``import NAME`` would find in ``folder``."""
    top = name.split(".", maxsplit=1)[0]
    if not top.isidentifier():
        return {}
    package = folder / top
    if (package / "__init__.py").is_file():
        candidates = sorted(package.rglob("*.py"))
    elif (folder / f"{top}.py").is_file():
        candidates = [folder / f"{top}.py"]
    elif package.is_dir():
        candidates = sorted(package.rglob("*.py"))
    else:
        candidates = []
    return {
        file.relative_to(folder).as_posix(): file
        for file in candidates
        if _is_inside(file, folder) and not _is_hidden(file.relative_to(folder))
    }


def _is_inside(file: Path, folder: Path) -> bool:
    try:
        target = file.resolve()
        return target.is_file() and target.is_relative_to(folder)
    except OSError:  # a name that is too long
        return False


def _is_hidden(relative: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in relative.parts)


def _read_text(file: Path, field: str) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file.name} is not UTF-8 text: {error}.", field=field) from error
