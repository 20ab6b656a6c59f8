"""Names that perhaps nothing defines: what pyflakes is to look at, which takes ten times as long.

What is known of the statements already tells most names apart: those that an earlier statement
binds. A name too many costs time, a name too few would be an error that nobody is told of, so
where the facts do not say all (star imports, types in quotes) there is no answer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from galley.notebook.facts import Function, Statement
from galley.notebook.source import Cell
from galley.notebook.tree import walk

_BINDING = frozenset(
    {ast.arg, ast.alias, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef}
    | {ast.ExceptHandler, ast.Global, ast.Nonlocal, ast.MatchAs, ast.MatchStar, ast.MatchMapping}
)


def doubtful_names(
    cells: Iterable[Cell], statements: Iterable[Statement], builtin: frozenset[str]
) -> dict[int, set[str]] | None:
    """Return index of a cell → the names in it that it is not certain are defined.

    A cell that mentions none of these names is left out: it makes no difference to them.

    Args:
        statements: of the cells, in their order.
        builtin: names that need no definition.

    Returns:
        None where the facts do not tell: each name of each cell is doubtful.
    """
    mentioned: dict[int, set[str]] = {}
    doubtful: set[str] = set()  # at first all that is loaded and not bound by the same cell
    deleted: set[str] = set()
    for cell in cells:
        if not _is_told(cell):
            return None
        names = [node for node in cell.nodes if isinstance(node, ast.Name)]
        loads = {node.id for node in names if isinstance(node.ctx, ast.Load)}
        binds = {node.id for node in names if not isinstance(node.ctx, ast.Load)}
        deleted |= {node.id for node in names if isinstance(node.ctx, ast.Del)}
        for node in [one for one in cell.nodes if type(one) in _BINDING]:
            binds.update(_bound(node))
        mentioned[cell.index] = binds | loads
        doubtful |= loads - binds
    defined, early = set(builtin), set[str]()
    for one in statements:
        early |= one.facts.reads.keys() - defined
        for function in one.facts.functions.values():
            doubtful.update(_reads(function))
        defined |= one.facts.binds.keys()
    doubtful = (doubtful - defined) | early | deleted
    return {index: names & doubtful for index, names in mentioned.items() if names & doubtful}


def _is_told(cell: Cell) -> bool:
    """Whether the facts of a cell have every name that pyflakes would look up."""
    if "typing" in cell.source or "__future__" in cell.source or cell.code.argument:
        return False
    if cell.kinds.isdisjoint({ast.AnnAssign, ast.arg, ast.ImportFrom, ast.FunctionDef}):
        return True
    for node in cell.nodes:
        match node:
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                return False
            case ast.AnnAssign(annotation=hint) | ast.arg(annotation=ast.expr() as hint):
                if _is_quoted(hint):
                    return False
            case ast.FunctionDef(returns=ast.expr() as hint):
                if _is_quoted(hint):
                    return False
    return True


def _is_quoted(hint: ast.expr) -> bool:
    return any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in walk(hint))


def _bound(node: ast.AST) -> Iterable[str]:
    """Return the names that a node other than a name binds, in whatever scope."""
    match node:
        case ast.arg(arg=name):
            return (name,)
        case ast.alias(name=name, asname=other):
            return (other or name.partition(".")[0],)
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return names
        case ast.MatchMapping(rest=rest):
            return (rest,) if rest else ()
    own = getattr(node, "name", None)
    return (own,) if own else ()


def _reads(function: Function) -> Iterator[str]:
    yield from function.facts.reads
    for one in (*function.facts.functions.values(), *function.methods.values()):
        yield from _reads(one)
