"""The statements of a notebook with their facts, in the order in which they run."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from galley.notebook.facts import Effect, Facts, Known, Statement
from galley.notebook.files import literal_path
from galley.notebook.magics import cell_magic
from galley.notebook.reach import is_cloning
from galley.notebook.reading import Reader
from galley.notebook.remembering import Marks
from galley.notebook.scripts import run_by, statements_of
from galley.notebook.source import Cell, parse
from galley.notebook.tree import walk

_TELLING = frozenset(
    {ast.Name, ast.FunctionDef, ast.ClassDef, ast.Attribute, ast.Import, ast.ImportFrom}
    | {ast.Assign}
)
_NAMING: dict[type, tuple[str, ...]] = {
    ast.arg: ("arg",),
    ast.alias: ("name", "asname"),
    ast.ExceptHandler: ("name",),
    ast.MatchAs: ("name",),
    ast.MatchStar: ("name",),
    ast.MatchMapping: ("rest",),
    ast.AsyncFunctionDef: ("name",),
}
"""Nodes other than names, functions and classes that bind a name → the fields that have it."""
_MAGIC = re.compile(r"^[ \t]*[%!?]|=[ \t]*[%!]|\?[ \t]*$|^[ \t]*(?:>>>|\.\.\.|In \[)", re.MULTILINE)


@dataclass(frozen=True)
class CellFacts:
    """The names of one cell.

    Attributes:
        defined: bound at its top level, or by ``global`` in a function.
        used: taken from outside the cell: read before it binds them.
        deleted: deleted by it.
        changed: names whose objects it changes.
        statements: what they are put together from.
    """

    defined: frozenset[str]
    used: frozenset[str]
    deleted: frozenset[str]
    changed: frozenset[str]
    statements: tuple[Statement, ...]


def cell_facts(cell: Cell, known: Known | None = None) -> CellFacts:
    """Return what a cell does to names; functions count where they are defined, not called."""
    statements = tuple(cell_statements(cell, known or known_of((cell,))))
    used: set[str] = set()
    bound: set[str] = set()
    for one in statements:
        used |= set(one.facts.reads) - bound
        bound |= {name for name, certain in one.facts.binds.items() if certain}
    facts = [one.facts for one in statements]
    return CellFacts(
        defined=frozenset(name for one in facts for name in one.binds),
        used=frozenset(used),
        deleted=frozenset(name for one in facts for name in one.deletes),
        changed=frozenset(
            [name for one in facts for name in one.changes]
            + [
                name
                for one in facts
                for site in one.calls
                if site.change is not None
                for name in site.receiver
            ]
        ),
        statements=statements,
    )


def known_of(cells: tuple[Cell, ...], modules: Mapping[str, str] | None = None) -> Known:
    """Return what all cells together say of names."""
    imports: dict[str, str] = {}
    marks = Marks()
    bound: Counter[str] = Counter()
    texts: dict[str, ast.expr] = {}
    made: list[tuple[str, ast.expr]] = []
    run = [one for cell in cells for one in _run_by(cell, modules or {})]
    read = [(cell.nodes, _body_of(cell)) for cell in cells] + [(tuple(walk(*run)), run)]
    for nodes, body in read:
        for node in [one for one in nodes if type(one) in _TELLING]:
            if isinstance(node, ast.Name):
                if not isinstance(node.ctx, ast.Load):
                    bound[node.id] += 1
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                bound[node.name] += 1
                marks.defined(node)
            elif isinstance(node, ast.Attribute):
                marks.looked_at(node)
            elif isinstance(node, ast.Assign):
                made += [(one.id, node.value) for one in node.targets if isinstance(one, ast.Name)]
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.partition(".")[0]
                    imports[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                for alias in node.names:
                    imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        for node in body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    texts[name] = value
    known_names = frozenset(bound) | frozenset(imports)
    imports = {name: path for name, path in imports.items() if not bound[name]}
    literal: dict[str, str] = {}
    for name, value in texts.items():
        if bound[name] == 1 and (path := literal_path(value, Known(imports, literal))) is not None:
            literal[name] = path
    cloning = Counter(name for name, value in made if is_cloning(value, imports))
    only = {name for name, number in cloning.items() if number == bound[name]}
    for node in [node for nodes, _ in read for node in nodes] if only else ():
        # A parameter of that name, or what is imported or caught under it, is something else.
        for field in _NAMING.get(type(node), ()):
            only.discard(getattr(node, field) or "")
    known = marks.known(imports, literal, modules or {})
    return replace(known, cloning=frozenset(only), bound=known_names)


def _body_of(cell: Cell) -> list[ast.stmt]:
    return [] if cell.code.tree is None else cell.code.tree.body


def _run_by(cell: Cell, files: Mapping[str, str]) -> list[ast.stmt]:
    """Return the statements of the files that a cell runs."""
    if not files or "run" not in cell.source:
        return []
    paths = [path for node in cell.nodes if (path := run_by(node)) is not None]
    return [one for path in paths for one in statements_of(path, files) or []]


def cell_statements(cell: Cell, known: Known) -> Iterator[Statement]:
    """Yield the statements of a code cell; statements that share a line are one."""
    if cell.type != "code" or not cell.source.strip():
        return
    code = cell.code
    if code.tree is None:  # It cannot run at all, so it does nothing; a check says so.
        return
    if (magic := cell_magic(cell)) is not None:
        yield _whole(cell, _magic_facts(cell, magic.kind, known))
        return
    lines = cell.source.split("\n")
    exact = not _MAGIC.search(cell.source)
    groups = _grouped(code.tree.body)
    for number, (start, end, nodes) in enumerate(groups):
        facts = Reader(known).read(nodes)
        source = "\n".join(lines[start - 1 : end])
        last = number == len(groups) - 1
        yield Statement(cell.index, start, end, tuple(nodes), source, last, facts, exact)
    if code.magic == "capture" and (name := code.argument.split(" ")[0]).isidentifier():
        yield _whole(cell, Facts(binds={name: True}))


def _whole(cell: Cell, facts: Facts) -> Statement:
    return Statement(cell.index, 1, cell.source.count("\n") + 1, (), cell.source, True, facts)


def _magic_facts(cell: Cell, kind: str, known: Known) -> Facts:
    reader = Reader(known)
    magic = cell_magic(cell)
    assert magic is not None
    body = cell.source.lstrip().partition("\n")[2]
    if kind == "python":
        tree = parse(body).tree
        for node in tree.body if tree is not None else []:
            reader.visit(node)
        reader.facts.binds.clear()
    elif kind == "file":
        reader.facts.effects.append(Effect("write", magic.argument or None, 1))
    else:
        reader.magic(magic, 1)
    return reader.facts


def _grouped(nodes: list[ast.stmt]) -> list[tuple[int, int, list[ast.stmt]]]:
    """Return (first line, last line, statements) of statements that share no line."""
    found: list[tuple[int, int, list[ast.stmt]]] = []
    for node in nodes:
        decorators = getattr(node, "decorator_list", [])
        start = min([node.lineno, *(one.lineno for one in decorators)])
        end = node.end_lineno or node.lineno
        if found and found[-1][1] >= start:
            first, last, before = found.pop()
            found.append((first, max(last, end), [*before, node]))
        else:
            found.append((start, end, [node]))
    return found
