"""``Enum`` classes of a notebook, read as syntax: their members are a parameter's choices.

A run injects literals, so a parameter takes a member's *value*: ``colour: Colour = "red"``, or
``colour = Colour.RED``, which a run turns into a member again (:mod:`galley.notebook.conversions`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from galley.notebook.source import Cell

_BASES = frozenset({"Enum", "IntEnum", "StrEnum"})


@dataclass(frozen=True)
class EnumClass:
    """The members of one class: name → value, all text or all whole numbers."""

    members: dict[str, Any]


def read_enums(cells: Iterable[Cell]) -> dict[str, EnumClass]:
    """Return the classes whose members can all be read, by name."""
    found: dict[str, EnumClass] = {}
    for cell in cells:
        if cell.code.tree is None:
            continue
        for node in cell.code.tree.body:
            if isinstance(node, ast.ClassDef):
                members = _members(node)
                if members:
                    found[node.name] = EnumClass(members)
    return found


def spelled_out(annotation: ast.expr, enums: Mapping[str, EnumClass]) -> ast.expr:
    """Return a type hint with each enum's name replaced by the ``Literal`` of its values."""
    quoted = isinstance(annotation, ast.Constant) and isinstance(annotation.value, str)
    text = annotation.value if quoted else ast.unparse(annotation)  # type: ignore[attr-defined]
    try:
        hint = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return annotation
    spelled: ast.expr = _Spelled(enums).visit(hint)
    return spelled


class _Spelled(ast.NodeTransformer):
    def __init__(self, enums: Mapping[str, EnumClass]) -> None:
        self._enums = enums

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Return the literal type of an enum, and any other name as it is."""
        if node.id not in self._enums:
            return node
        values = ", ".join(repr(value) for value in self._enums[node.id].members.values())
        return ast.parse(f"Literal[{values}]", mode="eval").body


def _members(node: ast.ClassDef) -> dict[str, Any]:
    bases = {
        base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
        for base in node.bases
    }
    kind = next(iter(bases & _BASES), None)
    if kind is None:
        return {}
    members: dict[str, Any] = {}
    for one in node.body:
        if not isinstance(one, ast.Assign) or not isinstance(one.targets[0], ast.Name):
            continue
        name = one.targets[0].id
        if name.startswith("_"):
            continue
        try:
            members[name] = ast.literal_eval(one.value)
        except ValueError:
            automatic = isinstance(one.value, ast.Call) and ast.unparse(one.value.func).endswith(
                "auto"
            )
            if not automatic or kind != "StrEnum":
                return {}
            members[name] = name.lower()
    kinds = {type(value) for value in members.values()}
    return members if kinds in ({str}, {int}) else {}
