"""Assignments that name a type: ``World = set[Cell]``, ``Point = namedtuple("Point", "x y")``."""

from __future__ import annotations

import ast
import sys
from collections.abc import Container, Mapping

from galley.notebook.reach import dotted

_GENERIC = frozenset({"list", "dict", "set", "frozenset", "tuple", "type"})
_BUILT_IN = _GENERIC | {"int", "float", "complex", "str", "bytes", "bool", "object", "range"}
_OF_TYPES = ("typing.", "typing_extensions.", "collections.", "numpy.typing.")
"""Modules whose names in brackets are types."""
_BY_CONVENTION = sys.stdlib_module_names | frozenset(
    {"numpy", "pandas", "polars", "pyarrow", "sklearn", "torch"}
)
"""Packages in which what begins with a capital letter is a class."""
_MAKERS = frozenset(
    {"collections.namedtuple", "typing.NamedTuple", "typing.TypedDict", "typing.NewType"}
    | {"typing.TypeVar", "typing.ParamSpec", "dataclasses.make_dataclass"}
    | {"enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"}
)
"""Functions that make a type of its name and of what it has."""
_WITH_FIELDS = ("namedtuple", "NamedTuple", "make_dataclass")
_PLAIN = (ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.List, ast.Tuple, ast.Dict)
_PARTS = (*_PLAIN, ast.BinOp, ast.BitOr, ast.UnaryOp, ast.USub, ast.Load)


def is_type(
    node: ast.expr, imports: Mapping[str, str], bound: Container[str] = frozenset()
) -> bool:
    """Whether an expression surely gives a type, whatever the notebook's names in it are.

    Args:
        bound: names that the notebook binds: ``list`` may be one of them.
    """
    match node:
        case ast.Name(id=name) if name in _BUILT_IN:
            return name not in bound
        case ast.Name() | ast.Attribute():
            return _is_class(dotted(node, imports))
        case ast.Subscript(value=ast.Name(id=name), slice=inner) if name in _GENERIC:
            return name not in bound and _is_plain(inner)
        case ast.Subscript(value=value, slice=inner):
            path = dotted(value, imports) or ""
            return path.startswith(_OF_TYPES) and _is_plain(inner)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            sides = is_type(left, imports, bound), is_type(right, imports, bound)
            sure = any(sides) or _is_none(right)
            return sure and _is_plain(node)
    return False


def fields_made(name: str, node: ast.expr, imports: Mapping[str, str]) -> tuple[str, ...] | None:
    """Return the fields of the type that an expression makes, in order.

    Args:
        name: which the type gets. Under another one than its own it could not be found again.

    Returns:
        None where no type of this name is made, or its fields are not written out.
    """
    match node:
        case ast.Call(func=function, args=[ast.Constant(value=called), *rest], keywords=keywords):
            path = dotted(function, imports)
        case _:
            return None
    if path not in _MAKERS or called != name:
        return None
    if not all(map(_is_plain, [*rest, *(one.value for one in keywords)])):
        return None
    if not path.endswith(_WITH_FIELDS):
        return ("value",) if path.endswith("NewType") else ()
    return _fields(rest[0]) if len(rest) == 1 else None


def _fields(node: ast.expr) -> tuple[str, ...] | None:
    match node:
        case ast.Constant(value=str(text)):
            return tuple(text.replace(",", " ").split())
        case ast.List(elts=elts) | ast.Tuple(elts=elts):
            heads = [
                one.elts[0] if isinstance(one, ast.Tuple) and one.elts else one for one in elts
            ]
            values = [one.value for one in heads if isinstance(one, ast.Constant)]
            names = tuple(one for one in values if isinstance(one, str))
            return names if len(names) == len(elts) else None
    return None


def _is_class(path: str | None) -> bool:
    """Whether a dotted path is that of a class: ``pandas.DataFrame``, ``numpy.ndarray``."""
    if path is None or path.partition(".")[0] not in _BY_CONVENTION:
        return False
    last = path.rpartition(".")[2]
    return last == "ndarray" or (last[:1].isupper() and not last.isupper())


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_plain(node: ast.AST) -> bool:
    """Whether an expression calls nothing: it names, and puts together."""
    return all(isinstance(one, _PARTS) for one in ast.walk(node))
