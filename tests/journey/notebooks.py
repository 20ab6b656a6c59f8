"""Notebooks made for a journey, each for one purpose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

EXAMPLES = Path(__file__).parents[2] / "notebooks"


def example(name: str) -> dict[str, Any]:
    """Return one of the examples as JSON."""
    return dict(nbformat.read(EXAMPLES / name, as_version=4))


def notebook(*sources: str, parameters: str | None = None) -> dict[str, Any]:
    """Return a notebook with these code cells, below a ``parameters`` cell if there are any."""
    cells = [new_markdown_cell("# A journey")]
    if parameters is not None:
        cells.append(new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(source) for source in sources]
    made = new_notebook(cells=cells)
    made.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    return dict(made)


def save(content: dict[str, Any], path: Path) -> Path:
    """Write a notebook."""
    nbformat.write(nbformat.from_dict(content), path)
    return path
