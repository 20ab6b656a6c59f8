"""What ``from module import *`` binds: read from the module's source, never imported."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path

MAX_SOURCE = 2 * 2**20
_DEPTH = 3


def star_names(module: str, modules: Mapping[str, str]) -> frozenset[str] | None:
    """Return the names that a star import binds; None where that cannot be read.

    Args:
        modules: path relative to the notebook's folder → source of each local module.
    """
    return _names(module, modules, _DEPTH)


def _names(module: str, modules: Mapping[str, str], depth: int) -> frozenset[str] | None:
    stem = module.replace(".", "/")
    for path in (f"{stem}.py", f"{stem}/__init__.py"):
        if path in modules:
            return _public(modules[path], module, modules, depth)
    if module in sys.stdlib_module_names and (loaded := sys.modules.get(module)) is not None:
        return frozenset(name for name in vars(loaded) if not name.startswith("_"))
    if depth == _DEPTH:
        return _installed(module)
    source = _source(module)
    return None if source is None else _public(source, module, {}, depth)


@lru_cache(maxsize=256)
def _installed(module: str) -> frozenset[str] | None:
    source = _source(module)
    return None if source is None else _public(source, module, {}, _DEPTH)


@lru_cache(maxsize=256)
def _source(module: str) -> str | None:
    path: list[str] | None = None
    spec = None
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        try:
            spec = PathFinder.find_spec(".".join(parts[:depth]), path)
        except (ImportError, ValueError, AttributeError):
            return None
        if spec is None:
            return None
        locations = spec.submodule_search_locations
        path = None if locations is None else list(locations)
        if path is None and depth < len(parts):
            return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    file = Path(spec.origin)
    if not file.is_file() or file.stat().st_size > MAX_SOURCE:
        return None
    return file.read_text(encoding="utf-8", errors="replace")


def _public(
    source: str, module: str, modules: Mapping[str, str], depth: int
) -> frozenset[str] | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    names: set[str] = set()
    for node in _statements(tree.body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.Import():
                names |= {one.asname or one.name.partition(".")[0] for one in node.names}
            case ast.ImportFrom():
                names |= {one.asname or one.name for one in node.names if one.name != "*"}
                if any(one.name == "*" for one in node.names) and depth > 0:
                    names |= _nested(node, module, modules, depth) or frozenset()
            case _:
                names |= {
                    one.id
                    for one in ast.walk(node)
                    if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
                }
    listed = _listed(tree)
    if listed is not None:
        return listed
    return frozenset(name for name in names if not name.startswith("_"))


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return statements, those of branches at top level included."""
    found: list[ast.stmt] = []
    for node in body:
        match node:
            case ast.If():
                found += [*_statements(node.body), *_statements(node.orelse)]
            case ast.Try():
                handlers = [one for handler in node.handlers for one in handler.body]
                found += _statements([*node.body, *handlers, *node.orelse, *node.finalbody])
            case _:
                found.append(node)
    return found


def _nested(
    node: ast.ImportFrom, module: str, modules: Mapping[str, str], depth: int
) -> frozenset[str] | None:
    name = node.module or ""
    if node.level:
        base = module.split(".")
        base = base[: len(base) - node.level + 1] if node.level > 1 else base
        name = ".".join([*base, *([name] if name else [])])
    return _names(name, modules, depth - 1) if name else None


def _listed(tree: ast.Module) -> frozenset[str] | None:
    """Return the literal ``__all__`` of a module; None where there is none or it is computed."""
    found: list[str] | None = None
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                try:
                    found = [str(one) for one in ast.literal_eval(value)]
                except (ValueError, TypeError):
                    return None
            case ast.AugAssign(target=ast.Name(id="__all__"), value=value):
                try:
                    found = [*(found or []), *(str(one) for one in ast.literal_eval(value))]
                except (ValueError, TypeError):
                    return None
    return None if found is None else frozenset(found)
