"""What assignments, patterns and loops bind, and whether their bodies surely run."""

from __future__ import annotations

import ast

from galley.notebook.tree import walk


def bound(target: ast.expr) -> list[str]:
    """Return the names that a target binds."""
    if isinstance(target, ast.Name):
        return [target.id]
    return [
        node.id
        for node in walk(target)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]


def captured(pattern: ast.pattern) -> list[str]:
    """Return the names that a pattern binds."""
    names = [getattr(node, "name", None) or getattr(node, "rest", None) for node in walk(pattern)]
    return [name for name in names if isinstance(name, str)]


def is_true(test: ast.expr) -> bool:
    """Whether a test always holds in a notebook."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Compare(left=ast.Name(id="__name__"), comparators=[ast.Constant("__main__")]):
            return isinstance(test.ops[0], ast.Eq)
        case _:
            return False


def never_empty(iterable: ast.expr) -> bool:
    """Whether a loop over a value surely runs."""
    match iterable:
        case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
            return any(not isinstance(one, ast.Starred) for one in elts)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return count > 0
        case _:
            return False
