"""Run cells in a real kernel, as papermill would."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode


def run(
    folder: Path,
    cells: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    files: Sequence[int] = (),
    allow_errors: bool = False,
) -> list[NotebookNode]:
    """Return the executed cells; the kernel's folder is ``folder``, ``files`` are open in it."""
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        node,
        kernel_name="python3",
        timeout=120,
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env={**os.environ, **(environment or {})}, pass_fds=tuple(files))
    return list(node.cells)


def text(cell: NotebookNode) -> str:
    """Return all that a cell printed or returned, sorted: two streams may come in any order."""
    parts = []
    for output in cell.outputs:
        parts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
        parts.append(output.get("evalue", ""))
    return "".join(sorted(parts))
