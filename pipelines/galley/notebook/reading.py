"""Reads statements into :class:`galley.notebook.facts.Facts`."""

# The names of the methods are those that ``Visitor`` looks for.
# ruff: noqa: N802, N815

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from galley.notebook.facts import CallSite, Facts, Link, Tie
from galley.notebook.named_types import fields_made, is_type
from galley.notebook.reach import (
    holders,
    is_cloning,
    is_copy,
    is_displayed,
    is_holder,
    is_slice,
    is_whole,
    root,
    roots,
)
from galley.notebook.remembering import STUCK, in_place
from galley.notebook.scopes import ScopeReader
from galley.notebook.targets import bound, captured, is_true, never_empty

_ENDS = (ast.Raise, ast.Return, ast.Break, ast.Continue)


class Reader(ScopeReader):
    """Walks statements in the order in which they run.

    Names in ``inner`` (arguments and variables of enclosing functions) are not the notebook's.
    """

    def read(self, nodes: Iterable[ast.stmt]) -> Facts:
        """Return the facts of statements."""
        for node in nodes:
            self.visit(node)
        return self.facts

    # -- names --

    def visit_Name(self, node: ast.Name) -> None:
        """Read, bind or delete."""
        if isinstance(node.ctx, ast.Load):
            self.load(node.id, node.lineno)
            self.facts.passed.add(node.id)
        elif isinstance(node.ctx, ast.Store):
            self.bind(node.id)
        else:
            self.load(node.id, node.lineno)
            self.facts.deletes.add(node.id)
            self.bound.discard(node.id)

    def visit_Global(self, node: ast.Global) -> None:
        """Nothing runs; :func:`function_of` has looked at it."""

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        """Bind what is imported."""
        for alias in node.names:
            if alias.name == "*":
                self.star(node)
            else:
                name = alias.asname or alias.name
                self.bind(name.partition(".")[0] if isinstance(node, ast.Import) else name)

    visit_ImportFrom = visit_Import

    # -- assignments --

    def visit_Assign(self, node: ast.Assign) -> None:
        """Read the value, then bind its targets."""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Lambda() as function):
                self.heads(function)
                self.bind(name)
                made = self.function(function, name)
                self.facts.functions[name] = made
                if self.level:
                    self.absorb(made)
                return
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if self.typed(name, value):
                return
        names = [name for one in node.targets for name in bound(one)]
        unpacked = all(isinstance(one, ast.Tuple | ast.List) for one in node.targets)
        self.value(node.value, names, unpacked=unpacked)
        for target in node.targets:
            self.visit(target)
            self.share(target, node.value)
            holder = root(target)
            if holder is not None and not isinstance(target, ast.Name):
                self.keep(node.value, holder)

    def typed(self, name: str, value: ast.expr) -> bool:
        """Take an assignment that names a type; returns whether it is one.

        Within a function a name may be a parameter's.
        """
        imports = self.known.imports
        if self.level:
            return False
        fields = fields_made(name, value, imports)
        if fields is None and not is_type(value, imports, self.known.bound):
            return False
        if fields is None:
            self.visit(value)
        else:
            self.generic_visit(value)
            self.made_type(name, fields)
        self.bind(name)
        return True

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """An annotation alone binds nothing."""
        target, value = node.target, node.value
        typed = value is not None and isinstance(target, ast.Name) and self.typed(target.id, value)
        if value is not None and not typed:
            self.value(value, bound(target))
        if self.depth == 0 and not isinstance(node.annotation, ast.Constant):
            self.visit(node.annotation)
        if value is not None and not typed:
            self.visit(target)
            self.share(target, value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        """``x += 1`` reads and binds, and may change the object that others hold too."""
        self.visit(node.value)
        name = root(node.target)
        if isinstance(node.target, ast.Name):
            self.load(node.target.id, node.lineno)
            if not self.is_plain_number(node.value) or in_place(node.op) in self.known.operators:
                self.change(node.target.id, deep=False, sure=True)
            self.bind(node.target.id)
            return
        self.visit(node.target)
        if name is not None:
            self.load(name, node.lineno)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        """A walrus."""
        self.value(node.value, [node.target.id])
        self.bind(node.target.id)
        self.share(node.target, node.value)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A store or deletion changes what the attribute is of."""
        self.visit(node.value)
        if not isinstance(node.ctx, ast.Load):
            self.changed_part(node)
        elif node.attr in self.known.properties:
            receiver = roots(node.value, self.known.imports) - self.inner
            self.facts.calls.append(CallSite(node.attr, receiver, True, (), ()))

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """A store or deletion changes what is subscripted."""
        self.visit(node.value)
        self.visit(node.slice)
        if not isinstance(node.ctx, ast.Load):
            self.changed_part(node)

    def changed_part(self, node: ast.Attribute | ast.Subscript) -> None:
        """Note that a part of a name's object is replaced."""
        inner = node.value
        while isinstance(inner, ast.Attribute) and inner.attr in {"loc", "iloc", "at", "iat"}:
            inner = inner.value
        for name in holders(node.value, {}):
            if name in self.known.imports and name not in self.inner:
                self.module_changed(node, name)
            else:
                self.change(name, deep=not isinstance(inner, ast.Name), sure=True)

    def share(self, target: ast.expr, value: ast.expr) -> None:
        """Link a target to the names whose object it got."""
        match target, value:
            case ((ast.Tuple() | ast.List()), (ast.Tuple() | ast.List())) if len(
                target.elts
            ) == len(value.elts):
                for one, other in zip(target.elts, value.elts, strict=True):
                    self.share(one, other)
                return
            case ((ast.Tuple() | ast.List()), _):
                for one in target.elts:
                    self.link(one, value, Tie.VIEW if is_slice(value) else Tie.PART)
                return
        whole = is_whole(value) and isinstance(target, ast.Name)
        self.link(target, value, Tie.SAME if whole else Tie.PART)

    def link(self, target: ast.expr, value: ast.expr, tie: Tie) -> None:
        """Link the name of a target with the names that a value reaches."""
        name = root(target.value if isinstance(target, ast.Starred) else target)
        if name is None:
            return
        if tie is not Tie.SAME and is_slice(value):
            tie = Tie.VIEW
        elif is_copy(value):
            tie = Tie.CONTENT
        holds = (
            is_holder(value)
            or is_cloning(value, self.known.imports)
            or not isinstance(target, ast.Name)
        )
        for source in roots(value, self.known.imports):
            if source != name:
                self.facts.links.append(Link(tie, name, source, name if holds else source))

    # -- branches --

    def branch(self, *bodies: Sequence[ast.AST], certain: bool = False) -> None:
        """Read bodies of which one runs; with ``certain`` one of them surely does."""
        before = set(self.bound)
        ends: list[set[str]] = [] if certain else [before]
        for body in bodies:
            self.bound = set(before)
            self.depth += 1
            for node in body:
                self.visit(node)
            self.depth -= 1
            if not (body and isinstance(body[-1], _ENDS)):
                ends.append(self.bound)
        after = set.intersection(*ends) if ends else before
        for name in after - before:
            self.facts.binds[name] = self.facts.binds.get(name, False) or self.depth == 0
        self.bound = after

    def visit_If(self, node: ast.If) -> None:
        """``if True`` and ``if __name__ == "__main__"`` always run."""
        if is_true(node.test):
            for one in node.body:
                self.visit(one)
            return
        self.visit(node.test)
        self.branch(node.body, node.orelse, certain=bool(node.orelse))

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """A walrus in a branch is not certain."""
        self.visit(node.test)
        self.branch([node.body], [node.orelse], certain=True)

    def visit_While(self, node: ast.While) -> None:
        """The body may not run."""
        self.visit(node.test)
        self.branch(node.body)
        self.branch(node.orelse)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        """The body may not run, except over a literal."""
        self.visit(node.iter)
        names = bound(node.target)
        self.carry(node.iter, names)
        for source in roots(node.iter, self.known.imports):
            for name in names:
                if name != source:
                    self.facts.links.append(Link(Tie.PART, name, source, source))
        self.branch([node.target, *node.body], certain=never_empty(node.iter))
        self.branch(node.orelse)

    visit_AsyncFor = visit_For

    def visit_Try(self, node: ast.Try) -> None:
        """The body may end anywhere; a handler that raises does not go on."""
        before = set(self.bound)
        self.depth += 1
        for one in [*node.body, *node.orelse]:
            self.visit(one)
        self.depth -= 1
        ends = [set(self.bound)]
        for handler in node.handlers:
            self.bound = set(before)
            self.depth += 1
            self.visit(handler)
            self.depth -= 1
            if not isinstance(handler.body[-1], _ENDS):
                ends.append(self.bound)
        after = set.intersection(*ends)
        for name in after - before:
            self.facts.binds[name] = self.facts.binds.get(name, False) or self.depth == 0
        self.bound = after
        for one in node.finalbody:
            self.visit(one)

    visit_TryStar = visit_Try

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """Its name is gone after it."""
        if node.type is not None:
            self.visit(node.type)
        inner = self.inner
        if node.name is not None:
            self.inner = inner | {node.name}
        for one in node.body:
            self.visit(one)
        self.inner = inner

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        """The body runs; a value bound by ``as`` is closed after it, unless it is stored."""
        self.managed += 1
        for item in node.items:
            names = bound(item.optional_vars) if item.optional_vars is not None else []
            self.value(item.context_expr, names)
            if item.optional_vars is not None:
                self.visit(item.optional_vars)
        self.managed -= 1
        for one in node.body:
            self.visit(one)

    visit_AsyncWith = visit_With

    def visit_Match(self, node: ast.Match) -> None:
        """One case runs, or none."""
        self.value(node.subject, [])
        names = [name for one in node.cases for name in captured(one.pattern)]
        for source in roots(node.subject, self.known.imports):
            self.facts.links += [Link(Tie.PART, name, source, source) for name in names]
        self.branch(*[[one] for one in node.cases])

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        """A capture."""
        self.generic_visit(node)
        if node.name is not None:
            self.bind(node.name)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        """A mapping, with the rest of it."""
        self.generic_visit(node)
        if node.rest is not None:
            self.bind(node.rest)

    # -- scopes --

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Decorators, defaults and annotations are evaluated; the body when it is called."""
        self.heads(node)
        self.bind(node.name)
        made = self.function(node, node.name)
        self.facts.functions[node.name] = made
        if made.remembers:
            self.facts.stuck[node.name] = STUCK
        at_once = any(map(is_displayed, node.decorator_list))
        if at_once or (self.level and not self.in_class):
            self.absorb(made)

    visit_AsyncFunctionDef = visit_FunctionDef

    def heads(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        """Read what a definition evaluates at once."""
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        for one in [*decorators, *node.args.defaults, *node.args.kw_defaults]:
            if one is not None:
                self.visit(one)
        if not isinstance(node, ast.Lambda):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            for annotation in [node.returns, *(one.annotation for one in arguments)]:
                if annotation is not None and not isinstance(annotation, ast.Constant):
                    self.visit(annotation)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        """Its body may run wherever the value goes: it is read here."""
        self.heads(node)
        self.absorb(self.function(node, "<lambda>"))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Bases, decorators and the body run; methods when they are called."""
        for one in [*node.decorator_list, *node.bases, *(key.value for key in node.keywords)]:
            self.visit(one)
        made = self.class_of(node)
        self.bind(node.name)
        if self.level and not self.in_class:
            self.absorb(made)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> None:
        self._generators(node.generators, [node.elt])

    visit_ListComp = visit_SetComp = visit_GeneratorExp = _comprehension

    def visit_DictComp(self, node: ast.DictComp) -> None:
        """A scope of its own."""
        self._generators(node.generators, [node.key, node.value])

    def _generators(self, generators: list[ast.comprehension], elements: list[ast.expr]) -> None:
        self.visit(generators[0].iter)
        inner = self.inner
        names = {name for one in generators for name in bound(one.target)}
        self.inner = inner | names
        for number, one in enumerate(generators):
            for node in [*([one.iter] if number else []), *one.ifs]:
                self.visit(node)
        for element in elements:
            self.visit(element)
        self.inner = inner
