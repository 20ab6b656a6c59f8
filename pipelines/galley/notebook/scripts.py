"""Files that ``%run`` runs: Python files and notebooks beside the notebook, sent along with it."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from galley.domain.documents import parse_notebook
from galley.errors import InvalidInput
from galley.notebook.magics import expanded, magic_of
from galley.notebook.source import parse, read_cells

SUFFIXES = frozenset({".py", ".ipy", ".ipynb"})
MOST_RUN = 50
"""Files that are read for one ``%run``, each as often as it is run."""
_LONGEST = 200
_FLAGS = frozenset({"-i", "-e", "-t", "-G"})
"""Options that change neither what is run nor which of its lines."""


def is_script(path: str) -> bool:
    """Whether a path is that of a file that may be sent along to be run."""
    pure = PurePosixPath(path)
    return (
        pure.suffix in SUFFIXES
        and str(pure) == path
        and path.isprintable()
        and len(path.encode("utf-8", "replace")) <= _LONGEST
        and not pure.is_absolute()
        and not any(part.startswith(".") for part in pure.parts)
    )


def script_of(argument: str) -> str | None:
    """Return the path of what ``%run ARGUMENT`` runs, relative to the notebook's folder.

    None where that is not a file in or below the folder, or cannot be told from the text.
    """
    try:
        words = shlex.split(argument)
    except ValueError:
        return None
    while words and words[0] in _FLAGS:
        words.pop(0)
    if not words or expanded(argument) or words[0].startswith(("-", "~")):
        return None
    path = str(PurePosixPath(words[0]))
    if PurePosixPath(path).suffix not in SUFFIXES:
        path += ".py"
    return path if is_script(path) else None


def run_by(node: ast.AST) -> str | None:
    """Return the path of the file that a call runs; None where it is no ``%run`` of one."""
    magic = magic_of(node) if isinstance(node, ast.Call) else None
    return script_of(magic.argument) if magic is not None and magic.kind == "run" else None


def statements_of(path: str, files: Mapping[str, str]) -> list[ast.stmt] | None:
    """Return the statements of a file that is run, with those of the files that it runs itself.

    None where it was not sent along, where not all of it can be read, or where it runs others more
    often than anybody would write.

    Args:
        files: path → source of what was sent along.
    """
    try:
        return _expanded(path, files, [MOST_RUN])
    except _TooMany:
        return None


class _TooMany(Exception):
    """Files that run each other, more often than :data:`MOST_RUN`."""


def _expanded(path: str, files: Mapping[str, str], left: list[int]) -> list[ast.stmt] | None:
    if path not in files:
        return None
    left[0] -= 1
    if left[0] < 0:
        raise _TooMany
    others = {other: source for other, source in files.items() if other != path}
    found: list[ast.stmt] = []
    try:
        for source in _sources(path, files[path]):
            code = parse(source)
            if code.tree is None or code.magic is not None:
                return None
            for node in code.tree.body:
                inner = run_by(node.value) if isinstance(node, ast.Expr) else None
                body = None if inner is None else _expanded(inner, others, left)
                found += [node] if body is None else body
    except InvalidInput:
        return None
    return found


def trees_of(path: str, source: str) -> list[ast.Module]:
    """Return what can be read of a file, also where it is not all of it."""
    try:
        found = [parse(one).tree for one in _sources(path, source)]
    except InvalidInput:
        return []
    return [tree for tree in found if tree is not None]


def readable(path: str, source: str) -> str:
    """Return a file as people read it: of a notebook, its code."""
    if not path.endswith(".ipynb"):
        return source
    try:
        return "\n\n".join(_sources(path, source)) + "\n"
    except InvalidInput:
        return source


def _sources(path: str, source: str) -> Iterator[str]:
    if not path.endswith(".ipynb"):
        yield source
        return
    for cell in read_cells(_document(path, source)):
        if cell.type == "code" and cell.source.strip():
            yield cell.source


def _document(path: str, source: str) -> dict[str, Any]:
    return parse_notebook(source.encode(), path)
