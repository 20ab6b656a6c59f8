"""The parameters cell cut down to what one task uses: whole statements as they were written."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from galley.notebook.source import Cell

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)


@dataclass(frozen=True)
class _Lines:
    """Statements that share lines.

    Attributes:
        above: first of the comment lines that stand directly above, counted from 0.
        end: the line after the last one.
    """

    nodes: tuple[ast.stmt, ...]
    above: int
    start: int
    end: int


def without(cell: Cell, names: Collection[str]) -> str:
    """Return the source of a cell without the assignments of ``names``."""
    lines = cell.source.split("\n")
    for group in reversed(_grouped(cell)):
        gone = [node for node in group.nodes if _assigned(node) in names]
        if len(gone) == len(group.nodes):
            lines[group.above : group.end] = []
        elif gone:
            kept = [node for node in group.nodes if node not in gone]
            lines[group.start : group.end] = [_text_of(cell, node) for node in kept]
    source = "\n".join(lines)
    return source if source == cell.source else source.strip("\n")


def only(cell: Cell, names: Collection[str], defined: Collection[str]) -> str:
    """Return the assignments of ``names``, and what their types and values need of the cell.

    Args:
        defined: names that are there already.
    """
    wanted = [
        (group, node)
        for group in _grouped(cell)
        for node in group.nodes
        if _assigned(node) in names
    ]
    chosen = {id(node) for _, node in wanted}
    needed = _used([node for _, node in wanted]) - set(defined) - set(names)
    everything = [(group, node) for group in _grouped(cell) for node in group.nodes]
    while True:
        more = [node for _, node in everything if id(node) not in chosen and _binds(node) & needed]
        if not more:
            break
        chosen |= {id(node) for node in more}
        needed |= _used(more) - set(defined)
    texts: dict[bool, list[str]] = {True: [], False: []}
    for group in _grouped(cell):
        kept = [node for node in group.nodes if id(node) in chosen]
        if not kept:
            continue
        is_import = isinstance(kept[0], ast.Import | ast.ImportFrom)
        if len(kept) == len(group.nodes):
            texts[is_import].append("\n".join(cell.source.split("\n")[group.above : group.end]))
        else:
            texts[is_import] += [_text_of(cell, node) for node in kept]
    return "\n\n".join("\n".join(part) for part in (texts[True], texts[False]) if part)


def from_above(source: str, above: Sequence[Cell], defined: Collection[str]) -> str:
    """Return the imports, classes and functions of the cells above that a source needs.

    Args:
        source: of a parameters cell, cut down.
        above: the cells above it, in their order.
        defined: names that are there already.
    """
    tree = ast.parse(source)
    bound = set(defined).union(*map(_binds, tree.body))
    needed = _used(tree.body) - bound
    taken: list[str] = []
    for cell in reversed(above):
        for node in reversed(cell.code.tree.body if cell.code.tree is not None else []):
            if isinstance(node, _DEFINITIONS) and _binds(node) & needed:
                needed = (needed - _binds(node)) | (_used([node]) - bound)
                decorated = getattr(node, "decorator_list", [])
                taken.insert(0, ast.unparse(node) if decorated else _text_of(cell, node))
    return "\n".join(taken)


def _grouped(cell: Cell) -> list[_Lines]:
    if cell.code.tree is None:
        return []
    lines = cell.source.split("\n")
    found: list[_Lines] = []
    for node in cell.code.tree.body:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(one.lineno for one in decorators)]) - 1
        end = node.end_lineno or node.lineno
        if found and start < found[-1].end:
            last = found.pop()
            found.append(_Lines((*last.nodes, node), last.above, last.start, max(end, last.end)))
            continue
        above, floor = start, found[-1].end if found else 0
        while above > floor and lines[above - 1].lstrip().startswith("#"):
            above -= 1
        found.append(_Lines((node,), above, start, end))
    return found


def _text_of(cell: Cell, node: ast.stmt) -> str:
    return ast.get_source_segment(cell.source, node) or ast.unparse(node)


def _assigned(node: ast.stmt) -> str | None:
    """Return the name of a plain assignment, as parameters are read."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case _:
            return None


def _binds(node: ast.stmt) -> set[str]:
    match node:
        case ast.Import() | ast.ImportFrom():
            return {(one.asname or one.name).partition(".")[0] for one in node.names}
        case ast.FunctionDef() | ast.ClassDef():
            return {node.name}
        case _:
            name = _assigned(node)
            return set() if name is None else {name}


def _used(nodes: list[ast.stmt]) -> set[str]:
    return {
        one.id
        for node in nodes
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)
    }
