"""Going through syntax trees, several times as fast as :mod:`ast` itself does it.

Contexts and operators (``Load``, ``Add``) are not gone to: nothing here asks for them, and they
are a third of all nodes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

_NO_NODES = frozenset(
    {"ctx", "op", "ops", "id", "attr", "kind", "type_comment", "name", "asname", "arg", "module"}
    | {"level", "conversion", "simple", "kwd_attrs", "rest"}
)
_LEAVES = (ast.Name, ast.Constant, ast.Global, ast.Nonlocal, ast.alias, ast.Pass)


class _Fields(dict[type, tuple[str, ...]]):
    """Type of a node → the fields of it that may hold nodes."""

    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        leaf = issubclass(kind, _LEAVES)
        found = () if leaf else tuple(name for name in kind._fields if name not in _NO_NODES)
        self[kind] = found
        return found


class _Methods(dict[type, str]):
    """Type of a node → the visitor's method for it."""

    def __missing__(self, kind: type[ast.AST]) -> str:
        found = self[kind] = f"visit_{kind.__name__}"
        return found


_FIELDS = _Fields()
_METHODS = _Methods()


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below ``node``, in the order of its fields."""
    found: list[ast.AST] = []
    _add_children(node, found)
    return found


def _add_children(node: ast.AST, found: list[ast.AST]) -> None:
    for name in _FIELDS[type(node)]:
        value = getattr(node, name, None)
        if type(value) is list:
            # Where something is left out (``{**a}``, a default) the list has a None.
            found += [one for one in value if one is not None] if None in value else value
        elif isinstance(value, ast.AST):
            found.append(value)


def walk(*nodes: ast.AST) -> list[ast.AST]:
    """Return the nodes and all below them, as :func:`ast.walk` finds them: level by level."""
    found = list(nodes)
    for node in found:  # it grows meanwhile
        if _FIELDS[type(node)]:
            _add_children(node, found)
    return found


def names_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the id of each name among the nodes and below them."""
    return (one.id for one in walk(*nodes) if isinstance(one, ast.Name))


class Visitor:
    """As :class:`ast.NodeVisitor`: ``visit_KIND`` for what is to be looked at."""

    def visit(self, node: ast.AST) -> Any:
        """Call the method for a node."""
        method = getattr(self, _METHODS[type(node)], None)
        return self.generic_visit(node) if method is None else method(node)

    def generic_visit(self, node: ast.AST) -> Any:
        """Visit what is below a node."""
        for one in children(node):
            self.visit(one)
