"""Parameters for a notebook that has no parameters cell: the literals that it sets near its top.

Read from above until something is computed: the first code cell that sets names to literals, as
far as its first computation (imports, docstrings, calls without a result and definitions do no
harm). Such a name counts if it is set once in the whole notebook, used somewhere, and holds text, a
number, true or false, or a list of these: a counter, a result to be filled, a mapping are none.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from galley.notebook.literals import assignments, json_literal
from galley.notebook.parameter_cell import RESERVED, ParameterReader
from galley.notebook.source import Cell

_NO_COMPUTATION = (
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Pass,
    ast.Expr,
)


@dataclass(frozen=True)
class Proposal:
    """What could be parameters.

    Attributes:
        reader: has read them.
        alone: tagging the cell is enough; else it computes too, and what it sets must move to a
            cell of its own, because a run sets parameters after the tagged cell.
    """

    reader: ParameterReader
    alone: bool


def propose(cells: Iterable[Cell]) -> Proposal | None:
    """Return what could be parameters; None where nothing could."""
    code = [cell for cell in cells if cell.type == "code" and cell.source.strip()]
    bound: Counter[str] | None = None
    used = set[str]()
    for cell in code:
        if cell.code.tree is None:
            continue
        if cell.code.magic is not None:
            return None
        settings, computes = _settings(cell.code.tree)
        reader = ParameterReader(cell)
        if settings and bound is None:
            bound = Counter(name for one in code for name in _bound(one))
            used = {name for one in code for name in _used(one)}
        for name, statement in settings:
            if bound is not None and bound[name] == 1 and name in used:
                reader.read(statement)
        if reader.properties:
            return Proposal(reader, alone=not computes and cell is not code[-1])
        if computes:
            return None
    return None


def _settings(tree: ast.Module) -> tuple[list[tuple[str, ast.stmt]], bool]:
    """Return the assignments of settings before the first computation, and whether one follows."""
    settings: list[tuple[str, ast.stmt]] = []
    for statement in tree.body:
        if isinstance(statement, _NO_COMPUTATION):
            continue
        names = assignments(ast.Module([statement], []))
        if not names or not all(_is_literal(value) for _, value in names):
            return settings, True
        settings += [
            (name, statement) for name, value in names if _is_name(name) and _is_setting(value)
        ]
    return settings, False


def _is_name(name: str) -> bool:
    return not name.startswith("_") and name not in RESERVED


def _is_literal(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError):
        return False
    return True


def _is_setting(value: ast.expr) -> bool:
    try:
        found = json_literal(value)
    except ValueError:
        return False
    if isinstance(found, list):
        return bool(found) and all(isinstance(one, str | int | float) for one in found)
    return isinstance(found, str | int | float)


def _bound(cell: Cell) -> Iterable[str]:
    """Yield each name as often as the cell binds, changes or deletes it."""
    for node in cell.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _used(cell: Cell) -> Iterable[str]:
    for node in cell.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
