"""A notebook as one run from top to bottom: what each statement reads and writes in the end.

Functions count where they are mentioned, with what their names stand for by then; a change
counts for all names that share the object.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from galley.notebook.arguments_given import add_change, given, is_outer
from galley.notebook.facts import (
    CallSite,
    Change,
    Facts,
    Function,
    Known,
    Link,
    Statement,
    Tie,
    Trouble,
)
from galley.notebook.hoist import Hoist, hoist_of, is_light, kinds_of
from galley.notebook.randomness import ESTIMATOR, FIT
from galley.notebook.remembering import parts
from galley.notebook.scopes import ARGUMENT
from galley.notebook.sharing import reached
from galley.notebook.steps import STATES, Group, Step
from galley.notebook.tree import walk

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_HISTORY = re.compile(r"In|Out|_{1,3}|_i{1,3}|_[iod]h|_i?\d+")
"""Names under which IPython keeps what was typed and shown."""


@dataclass
class _World:
    """What names stand for at a place of the notebook."""

    functions: dict[str, list[Function]] = field(default_factory=dict)
    carries: dict[str, set[str]] = field(default_factory=dict)
    closures: set[str] = field(default_factory=set)
    stuck: dict[str, tuple[str, str]] = field(default_factory=dict)
    near: dict[str, list[Link]] = field(default_factory=dict)
    since: dict[str, int] = field(default_factory=dict)


def steps_of(statements: Iterable[Statement], known: Known, plain: frozenset[str]) -> list[Step]:
    """Return the steps of a notebook's statements.

    Args:
        plain: names that always hold what cannot change: numbers, texts.
    """
    flow = _Flow(known, plain)
    found = [flow.step(index, one) for index, one in enumerate(statements)]
    if any(ESTIMATOR in one.states for one in found):
        for one in found:
            if FIT in one.states:
                one.states["numpy.random"] = False
    for one in found:
        one.states = {name: seeds for name, seeds in one.states.items() if name in STATES}
    return found


class _Flow:
    def __init__(self, known: Known, plain: frozenset[str]) -> None:
        self.known = known
        self.plain = plain
        self.world = _World()
        self.methods: dict[str, list[Function]] = {}
        self.known_changes: dict[int, tuple[Function, dict[str, Change]]] = {}
        self.index = 0
        self.defined: set[str] = set()

    def step(self, index: int, statement: Statement) -> Step:
        self.index = index
        own = statement.facts
        facts = self._with_calls(own)
        changes: dict[str, Change] = dict(facts.changes)
        linked: list[Link] = [one for one in own.links if self._is_shared(one)]
        stuck = dict(own.stuck)
        for site in facts.calls:
            self._call(site, changes, linked, stuck)
        spread, groups = self._spread(changes, linked)
        for name in facts.functions:
            for one in facts.functions[name].methods:
                self.methods.setdefault(one, []).append(facts.functions[name].methods[one])
        for link in linked:
            if link.source in self.world.stuck and link.target not in stuck:
                stuck[link.target] = self.world.stuck[link.source]
        kinds = kinds_of(statement, self.known)
        hoist = hoist_of(statement, kinds)
        step = Step(
            index=index,
            statement=statement,
            reads=set(facts.reads),
            binds=dict(facts.binds),
            changes=spread,
            deletes=set(own.deletes),
            groups=groups,
            stuck=stuck,
            states=dict(facts.states),
            effects=list(facts.effects),
            troubles=_troubles(facts.troubles, hoist),
            hoist=hoist,
            light=hoist is not None
            or (
                is_light(statement, kinds, self.known)
                and not (facts.effects and not statement.nodes)
            ),
        )
        self._evaluated(step)
        for name, line in own.reads.items():
            if name not in self.defined and _HISTORY.fullmatch(name):
                what = f"uses IPython's history (`{name}`)"
                step.troubles.append(Trouble("hidden-state", what, line))
        self._after(statement, linked, stuck)
        for name in {**own.binds, **own.lazy}:
            held = {*self.world.carries.get(name, ()), name}
            functions = [one for key in held for one in self.world.functions.get(key, ())]
            variables = held - self.world.functions.keys() - {name}
            if functions or variables:
                step.held[name] = self._takes(functions) | variables
        self.defined |= set(facts.binds)
        return step

    def _evaluated(self, step: Step) -> None:
        """``eval`` reads the names in the texts that it is given; any name, without a text."""
        if not any(one.scope == "reads" for one in step.troubles):
            return
        step.troubles = [one for one in step.troubles if one.scope != "reads"]
        texts = [
            one.value
            for node in step.statement.nodes
            if not isinstance(node, ast.FunctionDef | ast.ClassDef)
            for one in walk(node)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        named = {name for text in texts for name in _IDENTIFIER.findall(text)} & self.defined
        step.reads |= named or self.defined

    # -- what functions add --

    def _with_calls(self, own: Facts) -> Facts:
        """Return the facts of a statement with those of the functions that it mentions."""
        carried = [one for held in own.reads for one in self.world.carries.get(held, ())]
        functions = self.closure(own.reads)
        if not carried and not functions:
            return own
        facts = Facts(
            reads=dict(own.reads),
            binds=dict(own.binds),
            changes=dict(own.changes),
            calls=list(own.calls),
            effects=list(own.effects),
            states=dict(own.states),
            troubles=list(own.troubles),
            functions=own.functions,
        )
        for name in carried:
            facts.reads.setdefault(name, 0)
        for function in functions:
            other = function.facts
            for name in other.reads:
                facts.reads.setdefault(name, 0)
            for name in other.binds:
                facts.binds.setdefault(name, False)
            for name, change in {**other.changes, **self._argument_changes(function)}.items():
                if not name.startswith(ARGUMENT):
                    facts.change(name, deep=change.deep, sure=change.sure)
            if self._remembers(function):
                facts.change(function.name, deep=False, sure=False)
            facts.effects += other.effects
            facts.troubles += other.troubles
            facts.calls += [one for one in other.calls if is_outer(one)]
            for state, seeds in other.states.items():
                facts.states[state] = facts.states.get(state, True) and seeds
        return facts

    def _remembers(self, function: Function) -> bool:
        """Whether a function, or a method of a class, keeps something from call to call."""
        return any(
            one.remembers or one.defaults & self._argument_changes(one).keys()
            for one in parts(function)
        )

    def closure(self, names: Iterable[str]) -> list[Function]:
        """Return the functions and classes that names stand for, and what these use in turn."""
        functions, carries = self.world.functions, self.world.carries
        todo = [name for name in names if name in functions or name in carries]
        found: dict[int, Function] = {}
        seen: set[str] = set()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            todo += carries.get(name, ())
            for function in functions.get(name, ()):
                found[id(function)] = function
                todo += function.facts.reads
        return list(found.values())

    def _takes(self, functions: list[Function]) -> frozenset[str]:
        """Return the names that functions (not classes, which are repeated) take or change."""
        names = {name for one in functions if not one.keeps for name in one.facts.reads}
        for function in self.closure(names):
            names |= set(function.facts.reads)
        return frozenset(names)

    def _call(
        self,
        site: CallSite,
        changes: dict[str, Change],
        linked: list[Link],
        stuck: dict[str, tuple[str, str]],
    ) -> None:
        if site.method:
            functions = self.methods.get(site.function, [])
            if not functions and site.change is not None:
                for name in site.receiver:
                    add_change(changes, name, site.change)
        else:
            functions = self.world.functions.get(site.function, [])
            if site.function in self.world.closures:
                add_change(changes, site.function, Change(deep=False, sure=False))
        for function in functions:
            for name, change in list(self._argument_changes(function).items()):
                for one in given(function, site, name):
                    add_change(changes, one, change)
            if site.method and site.change is not None and site.change.sure:
                for name in site.receiver:
                    add_change(changes, name, site.change)
            for one, other in function.ties:
                for target in given(function, site, one):
                    sources = given(function, site, other) - {target}
                    links = [Link(Tie.SAME, target, source) for source in sources]
                    linked += filter(self._is_shared, links)
            for target in site.targets:
                if function.closure:
                    self.world.closures.add(target)
                if "" in function.facts.stuck:
                    stuck[target] = function.facts.stuck[""]
                for name in function.returns:
                    sources = given(function, site, name) if name[0] == ARGUMENT else {name}
                    for source in sources - {target}:
                        tie = Tie.PART if function.keeps else Tie.SAME
                        link = Link(tie, target, source, target)
                        if self._is_shared(link):
                            linked.append(link)

    def _argument_changes(self, function: Function) -> dict[str, Change]:
        """Return parameter → change, with what inner calls of the notebook's functions change.

        What a name stands for inside is taken from its first use on: redefining a helper later
        is rare, and reading each function once keeps this linear.
        """
        if id(function) in self.known_changes:
            return self.known_changes[id(function)][1]
        found = {
            name: one for name, one in function.facts.changes.items() if name.startswith(ARGUMENT)
        }
        # Noted before it is finished, so that functions that call each other come to an end.
        self.known_changes[id(function)] = (function, found)
        for site in function.facts.calls:
            if is_outer(site):
                continue
            table = self.methods if site.method else self.world.functions
            inner = table.get(site.function, [])
            if site.method and not inner and site.change is not None:
                for name in site.receiver:
                    add_change(found, name, site.change)
            for other in inner:
                if other is function:
                    continue
                for name, change in list(self._argument_changes(other).items()):
                    for one in given(other, site, name):
                        add_change(found, one, change)
        return found

    # -- sharing --

    def _is_shared(self, link: Link) -> bool:
        return not any(
            name in self.plain or name in self.world.functions or name in self.known.imports
            for name in (link.target, link.source)
        )

    def _spread(
        self, changes: Mapping[str, Change], linked: list[Link]
    ) -> tuple[dict[str, bool], list[Group]]:
        near = self.world.near
        if linked:
            near = {name: list(links) for name, links in near.items()}
            for link in linked:
                near.setdefault(link.target, []).append(link)
                near.setdefault(link.source, []).append(link)
        found: dict[str, bool] = {}
        groups = []
        for name, change in changes.items():
            if name in self.plain or name.startswith(ARGUMENT):
                continue
            names = reached(name, near, deep=change.deep)
            for one in names:
                found[one] = found.get(one, False) or (change.sure and one == name)
            if len(names) > 1:
                since = min(self.world.since.get(one, self.index) for one in names)
                memory = any(
                    link.tie is Tie.VIEW and {link.target, link.source} <= names
                    for one in names
                    for link in near.get(one, ())
                )
                groups.append(Group(frozenset(names), since, memory))
        return found, groups

    def _after(
        self,
        statement: Statement,
        linked: list[Link],
        stuck: Mapping[str, tuple[str, str]],
    ) -> None:
        """Note what names stand for from here on."""
        world, own = self.world, statement.facts
        augmented = any(isinstance(one, ast.AugAssign) for one in statement.nodes)
        gone = {name for name, certain in own.binds.items() if certain} | own.deletes
        for name in set() if augmented else gone:
            self._forget(name)
        for link in linked:
            if link.target != link.source:
                for end in (link.target, link.source):
                    world.near.setdefault(end, []).append(link)
                    world.since.setdefault(end, self.index)
        for name, certain in own.binds.items():
            functions = [own.functions[name]] if name in own.functions else []
            old = [] if certain else world.functions.get(name, [])
            if functions or old:
                world.functions[name] = [*old, *functions]
            else:
                world.functions.pop(name, None)
        for name, sources in own.made.items():
            carried = set() if own.binds.get(name) else set(world.carries.get(name, ()))
            for source in sources:
                carried |= world.carries.get(source, set())
                functions = world.functions.get(source, [])
                if functions and (source in own.passed or any(one.closure for one in functions)):
                    carried.add(source)
                for one in self.closure([source]):
                    if one.keeps:
                        carried.add(one.name)
            if carried:
                world.carries[name] = carried
            elif own.binds.get(name):
                world.carries.pop(name, None)
        for name, used in own.lazy.items():
            world.carries[name] = world.carries.get(name, set()) | used
        for link in linked:
            if link.holder == link.target and link.source in world.carries:
                carried = world.carries.setdefault(link.target, set())
                world.carries[link.target] = carried | world.carries[link.source]
        world.stuck.update(stuck)

    def _forget(self, name: str) -> None:
        """A name got another object: its links go, what they joined stays joined."""
        world = self.world
        world.stuck.pop(name, None)
        world.closures.discard(name)
        links = world.near.pop(name, [])
        others: dict[str, Link] = {}
        for link in links:
            other = link.source if link.target == name else link.target
            world.near[other] = [one for one in world.near.get(other, []) if one is not link]
            if link.tie is not Tie.PART or link.holder != name:
                others.setdefault(other, link)
        names = list(others)[:20]
        for first, second in pairwise(names):
            ties = {others[first].tie, others[second].tie}
            tie = Tie.VIEW if Tie.VIEW in ties else Tie.SAME
            link = Link(tie, first, second)
            world.near[first].append(link)
            world.near[second].append(link)
        world.since.pop(name, None)


def _troubles(troubles: Iterable[Trouble], hoist: Hoist | None) -> list[Trouble]:
    """Return what ties sections, without what is repeated as a setting."""
    repeated = hoist is not None and hoist.kind == "setting"
    return [one for one in troubles if not (repeated and one.scope == "setting")]
