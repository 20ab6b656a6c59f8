"""Which names each cell defines and needs, and names that nothing defines.

Reading is pyflakes': it knows scopes, conditional definitions, deletions and star imports.
A finding is an error only where it is certain: the use is reached whenever its cell runs, and
nothing in the notebook can define names behind the reader's back.
"""

from __future__ import annotations

import ast
import copy
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter

from pyflakes import checker, messages

from galley.domain.versions import Check, Severity
from galley.notebook.source import RAISES_TAG, Cell, parse

IPYTHON_NAMES = frozenset(
    {"get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___"}
    | {"_i", "_ii", "_iii", "_ih", "_oh", "_dh"}
)
"""Names that IPython puts into every notebook."""

_HISTORY = re.compile(r"_i?\d+")
_SAFE_MAGICS = frozenset(
    {"alias", "autoawait", "autoreload", "capture", "cd", "colors", "config", "env", "set_env"}
    | {"load_ext", "reload_ext", "unload_ext", "ls", "lsmagic", "mkdir", "pwd", "writefile"}
    | {"matplotlib", "precision", "prun", "time", "timeit", "xmode", "who", "whos", "pdb"}
    | {"pfile", "pinfo", "pinfo2", "psource", "pip", "conda", "mamba", "uv", "bash", "sh"}
    | {"script", "system", "sx", "perl", "ruby", "html", "javascript", "latex", "markdown"}
)
"""Magics that define no Python names."""

_DYNAMIC_CALLS = frozenset({"exec", "globals", "locals", "vars", "setattr", "execfile"})


@dataclass(frozen=True)
class CellNames:
    """The names of one cell.

    Attributes:
        defined: names that the cell binds at its top level (or by ``global``).
        needed: names that it uses and that must come from another cell; name → first line.
        dynamic: it may define names that cannot be read (``exec``, ``%run``, a star import).
    """

    defined: frozenset[str]
    needed: dict[str, int]
    dynamic: bool


def cell_names(cell: Cell) -> CellNames:
    """Return the names of a cell; nothing where it is not Python or has a syntax error."""
    tree = parse(cell.source).tree
    if tree is None:
        return CellNames(frozenset(), {}, dynamic=True)
    found = _check(tree)
    needed: dict[str, int] = {}
    for name, line, _ in _undefined(found):
        needed.setdefault(name, line)
    captured = [
        target.id
        for one in _captured(cell, 1)
        for target in ast.walk(one)
        if isinstance(target, ast.Name)
    ]
    return CellNames(frozenset([*_bindings(found), *captured]), needed, dynamic=is_dynamic(cell))


def bindings(tree: ast.Module) -> tuple[frozenset[str], bool]:
    """Return the names that a module binds, and whether it has a star import."""
    found = _check(copy.deepcopy(tree))
    names = frozenset(_bindings(found))
    return names, any(isinstance(one, messages.ImportStarUsed) for one in found.messages)


def reached_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are evaluated whenever ``node`` runs: no branch, no function body."""
    for child in _always(node):
        yield child
        yield from reached_nodes(child)


def _always(node: ast.AST) -> list[ast.AST]:
    """Return the children of a node that are evaluated whatever happens."""
    match node:
        case ast.If() | ast.IfExp() | ast.While() | ast.Assert():
            return [node.test]
        case ast.For() | ast.AsyncFor():
            return [node.iter]
        case ast.With() | ast.AsyncWith():
            return [node.items[0].context_expr]
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return [node.generators[0].iter]
        case ast.BoolOp():
            return [node.values[0]]
        case ast.Match():
            return [node.subject]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [*node.decorator_list, *node.args.defaults]
        case ast.AnnAssign():
            return [node.target, *([node.value] if node.value else [])]
        case ast.Try() | ast.Lambda():
            return []
        case _:
            return list(ast.iter_child_nodes(node))


def _certain(cell: Cell) -> frozenset[tuple[str, int, int]]:
    """Return (name, line, column) of the uses that are reached whenever the cell runs."""
    if cell.code.tree is None:
        return frozenset()
    return frozenset(
        (node.id, node.lineno, node.col_offset)
        for node in reached_nodes(cell.code.tree)
        if isinstance(node, ast.Name)
    )


def is_dynamic(cell: Cell) -> bool:
    """Whether a cell may define names that cannot be read from its source."""
    if cell.type != "code":
        return False
    magic = cell.code.magic
    if cell.code.tree is None or (magic is not None and magic not in _SAFE_MAGICS):
        return True
    for node in ast.walk(cell.code.tree):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in _DYNAMIC_CALLS:
                return True
            name = magic_name(node)
            if name is not None and name not in _SAFE_MAGICS:
                return True
    return False


def magic_name(node: ast.AST) -> str | None:
    """Return the name of the line magic that IPython made this call from, else None."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "run_line_magic"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    ):
        return str(node.args[0].value)
    return None


