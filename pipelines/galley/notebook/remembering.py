"""What functions and objects of a notebook keep from one use to the next, out of sight.

A default value that a function changes, a cache that hides what a function does, a property or an
operator that changes its object.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from galley.notebook.facts import Facts, Function, Known
from galley.notebook.reach import dotted

STUCK = ("not-transferable", "a function that caches what it did")
"""Why a function that is called for more than its result is not handed over."""

_CACHES = frozenset({"functools.lru_cache", "functools.cache"})
_ASKED = frozenset({"cache_info", "cache_clear"})
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp, ast.Call)
_SHOWING = frozenset({"print", "display"})
_OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "__iadd__",
    ast.Sub: "__isub__",
    ast.Mult: "__imul__",
    ast.MatMult: "__imatmul__",
    ast.Div: "__itruediv__",
    ast.FloorDiv: "__ifloordiv__",
    ast.Mod: "__imod__",
    ast.Pow: "__ipow__",
    ast.BitAnd: "__iand__",
    ast.BitOr: "__ior__",
    ast.BitXor: "__ixor__",
    ast.LShift: "__ilshift__",
    ast.RShift: "__irshift__",
}


class Marks:
    """Collects the names that reading has to know before it begins."""

    def __init__(self) -> None:
        self._properties: set[str] = set()
        self._operators: set[str] = set()
        self._asked: set[str] = set()

    def defined(self, node: ast.FunctionDef | ast.ClassDef) -> None:
        """Look at a definition."""
        if node.name in _OPERATORS.values():
            self._operators.add(node.name)
        if any(_last(one) in {"property", "cached_property"} for one in node.decorator_list):
            self._properties.add(node.name)

    def looked_at(self, node: ast.Attribute) -> None:
        """Look at an attribute: ``f.cache_info()`` asks of the cache of ``f``."""
        if node.attr in _ASKED and isinstance(node.value, ast.Name):
            self._asked.add(node.value.id)

    def known(
        self, imports: Mapping[str, str], texts: Mapping[str, str], modules: Mapping[str, str]
    ) -> Known:
        """Return all that is known of the notebook's names."""
        return Known(
            imports,
            texts,
            modules,
            properties=frozenset(self._properties),
            operators=frozenset(self._operators),
            asked=frozenset(self._asked),
        )


def in_place(operator: ast.operator) -> str:
    """Return the name of the method that an augmented assignment calls, if there is one."""
    return _OPERATORS[type(operator)]


def keeps_result(node: ast.AST) -> bool:
    """Whether a function is a property whose value its object keeps."""
    return any(_last(one) == "cached_property" for one in getattr(node, "decorator_list", ()))


def is_cached(node: ast.AST, known: Known) -> bool:
    """Whether a function's results are cached."""
    decorators = getattr(node, "decorator_list", ())
    return any(dotted(_function(one), known.imports) in _CACHES for one in decorators)


def cache_shows(name: str, facts: Facts, known: Known) -> bool:
    """Whether it can be seen that a cached function is called anew: it does more than return."""
    return bool(
        name in known.asked
        or facts.binds
        or facts.states
        or any(not one.startswith("@") for one in facts.changes)
        or any(effect.kind == "write" for effect in facts.effects)
        or any(site.change is not None and site.receiver for site in facts.calls)
        or any(site.function in _SHOWING and not site.method for site in facts.calls)
    )


def changeable_defaults(arguments: ast.arguments) -> Iterator[str]:
    """Yield the parameters whose default value is made once and could be changed by a call."""
    positional = [*arguments.posonlyargs, *arguments.args]
    given = positional[len(positional) - len(arguments.defaults) :]
    pairs = [
        *zip(given, arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return (parameter.arg for parameter, value in pairs if isinstance(value, _MUTABLE))


def parts(function: Function) -> tuple[Function, ...]:
    """Return a function, or a class with its methods."""
    return function, *function.methods.values()


def _function(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _last(decorator: ast.expr) -> str | None:
    function = _function(decorator)
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", None)
