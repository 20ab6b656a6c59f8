"""Functions and classes of a notebook: what they do to the notebook's names when they run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from galley.notebook.calls import CallReader
from galley.notebook.facts import CallSite, Change, Facts, Function, Link
from galley.notebook.reach import held, roots
from galley.notebook.remembering import (
    cache_shows,
    changeable_defaults,
    is_cached,
    keeps_result,
)
from galley.notebook.sharing import neighbours, reached, together
from galley.notebook.tree import children, names_in

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
ARGUMENT = "@"
"""Before a name: it is a parameter of the function, not a name of the notebook."""


class ScopeReader(CallReader):
    """Reads the bodies of functions and classes."""

    def function(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str
    ) -> Function:
        """Return what calling a function does; parameters carry an ``@``."""
        parameters = _parameters(node.args)
        body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
        own = list(_own_nodes(body))
        declared = {
            one for part in own if isinstance(part, ast.Global | ast.Nonlocal) for one in part.names
        }
        inner = self.inner - set(parameters)
        reader = type(self)(self.known, inner=inner, level=self.level + 1)
        for one in body:
            reader.visit(one)
        local = ({*parameters} | set(reader.facts.binds)) - declared
        returned = [part.value for part in own if isinstance(part, ast.Return)]
        given = {one for value in returned for one in roots(value, self.known.imports)}
        facts = _outward(reader.facts, local, set(parameters))
        near = neighbours(reader.facts.links)
        shared = {one for name in given for one in together(name, near)}
        ties = {
            (f"{ARGUMENT}{one}", f"{ARGUMENT}{other}")
            for one in parameters
            if one in near
            for other in together(one, near)
            if other in parameters and other > one
        }
        stuck = [reader.stuck_value(value) for value in returned]
        stuck += [
            reader.facts.stuck.get(one)
            for value in returned
            for one in names_in([value] if value is not None else [])
        ]
        if any(isinstance(part, ast.Yield | ast.YieldFrom) for part in own) and not isinstance(
            node, ast.Lambda
        ):
            stuck = [("generator", "a generator")]
        if found := next(filter(None, stuck), None):
            facts.stuck[""] = found
        if parameters and keeps_result(node):
            facts.change(f"{ARGUMENT}{parameters[0]}", deep=False, sure=True)
        return Function(
            name=name,
            parameters=parameters,
            facts=facts,
            returns=frozenset(_outer(shared, local, set(parameters))),
            ties=frozenset(ties),
            defaults=frozenset(f"{ARGUMENT}{one}" for one in changeable_defaults(node.args)),
            remembers=is_cached(node, self.known) and cache_shows(name, facts, self.known),
            closure=any(
                isinstance(one, ast.Lambda) or one.id in reader.facts.functions
                for value in returned
                for one in held(value)
            ),
        )

    def class_of(self, node: ast.ClassDef) -> Function:
        """Return what a class does: its body at once, its methods whenever."""
        reader = type(self)(self.known, inner=self.inner, level=self.level + 1)
        reader.in_class = True
        for one in node.body:
            reader.visit(one)
        local = set(reader.facts.binds)
        methods = reader.facts.functions
        facts = _outward(reader.facts, local, set())
        merge(self.facts, facts, bound=self.bound | self.inner)
        for method in methods.values():
            merge(facts, method.facts)
        facts.stuck.pop("", None)
        first = methods["__init__"].parameters[1:] if "__init__" in methods else ()
        return self.made_type(node.name, first, facts, methods)

    def made_type(
        self,
        name: str,
        fields: tuple[str, ...],
        facts: Facts | None = None,
        methods: Mapping[str, Function] | None = None,
    ) -> Function:
        """Note a type of the notebook, and return what to call it does.

        Args:
            fields: what it is called with, and keeps.
        """
        # It is repeated where it can be; a class that was changed since cannot.
        self.facts.stuck[name] = (
            "not-transferable",
            "a class that its source alone does not make again",
        )
        made = Function(
            name=name,
            parameters=fields,
            facts=facts or Facts(),
            methods=dict(methods or {}),
            returns=frozenset(f"{ARGUMENT}{one}" for one in fields),
            keeps=True,
        )
        self.facts.functions[name] = made
        return made

    def absorb(self, function: Function) -> None:
        """Take what a function does as if it ran here."""
        merge(self.facts, function.facts, bound=self.bound | self.inner)
        self.facts.passed |= set(function.facts.reads)


def merge(facts: Facts, other: Facts, *, bound: Iterable[str] = ()) -> None:
    """Add what ``other`` does to the notebook's names."""
    hidden = set(bound)
    for name, line in other.reads.items():
        if name not in hidden:
            facts.reads.setdefault(name, line)
    for name in other.binds:
        facts.binds.setdefault(name, False)
    for name, change in other.changes.items():
        if not name.startswith(ARGUMENT):
            facts.change(name, deep=change.deep, sure=change.sure)
    for state, seeds in other.states.items():
        facts.states[state] = facts.states.get(state, True) and seeds
    facts.effects += other.effects
    facts.troubles += other.troubles
    facts.calls += [one for one in other.calls if not _takes_parameters(one)]
    facts.links += [one for one in other.links if not (one.target + one.source).count(ARGUMENT)]


def _takes_parameters(site: CallSite) -> bool:
    groups = [site.receiver, *site.arguments, *(names for _, names in site.keywords)]
    return any(name.startswith(ARGUMENT) for group in groups for name in group)


def _parameters(arguments: ast.arguments) -> tuple[str, ...]:
    ordered = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    more = [one for one in (arguments.vararg, arguments.kwarg) if one is not None]
    return tuple(one.arg for one in [*ordered, *more])


def _own_nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of a body, without those of scopes inside it."""
    todo = list(body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, _SCOPES):
            todo.extend(children(node))


def _outer(names: Iterable[str], local: set[str], parameters: set[str]) -> Iterator[str]:
    """Yield names as seen from outside: parameters marked, variables of the function left out."""
    for name in names:
        if name in parameters:
            yield f"{ARGUMENT}{name}"
        elif name not in local:
            yield name


def _outward(facts: Facts, local: set[str], parameters: set[str]) -> Facts:
    """Return the facts of a body as seen from outside."""
    near = neighbours(facts.links)

    def outside(names: Iterable[str]) -> frozenset[str]:
        wide = {one for name in names for one in together(name, near)}
        return frozenset(_outer(wide, local, parameters))

    changes: dict[str, Change] = {}
    for name, change in facts.changes.items():
        for one in _outer(reached(name, near, deep=change.deep), local, parameters):
            old = changes.get(one, Change(deep=False, sure=False))
            changes[one] = Change(change.deep or old.deep, change.sure or old.sure)
    return Facts(
        reads={name: line for name, line in facts.reads.items() if name not in local},
        binds={name: False for name in facts.binds if name not in local},
        changes=changes,
        passed=facts.passed - local,
        links=[
            Link(one.tie, ends[0], ends[1], one.holder)
            for one in facts.links
            if len(
                ends := [*_outer([one.target], local, set()), *_outer([one.source], local, set())]
            )
            == 2
        ],
        calls=[
            replace(
                one,
                receiver=outside(one.receiver),
                arguments=tuple(map(outside, one.arguments)),
                keywords=tuple((key, outside(names)) for key, names in one.keywords),
                targets=(),
            )
            for one in facts.calls
            if one.method or one.function not in local or one.function in facts.functions
        ],
        effects=facts.effects,
        states=facts.states,
        troubles=facts.troubles,
    )
