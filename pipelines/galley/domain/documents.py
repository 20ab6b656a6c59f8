"""Whether bytes are a notebook, what they are instead, and which language it is in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from galley.errors import InvalidInput

NBFORMAT = 4
_PYTHON = frozenset({"python", "ipython", "python3"})


def parse_notebook(data: bytes, name: str) -> dict[str, Any]:
    """Return the notebook (nbformat 4 JSON) that ``data`` is.

    Args:
        name: what to call it, such as its file name.

    Raises:
        InvalidInput: it is none; says what it seems to be, and what to do.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _no_notebook(name, "it is not UTF-8 text, so perhaps a binary file") from error
    start = text.lstrip()[:15].lower()
    if not start:
        raise _no_notebook(name, "the file is empty")
    if start.startswith(("<!doctype", "<html", "<?xml", "<svg")):
        raise _no_notebook(name, "it is HTML or XML: export or download the .ipynb file itself")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise _no_notebook(name, f"it is not valid JSON ({why})") from error
    return as_notebook(document, name)


def as_notebook(document: Any, name: str) -> dict[str, Any]:
    """Return ``document`` if it is a notebook of nbformat 4, as far as its frame tells.

    Raises:
        InvalidInput: as :func:`parse_notebook`.
    """
    if not isinstance(document, dict):
        kind = "list" if isinstance(document, list) else type(document).__name__
        raise _no_notebook(name, f"it is a JSON {kind}, and a notebook is a mapping")
    version = document.get("nbformat")
    if isinstance(version, int) and version < NBFORMAT and version > 0:
        raise InvalidInput(
            f"{name} is a notebook of nbformat {version} (nbformat is {version}, and only "
            f"{NBFORMAT} is read): open it in JupyterLab and save it once, or run "
            "`jupyter nbconvert --to notebook --inplace` on it, which converts it",
            field="notebook",
        )
    if version != NBFORMAT:
        raise _no_notebook(name, f"nbformat is {version!r} and must be {NBFORMAT}")
    if not isinstance(document.get("cells"), list):
        raise _no_notebook(name, "it has no list of cells")
    return document


def sent_along(path: str, source: str) -> str:
    """Return a file that a notebook imports or runs as it is sent along with it.

    Of a notebook that is no more than the sources of its code cells.

    Raises:
        InvalidInput: it is to be a notebook and is none, or one that cannot be stored.
    """
    if not path.endswith(".ipynb"):
        return source
    cells = parse_notebook(source.encode(), path)["cells"]
    document = {
        "cells": [_bare(cell, path) for cell in cells if _is_code(cell)],
        "metadata": {},
        "nbformat": NBFORMAT,
        "nbformat_minor": 4,  # later ones want ids
    }
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _is_code(cell: Any) -> bool:
    return isinstance(cell, dict) and cell.get("cell_type") == "code"


def _bare(cell: dict[str, Any], path: str) -> dict[str, Any]:
    source = cell.get("source", "")
    source = "".join(map(str, source)) if isinstance(source, list) else str(source)
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{path} holds a character that cannot be stored as UTF-8 (a lone surrogate); delete "
            "it",
            field="modules",
        ) from error
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "execution_count": None,
        "outputs": [],
    }


def other_language(notebook: Mapping[str, Any]) -> str | None:
    """Return the language of a notebook's kernel, as its metadata names it, if not Python."""
    metadata = notebook.get("metadata", {})
    language = _named(metadata, "language_info", "name") or _named(
        metadata, "kernelspec", "language"
    )
    return None if language is None or language.lower() in _PYTHON else language


def _named(metadata: Any, part: str, key: str) -> str | None:
    inner = metadata.get(part) if isinstance(metadata, Mapping) else None
    value = inner.get(key) if isinstance(inner, Mapping) else None
    return value if isinstance(value, str) and value else None


def _no_notebook(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name} is not a notebook: {why}.", field="notebook")
