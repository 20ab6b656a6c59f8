"""Literals of a notebook's source: what can be read of it without running anything."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from typing import Any

from galley.notebook.source import Cell

MAX_OPTIONS = 1000
"""More options than that are no choice that a person makes."""


def json_literal(node: ast.expr) -> Any:
    """Return the value of a literal that JSON can carry.

    Raises:
        ValueError: it is not a literal, or holds what JSON lacks: a tuple, a set, infinity.
    """
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise ValueError("it is not a literal") from error
    _check_json(value)
    return value


def _check_json(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("it is not a finite number")
    if isinstance(value, tuple | set | bytes | complex) or value is ...:
        raise ValueError(f"{type(value).__name__} cannot be passed to a run (a list can)")
    if isinstance(value, list):
        for one in value:
            _check_json(one)
    if isinstance(value, dict):
        if other := [key for key in value if not isinstance(key, str)]:
            raise ValueError(f"its key {other[0]!r} is not text")
        for one in value.values():
            _check_json(one)


def constants(cells: Iterable[Cell]) -> dict[str, ast.expr]:
    """Return name → value of the names that cells assign once, at top level and nowhere else."""
    found: dict[str, ast.expr] = {}
    stores: dict[str, int] = {}
    for cell in cells:
        tree = cell.code.tree
        if tree is None:
            continue
        for node in cell.nodes:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
                stores[node.id] = stores.get(node.id, 0) + 1
        found |= dict(assignments(tree))
    return {name: value for name, value in found.items() if stores[name] == 1}


def assignments(tree: ast.Module) -> list[tuple[str, ast.expr]]:
    """Return (name, value) of the plain assignments at the top level of a cell."""
    found = []
    for one in tree.body:
        if isinstance(one, ast.AnnAssign) and one.value is not None:
            targets: list[ast.expr] = [one.target]
        elif isinstance(one, ast.Assign):
            targets = one.targets
        else:
            continue
        if len(targets) == 1 and isinstance(targets[0], ast.Name) and one.value is not None:
            found.append((targets[0].id, one.value))
    return found


class Literals:
    """Reads literals, looking up the names that a notebook assigns once."""

    def __init__(self, names: Mapping[str, ast.expr] | None = None) -> None:
        self._names = names or {}

    def value(self, node: ast.expr | None) -> Any:
        """Return the value of a literal, a ``range(...)`` or a constant's name; else ``...``."""
        if isinstance(node, ast.Name):
            node = self._names.get(node.id)
        if node is None:
            return ...
        if isinstance(node, ast.Call):
            return self._called(node)
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, SyntaxError, MemoryError):
            return ...

    def _called(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in {"list", "tuple", "sorted"} and len(node.args) == 1 and not node.keywords:
            inner = self.value(node.args[0])
            return list(inner) if isinstance(inner, list | tuple | range) else ...
        given = [self.value(one) for one in node.args]
        if name == "range" and given and all(type(one) is int for one in given) and len(given) < 4:
            try:
                numbers = range(*given)
            except ValueError:
                return ...
            return numbers if len(numbers) <= MAX_OPTIONS else ...
        return ...
