"""Which statements may be repeated in another task: they bind or set, and do nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from galley.notebook.facts import Known, Statement
from galley.notebook.magics import magic_of
from galley.notebook.named_types import fields_made, is_type
from galley.notebook.randomness import random_states
from galley.notebook.reach import dotted, is_displayed, last_name
from galley.notebook.scripts import script_of, statements_of
from galley.notebook.source import parse
from galley.notebook.tree import names_in, walk
from galley.notebook.vocabulary import SETTINGS, family

MAX_CONSTANT = 4000
"""A literal longer than this is handed over instead of repeated, characters."""

_MAKERS = frozenset(
    {"pathlib.Path", "pathlib.PurePath", "pathlib.PurePosixPath", "re.compile", "datetime.date"}
    | {"datetime.datetime", "datetime.timedelta", "os.path.join", "decimal.Decimal"}
    | {
        "cycler.cycler",
        "matplotlib.cycler",
        "matplotlib.rcsetup.cycler",
        "matplotlib.pyplot.cycler",
    }
)
"""Functions that make constants of literals."""


@dataclass(frozen=True)
class Hoist:
    """How a statement may be repeated.

    Attributes:
        kind: ``import``, ``definition``, ``constant``, ``setting`` or ``nothing``.
    """

    kind: str


Kinds = Sequence[str | None]
"""Of a statement's nodes: how each may be repeated; None where it does something else."""


def kinds_of(statement: Statement, known: Known) -> Kinds:
    """Return how each node of a statement may be repeated."""
    return [_kind(node, known) for node in statement.nodes]


def hoist_of(statement: Statement, kinds: Kinds) -> Hoist | None:
    """Return how a statement may be repeated; None where it does something else too."""
    if not kinds or any(kind is None for kind in kinds):
        return None
    found = {kind for kind in kinds if kind is not None and kind != "nothing"}
    if not found:
        return Hoist("nothing")
    if "constant" in found and len(statement.source) > MAX_CONSTANT:
        return None
    if not _is_exact(statement):
        return None
    for kind in ("setting", "definition", "import", "constant"):
        if kind in found:
            return Hoist(kind)
    return None


def is_light(statement: Statement, kinds: Kinds, known: Known) -> bool:
    """Whether a statement is no work of its own: it is repeatable, a seed or a greeting."""
    nodes = zip(statement.nodes, kinds, strict=True)
    return all(kind is not None or _is_light(node, known) for node, kind in nodes)


def _is_light(node: ast.stmt, known: Known) -> bool:
    match node:
        case ast.Expr(value=ast.Call() as call):
            path = dotted(call.func, known.imports)
            states = dict(random_states(call, path))
            if states and all(states.values()):
                return True
            magic = magic_of(call)
            if magic is not None:
                return magic.kind in {"harmless", "install"}
            if not isinstance(call.func, ast.Name) or call.func.id != "print":
                return False
            names = set(names_in([call]))
            return all(name == "print" or name in known.imports for name in names)
        case ast.Expr(value=ast.Attribute() as value):
            return dotted(value, known.imports) is not None
    return False


def _kind(node: ast.stmt, known: Known) -> str | None:
    match node:
        case ast.Import() | ast.ImportFrom():
            return "import"
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return None if any(map(is_displayed, node.decorator_list)) else "definition"
        case ast.Pass():
            return "nothing"
        case ast.Expr(value=ast.Constant()):
            return "nothing"
        case ast.Expr(value=ast.Call() as call):
            return _call(call, known)
        case ast.Assign(targets=targets, value=value):
            return _assigned(targets, value, known)
        case ast.AnnAssign(target=target, value=value):
            return "nothing" if value is None else _assigned([target], value, known)
        case ast.If(test=test, body=body, orelse=orelse):
            return _all([*body, *orelse], known) if _is_quiet(test) else None
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            caught = [one for handler in handlers for one in handler.body]
            return _all([*body, *caught, *orelse, *final], known)
    return None


