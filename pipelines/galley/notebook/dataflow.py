"""Which names each cell defines and needs, and names that nothing defines.

Reading is pyflakes': it knows scopes, conditional definitions, deletions and star imports.
A finding is an error only where it is certain: the use is reached whenever its cell runs, and
nothing in the notebook can define names behind the reader's back.
"""

from __future__ import annotations

import ast
import builtins
import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyflakes import checker, messages

from galley.domain.versions import Check, Severity
from galley.notebook.doubtful import doubtful_names
from galley.notebook.facts import Statement
from galley.notebook.magics import magic_of
from galley.notebook.source import RAISES_TAG, Cell, parse
from galley.notebook.tree import children, walk

IPYTHON_NAMES = frozenset(
    {"get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___"}
    | {"_i", "_ii", "_iii", "_ih", "_oh", "_dh"}
)
"""Names that IPython puts into every notebook."""

_BUILTIN = IPYTHON_NAMES | {*dir(builtins), "__name__"}
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
    if (cell.code if cell.type == "code" else parse(cell.source)).tree is None:
        return CellNames(frozenset(), {}, dynamic=True)
    body = ast.Module(body=_body(cell), type_ignores=[])
    found = _Names(body, typed="typing" in cell.source)
    needed: dict[str, int] = {}
    for name, node in found.undefined():
        needed.setdefault(name, node.lineno)
    captured = [
        target.id
        for one in _captured(cell, 1)
        for target in ast.walk(one)
        if isinstance(target, ast.Name)
    ]
    return CellNames(frozenset([*_bindings(found), *captured]), needed, dynamic=is_dynamic(cell))


def bindings(tree: ast.Module) -> tuple[frozenset[str], bool]:
    """Return the names that a module binds, and whether it has a star import."""
    found = _Names(_Plain().visit(copy.deepcopy(tree)))
    names = frozenset(_bindings(found))
    return names, any(isinstance(one, messages.ImportStarUsed) for one in found.messages)


