"""Which names reach the object that an expression gives."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from galley.notebook.tree import names_in
from galley.notebook.vocabulary import ALIAS_METHODS, CLONING, DISPLAYING

_WHOLE = (ast.Name, ast.Starred, ast.Await, ast.NamedExpr, ast.IfExp, ast.BoolOp)
_PASSING = frozenset({"zip", "enumerate", "reversed", "iter", "next", "asarray", "from_numpy"})
"""Functions whose result reaches their arguments."""
_SHALLOW = frozenset({"list", "dict", "tuple", "set", "sorted", "copy", "deque", "frozenset"})
"""Functions whose result holds what their argument holds."""
_KEEPING = frozenset({"partial", "defaultdict", "dict", "list", "tuple", "deque"})
_LABELS = frozenset(
    {"columns", "index", "shape", "dtype", "dtypes", "size", "ndim", "name", "names"}
)
"""Attributes whose values do not change, but for an index that is renamed in place."""
_COPYING = frozenset(
    {"pandas", "numpy", "datetime", "pathlib", "collections", "polars", "decimal", "statsmodels"}
)
"""Libraries whose constructors copy, or make what does not change, nor what it was given."""


def dotted(node: ast.expr, imports: Mapping[str, str]) -> str | None:
    """Return the dotted path of ``np.random.seed`` after imports; None if it is no module's."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or (path := imports.get(node.id)) is None:
        return None
    return ".".join([path, *reversed(parts)]) if parts else path


def last_name(node: ast.expr) -> str:
    """Return ``c`` of ``a.b.c``, and of ``c``; empty for what is neither."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_displayed(decorator: ast.expr) -> bool:
    """Whether a decorator calls its function at once and shows what that gives."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    return last_name(inner) in DISPLAYING


def root(node: ast.expr) -> str | None:
    """Return the name that an attribute or subscript starts from: ``a`` of ``a.b[0].c``."""
    while True:
        match node:
            case ast.Attribute(value=value) | ast.Subscript(value=value):
                node = value
            case ast.Name(id=name):
                return name
            case _:
                return None


def held(node: ast.expr | None) -> Iterator[ast.Lambda | ast.Name]:
    """Yield the lambdas and names whose values the value of an expression holds, or is."""
    match node:
        case ast.Lambda() | ast.Name():
            yield node
        case ast.Dict(values=values) | ast.BoolOp(values=values):
            for value in values:
                yield from held(value)
        case ast.List(elts=values) | ast.Tuple(elts=values) | ast.Set(elts=values):
            for value in values:
                yield from held(value)
        case ast.IfExp(body=one, orelse=other):
            yield from held(one)
            yield from held(other)
        case ast.Starred(value=value) | ast.NamedExpr(value=value):
            yield from held(value)
        case ast.ListComp(elt=value) | ast.DictComp(value=value):
            yield from held(value)
        case ast.Call(func=function, args=given, keywords=named) if _keeps(last_name(function)):
            for value in [*given, *(one.value for one in named)]:
                yield from held(value)


def _keeps(function: str) -> bool:
    """Whether what a call makes keeps the functions that it is given: a class, by its name."""
    return function in _KEEPING or function[:1].isupper()


def roots(node: ast.expr | None, imports: Mapping[str, str]) -> frozenset[str]:
    """Return the names whose objects the value of an expression may be, or be part of, or hold."""
    return frozenset(_roots(node, imports, {}))


def holders(node: ast.expr, imports: Mapping[str, str]) -> frozenset[str]:
    """Return the names whose objects hold what is changed in place: ``a`` of ``a.index.name = x``.

    Labels, too, which :func:`roots` leaves out: an index can be renamed and nothing else.
    """
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return roots(node, imports)


