"""The source of the cells that a split adds to a task: setup, load and save."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator

from galley.domain.split import Fragment
from galley.notebook.source import parse
from galley.project.handing import Handing

_WIDTH = 88
_KEYWORDS = frozenset({"together", "states"})
"""Names that ``handover.save`` has for itself: variables called so go in a group."""


def handover_name(sources: Iterable[str]) -> str:
    """Return the name of the module that hands variables on: none that occurs in ``sources``."""
    words = {word for source in sources for word in re.findall(r"\w+", source)}
    name, number = "handover", 2
    while name in words:
        name, number = f"handover{number}", number + 1
    return name


def setup(fragments: Iterable[Fragment]) -> str:
    """Return fragments as one cell: imports first, definitions spaced as people space them.

    A setting (``sys.path.append(...)``, ``os.environ[...] = ...``) may decide what an import below
    it does: no import is moved above one.
    """
    blocks: list[tuple[list[str], list[tuple[str, bool]]]] = [([], [])]
    settled = False
    for fragment in fragments:
        text, tree = fragment.source.strip("\n"), _tree(fragment)
        if _is_import(tree):
            if settled:
                blocks.append(([], []))
                settled = False
            blocks[-1][0].append(text)
        else:
            settled = settled or not fragment.names
            blocks[-1][1].append((text, _is_definition(tree)))
    return "\n\n".join(_block(imports, others) for imports, others in blocks)


def _block(imports: list[str], others: list[tuple[str, bool]]) -> str:
    text = "\n".join(imports)
    defined = False
    for number, (source, is_definition) in enumerate(others):
        if text:
            first = number == 0
            lines = 3 if is_definition or defined else 2 if first else 1
            text += "\n" * lines
        text += source
        defined = is_definition
    return text


def _tree(fragment: Fragment) -> list[ast.stmt]:
    tree = parse(fragment.source).tree
    return tree.body if tree is not None else []


def _is_import(tree: list[ast.stmt]) -> bool:
    return bool(tree) and all(isinstance(one, ast.Import | ast.ImportFrom) for one in tree)


def _is_definition(tree: list[ast.stmt]) -> bool:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(isinstance(one, kinds) for one in tree)


def after_parameters(
    fragments: tuple[Fragment, ...], parameters: frozenset[str]
) -> tuple[tuple[Fragment, ...], tuple[Fragment, ...]]:
    """Return the fragments that can stand above the parameters, and those that need their values.

    A function that only mentions a parameter in its body needs it when it is called.
    """
    at_once = [_reads(fragment, bodies=False) for fragment in fragments]
    whole = [_reads(fragment, bodies=True) for fragment in fragments]
    binders: dict[str, set[str]] = {}
    for fragment, names in zip(fragments, whole, strict=True):
        for name in fragment.names:
            binders.setdefault(name, set()).update(names)
    above: list[Fragment] = []
    below: list[Fragment] = []
    bound: set[str] = set()
    read: set[str] = set()
    for fragment, names, inner in zip(fragments, at_once, whole, strict=True):
        reached = _reached(names, binders)
        if reached & parameters or reached & bound or set(fragment.names) & (bound | read):
            below.append(fragment)
            bound.update(fragment.names)
            read |= inner
        else:
            above.append(fragment)
    return tuple(above), tuple(below)


def _reached(names: set[str], binders: dict[str, set[str]]) -> set[str]:
    found, waiting = set(names), list(names)
    while waiting:
        for name in binders.get(waiting.pop(), set()) - found:
            found.add(name)
            waiting.append(name)
    return found


def _reads(fragment: Fragment, *, bodies: bool) -> set[str]:
    names: set[str] = set()
    for statement in _tree(fragment):
        names.update(_names_in(statement, bodies))
    return names


def _names_in(node: ast.AST, bodies: bool) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        yield node.id
    for child in ast.iter_child_nodes(node):
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and child in node.body
        if bodies or not inside:
            yield from _names_in(child, bodies)


def load(handing: Handing, handover: str) -> str:
    """Return the cell that takes over what earlier tasks handed on."""
    lines = [f"import {handover}", ""]
    for taken in handing.taken:
        arguments = [_text(taken.task), *map(_text, taken.names)]
        if taken.states:
            arguments.append(f"states={_texts(taken.states)}")
        target = ", ".join(taken.names)
        lines.append(_call(f"{target} = " if target else "", f"{handover}.load", arguments))
    return "\n".join(lines)


def save(task: str, handing: Handing, handover: str) -> str:
    """Return the cell that hands on what later tasks take over."""
    arguments, together = [_text(task)], []
    for names in handing.groups:
        if len(names) == 1 and names[0] not in _KEYWORDS:
            arguments.append(f"{names[0]}={names[0]}")
        else:
            inner = ", ".join(f"{_text(name)}: {name}" for name in names)
            together.append(f"{{{inner}}}")
    if together:
        arguments.append(f"together=[{', '.join(together)}]")
    if handing.states:
        arguments.append(f"states={_texts(handing.states)}")
    call = _call("", f"{handover}.save", arguments)
    return call if handing.taken else f"import {handover}\n\n{call}"


def _call(target: str, function: str, arguments: list[str]) -> str:
    line = f"{target}{function}({', '.join(arguments)})"
    if len(line) <= _WIDTH:
        return line
    return f"{target}{function}(\n" + "".join(f"    {one},\n" for one in arguments) + ")"


def _texts(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _text(text: str) -> str:
    """Return text as a Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)