def _all(nodes: Iterable[ast.stmt], known: Known) -> str | None:
    kinds = [_kind(node, known) for node in nodes]
    if any(kind is None for kind in kinds):
        return None
    for kind in ("setting", "definition", "import", "constant"):
        if kind in kinds:
            return kind
    return "nothing"


def _call(call: ast.Call, known: Known) -> str | None:
    magic = magic_of(call)
    if magic is not None and magic.kind == "run":
        path = script_of(magic.argument)
        body = None if path is None else statements_of(path, known.modules)
        return None if body is None else _all(body, known)
    if magic is not None:
        return "setting" if magic.kind == "setting" and "{" not in magic.argument else None
    path = dotted(call.func, known.imports)
    if path is None or not family(path, SETTINGS):
        return None
    values = [*call.args, *(one.value for one in call.keywords)]
    return "setting" if all(map(_is_quiet, values)) else None


def _assigned(targets: list[ast.expr], value: ast.expr, known: Known) -> str | None:
    if all(_is_name(one) for one in targets):
        if isinstance(value, ast.Lambda) or _names_type(targets, value, known):
            return "definition"
        return "constant" if _is_constant(value, known) else None
    paths = [_module_part(one, known) for one in targets]
    if all(path is not None for path in paths) and _is_quiet(value):
        return "setting"
    return None


def _names_type(targets: list[ast.expr], value: ast.expr, known: Known) -> bool:
    match targets:
        case [ast.Name(id=name)]:
            made = fields_made(name, value, known.imports)
            return made is not None or is_type(value, known.imports, known.bound)
    return False


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple):
        return all(isinstance(one, ast.Name) for one in target.elts)
    return isinstance(target, ast.Name)


def _module_part(target: ast.expr, known: Known) -> str | None:
    """Return the dotted path of ``plt.rcParams["x"]`` or ``np.foo``."""
    inner = target
    while isinstance(inner, ast.Subscript) and _is_quiet(inner.slice):
        inner = inner.value
    return (
        dotted(inner, known.imports) if isinstance(target, ast.Subscript | ast.Attribute) else None
    )


def _is_constant(node: ast.expr, known: Known) -> bool:
    """Whether an expression is made of literals alone."""
    match node:
        case ast.Constant():
            return True
        case ast.List(elts=elts) | ast.Tuple(elts=elts) | ast.Set(elts=elts):
            return all(_is_constant(one, known) for one in elts)
        case ast.Dict(keys=keys, values=values):
            return all(one is not None and _is_constant(one, known) for one in [*keys, *values])
        case ast.UnaryOp(operand=operand):
            return _is_constant(operand, known)
        case ast.BinOp(left=left, right=right):
            return _is_constant(left, known) and _is_constant(right, known)
        case ast.Call(func=function, args=args, keywords=keywords):
            values = [*args, *(one.value for one in keywords)]
            path = dotted(function, known.imports)
            made = path in _MAKERS or (
                isinstance(function, ast.Name)
                and function.id in {"dict", "list", "set", "tuple", "frozenset"}
            )
            return made and all(_is_constant(one, known) for one in values)
    return False


def _is_quiet(node: ast.expr) -> bool:
    """Whether evaluating an expression calls nothing that could do something."""
    return not any(
        isinstance(one, ast.Await | ast.Yield | ast.YieldFrom | ast.NamedExpr)
        or (isinstance(one, ast.Call) and not _is_quiet_call(one))
        for one in walk(node)
    )


def _is_quiet_call(node: ast.Call) -> bool:
    quiet = {"Path", "join", "dirname", "abspath", "str", "int", "float", "dict", "getLogger"}
    quiet |= {"format", "cycler", "color_palette", "StreamHandler", "expanduser", "cwd", "getcwd"}
    quiet |= {"resolve", "list", "tuple", "len"}
    return last_name(node.func) in quiet


def _is_exact(statement: Statement) -> bool:
    """Whether the lines of a statement, by themselves, are that statement."""
    if statement.exact:
        return True
    tree = parse(statement.source).tree
    if tree is None:
        return False
    return [ast.dump(one) for one in tree.body] == [ast.dump(one) for one in statement.nodes]
