"""What the statements of a cell do to names: read, bind, delete, change, share, open.

Facts are of the source alone: nothing is imported or run, and what stands in other cells is not
looked at (:mod:`galley.notebook.flow` puts the statements of a notebook together).

Glossary
    read       a name that a statement takes from outside itself
    change     the object behind a name is altered, the name keeps it (``x.append``, ``x[0] = 1``)
    deep       a change that may reach what the object holds, not only the object itself
    sure       a change that is certain; one that is only likely can be taken back by a run
    link       two names that reach the same object, or of which one is part of the other
    state      a pseudo-variable for process state: ``random``, ``numpy.random``, ``torch``
    trouble    why what follows cannot be read, or may not be cut off
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Tie(StrEnum):
    """How two names share: one object, a part of it, its memory, or only what it holds."""

    SAME = "same"
    PART = "part"
    VIEW = "view"
    CONTENT = "content"


@dataclass(frozen=True)
class Link:
    """``target`` got (a part of) what ``source`` is; PART: ``whole`` holds ``part``."""

    tie: Tie
    target: str
    source: str
    holder: str | None = None


@dataclass(frozen=True)
class Change:
    """How an object is altered."""

    deep: bool
    sure: bool


@dataclass(frozen=True)
class CallSite:
    """A call of a name, or of a method of a variable.

    Attributes:
        function: the called name, or the method's.
        receiver: names that reach the method's object; empty for a plain call.
        arguments: names that reach each positional argument.
        keywords: the same by keyword.
        targets: names that are bound to the result.
        change: what the vocabulary says of a method that no cell defines.
    """

    function: str
    receiver: frozenset[str]
    method: bool
    arguments: tuple[frozenset[str], ...]
    keywords: tuple[tuple[str, frozenset[str]], ...]
    targets: tuple[str, ...] = ()
    change: Change | None = None


@dataclass(frozen=True)
class Effect:
    """A file read or written; ``path`` is None where it is not a literal."""

    kind: str
    path: str | None
    line: int


@dataclass(frozen=True)
class Trouble:
    """Why sections may not be cut apart here.

    Attributes:
        code: that of a :class:`galley.domain.split.Merge`.
        what: ends the sentence "cell 3 …".
        scope: ``all`` sections, or this one with those ``after`` it.
    """

    code: str
    what: str
    line: int
    scope: str = "all"


@dataclass
class Facts:
    """What one statement, or the body of one function, does.

    Attributes:
        reads: name → first line.
        binds: name → whether it is bound whatever branch is taken.
        deletes: names deleted.
        changes: name → how its object is changed.
        passed: names that are read other than to be called.
        made: name → names that its new value is made with.
        lazy: name → names that lambdas in its value use whenever they are called.
        stuck: name → (code, what) of a value that cannot leave the process; ``""`` is what a
            function returns.
        states: state → True where it is only seeded.
    """

    reads: dict[str, int] = field(default_factory=dict)
    binds: dict[str, bool] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    changes: dict[str, Change] = field(default_factory=dict)
    passed: set[str] = field(default_factory=set)
    made: dict[str, set[str]] = field(default_factory=dict)
    lazy: dict[str, set[str]] = field(default_factory=dict)
    stuck: dict[str, tuple[str, str]] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    calls: list[CallSite] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    states: dict[str, bool] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    functions: dict[str, Function] = field(default_factory=dict)

    def change(self, name: str, *, deep: bool, sure: bool) -> None:
        """Note a change; a deep or sure one outweighs another."""
        known = self.changes.get(name)
        if known is not None:
            deep, sure = deep or known.deep, sure or known.sure
        self.changes[name] = Change(deep, sure)


@dataclass
class Function:
    """A function, class or lambda that a notebook defines.

    Attributes:
        name: as it is bound.
        parameters: positional ones first; of a class, those of ``__init__`` without ``self``.
        facts: of its body, whose reads are what it takes from the notebook; of a class, all
            bodies together.
        methods: of a class.
        returns: names (parameters or the notebook's) that its result may share objects with.
        keeps: it makes an object that holds what it is given (a class).
        closure: its result is a function with variables of its own.
        ties: pairs of names that share objects after a call.
        defaults: its parameters whose default value is an object that could be changed.
        remembers: it keeps something from one call to the next that calling it anew would show.
    """

    name: str
    parameters: tuple[str, ...]
    facts: Facts
    methods: dict[str, Function] = field(default_factory=dict)
    returns: frozenset[str] = frozenset()
    keeps: bool = False
    closure: bool = False
    ties: frozenset[tuple[str, str]] = frozenset()
    defaults: frozenset[str] = frozenset()
    remembers: bool = False


@dataclass(frozen=True)
class Statement:
    """One or more top-level statements that share lines.

    Attributes:
        line, end: of the cell, from 1, both included.
        nodes: as IPython would run them.
        last: it ends its cell, so that its value is shown.
        exact: ``source`` alone is surely this; a magic in the cell may have moved lines.
    """

    cell: int
    line: int
    end: int
    nodes: tuple[ast.stmt, ...]
    source: str
    last: bool
    facts: Facts
    exact: bool = True


@dataclass(frozen=True)
class Known:
    """What the whole notebook says of its names, in whatever order.

    Attributes:
        imports: name → dotted path of what is imported under it.
        texts: name → the one literal text that it is ever bound to.
        modules: source of each local module by its path.
        properties: names of its classes' properties.
        operators: names of the methods for operators such as ``+=`` that its classes have.
        asked: names of functions of whose cache it asks.
        cloning: names of nothing but objects that fit copies of what they hold.
        bound: names that are bound anywhere, imports too.
    """

    imports: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)
    properties: frozenset[str] = frozenset()
    operators: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()
    cloning: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