def name_checks(cells: tuple[Cell, ...]) -> tuple[Check, ...]:
    """Return the checks ``undefined-name`` and ``used-before-defined`` of a notebook."""
    code = [cell for cell in cells if cell.type == "code" and cell.code.tree is not None]
    merged, owner = _one_module(code)
    undefined = _undefined(_check(merged))
    if not undefined:
        return ()
    definers: dict[str, list[Cell]] = {}
    for cell in code:
        for name in cell_names(cell).defined:
            definers.setdefault(name, []).append(cell)
    surely = not any(is_dynamic(cell) for cell in cells)
    reached: dict[int, frozenset[tuple[str, int, int]]] = {}
    checks = []
    for name, line, column in undefined:
        cell, own_line = owner(line)
        if cell.index not in reached:
            certain = surely and RAISES_TAG not in cell.tags
            reached[cell.index] = _certain(cell) if certain else frozenset()
        sure = (name, own_line, column) in reached[cell.index]
        checks.append(_name_check(cell, own_line, name, definers.get(name, []), certain=sure))
    return tuple(dict.fromkeys(checks))


def _name_check(cell: Cell, line: int, name: str, definers: list[Cell], *, certain: bool) -> Check:
    severity = Severity.ERROR if certain else Severity.WARNING
    other = [definer for definer in definers if definer.index != cell.index]
    if not definers:
        code = "undefined-name"
        message = f"{cell.label} uses `{name}`, which no cell of this notebook defines"
    elif not other:
        code = "used-before-defined"
        message = f"{cell.label} uses `{name}` above the line that defines it"
    elif other[0].index > cell.index:
        code = "used-before-defined"
        message = (
            f"{cell.label} uses `{name}`, which only {other[0].label}, further down, defines; "
            "a run goes from top to bottom"
        )
    else:
        code = "undefined-name"
        message = (
            f"{cell.label} uses `{name}`, which {other[0].label} defines and which is deleted "
            "before it is used here"
        )
    return Check(code=code, severity=severity, message=message, cell=cell.index, line=line)


def _one_module(cells: list[Cell]) -> tuple[ast.Module, Callable[[int], tuple[Cell, int]]]:
    """Return the cells as one module, and a function line → (cell, line within it)."""
    merged = ast.Module(body=[], type_ignores=[])
    starts: list[tuple[int, Cell]] = []
    offset = 0
    for cell in cells:
        starts.append((offset, cell))
        tree = parse(cell.source).tree
        if tree is not None:
            ast.increment_lineno(tree, offset)
            merged.body.extend(tree.body)
            merged.body.extend(_captured(cell, offset + 1))
        offset += cell.source.count("\n") + 2

    def owner(line: int) -> tuple[Cell, int]:
        start, cell = starts[bisect_left(starts, line, key=itemgetter(0)) - 1]
        return cell, line - start

    return merged, owner


def _captured(cell: Cell, line: int) -> list[ast.stmt]:
    """Return ``NAME = None`` for ``%%capture NAME``, which binds that name."""
    match = re.match(r"[A-Za-z_]\w*", cell.code.argument)
    if cell.code.magic != "capture" or match is None:
        return []
    assignment = ast.Assign([ast.Name(match[0], ast.Store())], ast.Constant(None))
    for node in ast.walk(assignment):
        node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
        node.col_offset = node.end_col_offset = 0  # type: ignore[attr-defined]
    return [assignment]


class _Plain(ast.NodeTransformer):
    """Takes out what pyflakes reads otherwise than IPython runs it.

    It does not look into an ``await`` at top level, and it looks into quoted type hints.
    """

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Return what is awaited."""
        return self.visit(node.value)  # type: ignore[no-any-return]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Return the assignment without a quoted type hint."""
        if isinstance(node.annotation, ast.Constant):
            node.annotation = ast.copy_location(ast.Constant(None), node.annotation)
        return self.generic_visit(node)


def _check(tree: ast.Module) -> checker.Checker:
    """Return what pyflakes finds; ``tree`` is changed by it."""
    return checker.Checker(_Plain().visit(tree), filename="notebook", builtins=IPYTHON_NAMES)


def _undefined(found: checker.Checker) -> list[tuple[str, int, int]]:
    """Return (name, line, column) of every use of a name that nothing binds."""
    return [
        (message.message_args[0], message.lineno, message.col)
        for message in found.messages
        if isinstance(message, messages.UndefinedName | messages.ImportStarUsage)
        and not _HISTORY.fullmatch(message.message_args[0])
    ]


def _bindings(found: checker.Checker) -> Iterator[str]:
    """Yield the names that the checked module binds."""
    for scope in found.deadScopes:
        if isinstance(scope, checker.ModuleScope) and not isinstance(scope, checker.DoctestScope):
            for name, binding in scope.items():
                if not isinstance(binding, checker.Builtin | checker.StarImportation):
                    yield name.partition(".")[0]
