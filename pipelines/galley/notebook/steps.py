"""One statement of a notebook in its place: what it reads and writes with all that it calls."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass, field

from galley.notebook.facts import Effect, Statement, Trouble
from galley.notebook.hoist import Hoist

STATES = ("random", "numpy.random", "torch")
"""Pseudo-variables for process state that tasks can hand over."""


@dataclass(frozen=True)
class Group:
    """Names that share an object which is changed here.

    Attributes:
        since: index of the step from which on they share it.
        memory: some are views of one array: copies of them would not share it.
    """

    names: frozenset[str]
    since: int
    memory: bool = False


@dataclass
class Step:
    """One statement, with everything that it calls.

    Attributes:
        reads: names that it needs.
        binds: name → whether it surely binds it.
        changes: name → whether the change of its object is certain.
        groups: names that a change here ties together: they share what is changed.
        stuck: name → (code, what): its value cannot leave the process.
        states: state → True where it is only seeded.
        light: no work of its own.
        held: name → names of the notebook that functions in its value use when they are called.
    """

    index: int
    statement: Statement
    reads: set[str]
    binds: dict[str, bool]
    changes: dict[str, bool]
    deletes: set[str]
    groups: list[Group]
    stuck: dict[str, tuple[str, str]]
    states: dict[str, bool]
    effects: list[Effect]
    troubles: list[Trouble]
    hoist: Hoist | None
    light: bool
    held: dict[str, frozenset[str]] = field(default_factory=dict)

    @property
    def cell(self) -> int:
        """Index of its cell."""
        return self.statement.cell


def plain_names(statements: Iterable[Statement], scalars: Iterable[str] = ()) -> frozenset[str]:
    """Return the names that only ever hold numbers or texts."""
    plain: set[str] = set(scalars)
    other: set[str] = set()
    for statement in statements:
        for node in statement.nodes:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    (plain if _is_scalar(value) else other).add(name)
                case ast.AugAssign():
                    pass
                case _:
                    other |= set(statement.facts.binds)
        if len(statement.nodes) != 1:
            other |= set(statement.facts.binds)
    return frozenset((plain - other) | set(scalars))


def _is_scalar(node: ast.expr) -> bool:
    match node:
        case ast.Constant() | ast.JoinedStr() | ast.Compare():
            return True
        case ast.UnaryOp(operand=operand):
            return _is_scalar(operand)
        case ast.Call(func=ast.Name(id=name)):
            return name in {"len", "int", "float", "str", "bool", "round", "hash", "ord", "input"}
        case ast.Subscript(value=ast.Attribute(attr="shape")):
            return True
    return False