def _roots(
    node: ast.expr | None, imports: Mapping[str, str], inner: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    match node:
        case ast.Name(id=name):
            if name in inner:
                yield from inner[name]
            elif name not in imports:
                yield name
        case ast.Attribute(attr=attr) if attr in _LABELS:
            return
        case ast.Attribute(value=value) | ast.Subscript(value=value):
            yield from _roots(value, imports, inner)
        case ast.Starred(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
            yield from _roots(value, imports, inner)
        case ast.IfExp(body=one, orelse=other):
            yield from _roots(one, imports, inner)
            yield from _roots(other, imports, inner)
        case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
            for value in values:
                yield from _roots(value, imports, inner)
        case ast.Set(elts=values):
            for value in values:
                yield from _roots(value, imports, inner)
        case ast.Dict(values=values):
            for value in values:
                yield from _roots(value, imports, inner)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
            yield from _roots(node.elt, imports, _inner(node.generators, imports, inner))
        case ast.DictComp():
            yield from _roots(node.value, imports, _inner(node.generators, imports, inner))
        case ast.Call():
            yield from _call_roots(node, imports, inner)


def _inner(
    generators: list[ast.comprehension],
    imports: Mapping[str, str],
    inner: Mapping[str, frozenset[str]],
) -> Mapping[str, frozenset[str]]:
    known = dict(inner)
    for one in generators:
        source = frozenset(_roots(one.iter, imports, known))
        known |= dict.fromkeys(names_in([one.target]), source)
    return known


def _call_roots(
    node: ast.Call, imports: Mapping[str, str], inner: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    match node.func:
        case ast.Attribute(value=value, attr=attr):
            module = dotted(value, imports)
            if module is None and attr in ALIAS_METHODS:
                yield from _roots(value, imports, inner)
            holds = attr[:1].isupper() or attr in _PASSING | _SHALLOW or attr.startswith("make_")
            if module is not None and module.partition(".")[0] in _COPYING:
                holds = attr in _PASSING | {"deque"}
            if module is None and attr == "fit":
                yield from _roots(value, imports, inner)
        case ast.Name(id=name):
            holds = name[:1].isupper() or name in _PASSING | _SHALLOW or name.startswith("make_")
            if imports.get(name, "").partition(".")[0] in _COPYING:
                holds = False
        case _:
            holds = False
    if holds:
        for value in [*node.args, *(one.value for one in node.keywords)]:
            yield from _roots(value, imports, inner)


def is_whole(node: ast.expr) -> bool:
    """Whether the value of an expression is the very object of a name."""
    return isinstance(node, _WHOLE)


def is_copy(node: ast.expr) -> bool:
    """Whether a value is a shallow copy."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name in _SHALLOW
    return False


def is_cloning(node: ast.expr, imports: Mapping[str, str]) -> bool:
    """Whether a value is an object that fits copies of what it was made with, fitted or not."""
    match node:
        case ast.Call(func=ast.Attribute(attr="fit", value=ast.Call() as made)):
            return is_cloning(made, imports)
        case ast.Call(func=function):
            path = dotted(function, imports) or ""
            return path.startswith("sklearn.") and path.endswith(CLONING)
    return False


def takes_out(node: ast.expr) -> bool:
    """Whether a call gives a part of its object: ``d.setdefault("k", [])``."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ALIAS_METHODS
    )


def is_holder(node: ast.expr) -> bool:
    """Whether the value of an expression may be new and hold what the expression reaches."""
    made = ast.List | ast.Tuple | ast.Set | ast.Dict | ast.Call | ast.ListComp
    return isinstance(node, made) and not takes_out(node)


def is_slice(node: ast.expr) -> bool:
    """Whether an expression may share memory with its object: a slice, ``.T``, ``.values``."""
    match node:
        case ast.Subscript(slice=ast.Slice()):
            return True
        case ast.Subscript(slice=ast.Tuple(elts=elts)):
            return any(isinstance(one, ast.Slice) for one in elts)
        case ast.Attribute(attr=attr):
            return attr in {"T", "values", "flat", "real", "imag", "data", "loc", "iloc"}
        case ast.Call(func=ast.Attribute(attr=attr)):
            return attr in {"view", "reshape", "ravel", "squeeze", "swapaxes", "transpose"} | {
                "numpy",
                "to_numpy",
                "asarray",
                "from_numpy",
                "detach",
            }
        case _:
            return False