def reached_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are evaluated whenever ``node`` runs: no branch, no function body."""
    todo = _always(node)
    while todo:
        one = todo.pop()
        yield one
        todo += _always(one)


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
            return children(node)


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
    for node in [one for one in cell.nodes if type(one) in (ast.ImportFrom, ast.Call)]:
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


def name_checks(
    cells: tuple[Cell, ...], statements: Iterable[Statement] | None = None
) -> tuple[Check, ...]:
    """Return the checks ``undefined-name`` and ``used-before-defined`` of a notebook.

    Args:
        statements: of the cells, where they have been read: the answer comes sooner then, and it
            knows what `%time x = f()` binds.
    """
    code = [cell for cell in cells if cell.type == "code" and cell.code.tree is not None]
    told = None if statements is None else list(statements)
    doubtful = None if told is None else doubtful_names(code, told, _BUILTIN)
    looked_at = [cell for cell in code if doubtful is None or cell.index in doubtful]
    if not looked_at:
        return ()
    bodies = [(cell, _body(cell)) for cell in looked_at]
    merged = ast.Module(body=[one for _, body in bodies for one in body], type_ignores=[])
    found = _Names(merged, typed=any("typing" in cell.source for cell in code))
    undefined = list(found.undefined())
    if doubtful is not None:  # other names may be defined by cells that were not looked at
        names = set[str]().union(*doubtful.values())
        undefined = [(name, node) for name, node in undefined if name in names]
    if not undefined:
        return ()
    unseen = {} if told is None else _unseen(code, told)
    owner = {id(one): cell for cell, body in bodies for one in walk(*body)}
    names = {name for name, _ in undefined}
    definers = _definers(code, names) if told is None else _told_definers(code, told, names)
    surely = not any(is_dynamic(cell) for cell in cells)
    reached: dict[int, frozenset[tuple[str, int, int]]] = {}
    checks = []
    for name, node in undefined:
        place: ast.AST = node
        while id(place) not in owner:  # it stands in a quoted type hint
            place = found.getParent(place)
        cell = owner[id(place)]
        if name in unseen and unseen[name] < (cell.index, node.lineno):
            continue
        if cell.index not in reached:
            certain = surely and RAISES_TAG not in cell.tags
            reached[cell.index] = _certain(cell) if certain else frozenset()
        sure = (name, node.lineno, node.col_offset) in reached[cell.index]
        checks.append(_name_check(cell, node.lineno, name, definers[name], certain=sure))
    return tuple(dict.fromkeys(checks))


def _unseen(cells: Iterable[Cell], statements: Iterable[Statement]) -> dict[str, tuple[int, int]]:
    """Return name → cell and line from which on it is bound, though pyflakes may not see that.

    ``import *`` and ``%time x = f()`` bind. What a function makes ``global`` is bound whenever it
    was called, and always passes for that.
    """
    found: dict[str, tuple[int, int]] = {}
    for cell in cells:
        for node in cell.nodes if ast.Global in cell.kinds else ():
            if isinstance(node, ast.Global):
                found |= dict.fromkeys(node.names, (-1, 0))
    for one in statements:
        if any(map(_binds_unseen, one.nodes)):
            for name in one.facts.binds:
                found.setdefault(name, (one.cell, one.end))
    return found


def _binds_unseen(node: ast.stmt) -> bool:
    match node:
        case ast.ImportFrom(names=[ast.alias(name="*")]):
            return True
        case ast.Expr(value=ast.Call() as call):
            return magic_of(call) is not None
    return False


def _definers(cells: list[Cell], names: set[str]) -> dict[str, list[Cell]]:
    """Return name → the cells that bind it."""
    found: dict[str, list[Cell]] = {name: [] for name in names}
    for cell in cells:
        # Python takes other spellings of a letter for that letter.
        if not cell.source.isascii() or any(name in cell.source for name in names):
            for name in cell_names(cell).defined & names:
                found[name].append(cell)
    return found


def _told_definers(
    cells: list[Cell], statements: Iterable[Statement], names: set[str]
) -> dict[str, list[Cell]]:
    """Return what :func:`_definers` does, of statements that have been read."""
    found: dict[str, dict[int, Cell]] = {name: {} for name in names}
    by_index = {cell.index: cell for cell in cells}
    for one in statements:
        for name in one.facts.binds.keys() & names:
            found[name][one.cell] = by_index[one.cell]
    return {name: list(ones.values()) for name, ones in found.items()}


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


def _body(cell: Cell) -> list[ast.stmt]:
    """Return the statements of a cell as pyflakes is to read them."""
    otherwise = not cell.kinds.isdisjoint({ast.Await, ast.AnnAssign}) and any(
        isinstance(node, ast.Await)
        or (isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Constant))
        for node in cell.nodes
    )
    if otherwise or cell.type != "code":  # what is changed must be a tree of our own
        tree = parse(cell.source).tree
        assert tree is not None
        return [*_Plain().visit(tree).body, *_captured(cell, 1)]
    assert cell.code.tree is not None
    return [*cell.code.tree.body, *_captured(cell, 1)]


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


class _Names(checker.Checker):  # type: ignore[misc]
    """What pyflakes finds of names in a module; all else that it looks for is passed over.

    Args:
        typed: the module may name ``typing``, to whose functions a text may be a type hint.
    """

    _WANTED = (messages.UndefinedName, messages.ImportStarUsage, messages.ImportStarUsed)

    def __init__(self, tree: ast.Module, *, typed: bool = True) -> None:
        self.typed = typed
        self._places: dict[messages.Message, ast.expr] = {}
        super().__init__(tree, filename="notebook", builtins=IPYTHON_NAMES)

    def report(self, kind: type[messages.Message], *args: Any, **more: Any) -> None:
        """Keep what is about names, and where it stands."""
        if kind in self._WANTED:
            super().report(kind, *args, **more)
            self._places[self.messages[-1]] = args[0]

    def CALL(self, node: ast.Call) -> None:  # noqa: N802
        """Only calls of ``typing``'s functions are more than their parts."""
        if self.typed:
            super().CALL(node)
        else:
            self.handleChildren(node)

    def checkDeadScopes(self) -> None:  # noqa: N802
        """Unused imports and the like are nobody's business here."""

    def undefined(self) -> Iterator[tuple[str, ast.expr]]:
        """Yield name and place of every use of a name that nothing binds."""
        for message in self.messages:
            if isinstance(message, messages.UndefinedName | messages.ImportStarUsage):
                name = message.message_args[0]
                if not _HISTORY.fullmatch(name):
                    yield name, self._places[message]


def _bindings(found: checker.Checker) -> Iterator[str]:
    """Yield the names that the checked module binds."""
    for scope in found.deadScopes:
        if isinstance(scope, checker.ModuleScope) and not isinstance(scope, checker.DoctestScope):
            for name, binding in scope.items():
                if not isinstance(binding, checker.Builtin | checker.StarImportation):
                    yield name.partition(".")[0]
