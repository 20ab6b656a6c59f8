"""Which names a notebook's parameters cells declare, in whatever way.

papermill looks for one ``name = value`` a line, in the first cell: so not at ``x, y = 1, 2``,
``x = y = 1``, ``x: int``, nor at a text with ``=`` in it. It injects all of these.
"""

from __future__ import annotations

import ast
from typing import Any

from galley.notebook.source import PARAMETERS_TAG, read_cells


def declared_names(notebook: dict[str, Any]) -> frozenset[str]:
    """Return the names that the code cells tagged ``parameters`` assign or annotate.

    Raises:
        InvalidInput: it is not an nbformat 4 notebook.
    """
    return frozenset(
        node.id
        for cell in read_cells(notebook)
        if cell.type == "code" and PARAMETERS_TAG in cell.tags
        for node in cell.nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
