"""What imports load, and which of them are there for what that does."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from galley.notebook.tree import walk

_PLAIN = sys.stdlib_module_names | {"numpy", "pandas", "scipy", "matplotlib", "polars", "pyarrow"}
"""Packages of which nothing is there that an import of a module of theirs would change."""


@dataclass(frozen=True)
class Loaded:
    """What imports load.

    Attributes:
        modules: their dotted paths; of ``from a import b`` ``a.b`` as well, which may be one.
        bound: those of them that a name is bound to.
        parts: (package, name of a module in it), for each package on the way.
    """

    modules: frozenset[str]
    bound: frozenset[str]
    parts: frozenset[tuple[str, str]]

    @classmethod
    def by(cls, nodes: Iterable[ast.AST]) -> Loaded:
        """Return what statements load."""
        modules: set[str] = set()
        bound: set[str] = set()
        for node in walk(*nodes):
            match node:
                case ast.Import(names=names):
                    modules |= {one.name for one in names}
                    bound |= {
                        one.name if one.asname else one.name.partition(".")[0] for one in names
                    }
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    named = {f"{module}.{one.name}" for one in names}
                    modules |= {module} | named
                    bound |= named
        pieces = [path.split(".") for path in modules]
        parts = {
            (".".join(piece[:depth]), piece[depth])
            for piece in pieces
            for depth in range(1, len(piece))
        }
        return cls(frozenset(modules), frozenset(bound), frozenset(parts))

    @property
    def may_do_something(self) -> bool:
        """Whether to import them may change more than that they are there.

        As ``import hvplot.pandas``, ``from sklearn.experimental import enable_halving_search_cv``.
        """
        return any(one.partition(".")[0] not in _PLAIN for one in self.modules)
