"""What calls, magics and module attributes do: the part of reading that knows libraries."""

# ruff: noqa: N802 (the names are those that ``Visitor`` looks for)

from __future__ import annotations

import ast
from dataclasses import replace

from galley.notebook.facts import CallSite, Change, Effect, Facts, Known, Link, Tie, Trouble
from galley.notebook.files import file_effects
from galley.notebook.magics import Magic, expanded, magic_of, option_arguments
from galley.notebook.named_in_texts import TAKING_TEXTS, named_by_call, named_by_formula
from galley.notebook.randomness import random_states
from galley.notebook.reach import dotted, held, holders, is_cloning, last_name, root, roots
from galley.notebook.scripts import script_of, statements_of
from galley.notebook.source import parse
from galley.notebook.stars import star_names
from galley.notebook.tree import Visitor, names_in, walk
from galley.notebook.vocabulary import (
    CONSUMING_METHODS,
    DEEP_METHODS,
    HOLDING_METHODS,
    ITERATING,
    MUTATED_ARGUMENTS,
    MUTATING_METHODS,
    PURE_METHODS,
    STUCK_CALLS,
    STUCK_METHODS,
    STUCK_SUFFIXES,
    TAKING_METHODS,
    looked_up,
)


class CallReader(Visitor):
    """Keeps what is read; knows calls.

    Attributes:
        inner: names of comprehensions and handlers around the node: not the notebook's.
        bound: names that are surely bound by now.
        depth: how many branches are around the node.
        managed: how many ``with`` heads are around it.
        level: how many function bodies are around it.
        in_class: it stands directly in the body of a class.
    """

    def __init__(
        self, known: Known, *, inner: frozenset[str] = frozenset(), level: int = 0
    ) -> None:
        self.known = known
        self.facts = Facts()
        self.inner = inner
        self.bound: set[str] = set()
        self.depth = 0
        self.managed = 0
        self.level = level
        self.results: dict[int, tuple[str, ...]] = {}
        self.bare: ast.AST | None = None
        self.in_class = False

    # -- names --

    def load(self, name: str, line: int) -> None:
        """Note a use of a name."""
        if name in self.inner:
            return
        if name not in self.bound:
            self.facts.reads.setdefault(name, line)

    def bind(self, name: str) -> None:
        """Note that a name is bound."""
        if name in self.inner:
            return
        self.bound.add(name)
        self.facts.binds[name] = self.facts.binds.get(name, False) or self.depth == 0

    def change(self, name: str, *, deep: bool, sure: bool) -> None:
        """Note that the object of a name is changed."""
        if name not in self.inner and name not in self.known.imports:
            self.facts.change(name, deep=deep, sure=sure)

    def trouble(self, code: str, what: str, line: int, scope: str = "all") -> None:
        """Note why the notebook may not be cut here."""
        self.facts.troubles.append(Trouble(code, what, line, scope))

    def star(self, node: ast.Import | ast.ImportFrom) -> None:
        """Bind what a star import binds."""
        module = getattr(node, "module", None) or ""
        names = None if getattr(node, "level", 0) else star_names(module, self.known.modules)
        if names is None:
            self.trouble(
                "unreadable", f"imports `*` from `{module}`, which cannot be read", node.lineno
            )
            return
        for name in sorted(names):
            self.bind(name)

    def is_plain_number(self, node: ast.expr) -> bool:
        """Whether a value is a number or text, so that ``x += value`` changes no object."""
        return isinstance(node, ast.Constant | ast.JoinedStr) or (
            isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)
        )

    # -- values --

    def value(self, node: ast.expr, targets: list[str], *, unpacked: bool = False) -> None:
        """Read a value that is bound to ``targets``.

        Args:
            unpacked: they take what it consists of.
        """
        self.carry(node, targets)
        inner = node.value if isinstance(node, ast.Await) else node
        for one in [inner, *(inner.elts if isinstance(inner, ast.Tuple | ast.List) else [])]:
            if isinstance(one, ast.Call):
                self.results[id(one)] = tuple(targets)
        stuck = self.stuck_element(node) if unpacked else self.stuck_value(node)
        if not self.managed and stuck is not None:
            for name in targets:
                self.facts.stuck[name] = stuck
        self.visit(node)

    def carry(self, node: ast.expr, targets: list[str]) -> None:
        """Note the names that a value is made with."""
        names = set(names_in([node])) - self.inner
        for target in targets:
            self.facts.made.setdefault(target, set()).update(names - {target})
            self.keep(node, target)

    def keep(self, node: ast.expr, target: str) -> None:
        """Note what lambdas use that a value holds which ``target`` gets."""
        for one in held(node):
            if isinstance(one, ast.Name):
                continue
            inside = walk(one)
            own = {part.arg for part in inside if isinstance(part, ast.arg)}
            names = [part for part in inside if isinstance(part, ast.Name)]
            own |= {part.id for part in names if not isinstance(part.ctx, ast.Load)}
            used = {part.id for part in names} - own - self.inner - {target}
            self.facts.lazy.setdefault(target, set()).update(used)

    def stuck_value(self, node: ast.expr | None) -> tuple[str, str] | None:
        """Return why the value of an expression cannot leave the process, where it is known."""
        match node:
            case ast.GeneratorExp():
                return "generator", "a generator"
            case ast.Await(value=value) | ast.Starred(value=value):
                return self.stuck_value(value)
            case ast.Tuple(elts=elts) | ast.List(elts=elts):
                return next(filter(None, map(self.stuck_value, elts)), None)
            case ast.ListComp(elt=elt) | ast.DictComp(value=elt):
                return self.stuck_value(elt)
            case ast.IfExp(body=one, orelse=other):
                return self.stuck_value(one) or self.stuck_value(other)
            case ast.Subscript(value=value):
                return self.stuck_value(value) if isinstance(value, ast.Call) else None
            case ast.Name(id=name) if "." not in self.known.imports.get(name, "."):
                return "not-transferable", "a module"
            case ast.Call():
                return self._stuck_call(node)
        return None

    def stuck_element(self, node: ast.expr) -> tuple[str, str] | None:
        """Return :meth:`stuck_value` of what unpacking a value gives."""
        match node:
            case ast.GeneratorExp(elt=elt):
                return self.stuck_value(elt)
            case ast.Call(func=ast.Name(id="map"), args=[function, *_]) if "map" not in self.bound:
                if isinstance(function, ast.Lambda):
                    return self.stuck_value(function.body)
                return self.stuck_value(ast.Call(func=function, args=[], keywords=[]))
            case ast.Call(func=ast.Name(id=name), args=given):
                if name in ITERATING and name not in self.bound:
                    return next(filter(None, map(self.stuck_element, given)), None)
        return self.stuck_value(node)

    def _stuck_call(self, node: ast.Call) -> tuple[str, str] | None:
        path = dotted(node.func, self.known.imports)
        if path is None and isinstance(node.func, ast.Name):
            path = node.func.id if node.func.id not in self.bound else ""
        if path is not None:
            found = looked_up(path, STUCK_CALLS)
            if found is None and "." in path and path.endswith(STUCK_SUFFIXES):
                found = ("connection", f"a `{path.rpartition('.')[2]}`")
            return found if found is not None and found[0] else None
        if isinstance(node.func, ast.Attribute) and node.func.attr not in TAKING_METHODS:
            return STUCK_METHODS.get(node.func.attr) or self.stuck_value(
                node.func.value if isinstance(node.func.value, ast.Call) else None
            )
        return None

    # -- calls --

    def visit_Expr(self, node: ast.Expr) -> None:
        """A call whose result nobody takes is made for what it does."""
        self.bare = node.value.value if isinstance(node.value, ast.Await) else node.value
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:
        """Read a call by what its function is."""
        magic = magic_of(node)
        if magic is not None:
            self.magic(magic, node.lineno)
            return
        bare = self.bare is node
        self.facts.effects += file_effects(node, self.known)
        path = dotted(node.func, self.known.imports)
        for state, seeds in random_states(node, path):
            self.facts.states[state] = self.facts.states.get(state, True) and seeds
        if path is not None:
            self.module_call(node, path)
            self.visit(node.func)
        elif isinstance(node.func, ast.Name):
            self.name_call(node, node.func)
        elif isinstance(node.func, ast.Attribute):
            self.visit(node.func.value)
            self.site(node, node.func.attr, node.func, bare=bare)
        else:
            self.visit(node.func)
        consumes = isinstance(node.func, ast.Attribute) and node.func.attr in CONSUMING_METHODS
        for one in [*node.args, *(key.value for key in node.keywords)]:
            if consumes and isinstance(one, ast.Name):
                self.load(one.id, one.lineno)
            else:
                self.visit(one)
        for key in node.keywords:
            if key.arg == "out":
                for name in roots(key.value, self.known.imports):
                    self.change(name, deep=True, sure=True)
        if (method := last_name(node.func)) in TAKING_TEXTS:
            given = [*node.args, *(key.value for key in node.keywords)]
            for text in [one for one in walk(*given) if isinstance(one, ast.Constant)]:
                for name in named_by_call(path, method, text.value):
                    self.load(name, node.lineno)

    def visit_Constant(self, node: ast.Constant) -> None:
        """The text of a model's formula names what the notebook has."""
        for name in named_by_formula(node.value):
            self.load(name, node.lineno)

    def site(self, node: ast.Call, name: str, method: ast.Attribute | None, *, bare: bool) -> None:
        """Note a call of a name or of a variable's method."""
        imports = self.known.imports
        receiver = frozenset() if method is None else roots(method.value, imports)
        change = None if method is None else _method_change(node, method, self.known, bare=bare)
        if method is not None and change is not None and change.sure:
            receiver = holders(method.value, imports)
        if method is not None and name in HOLDING_METHODS:
            given = [source for one in node.args for source in roots(one, imports)]
            for holder in receiver - self.inner:
                for one in node.args:
                    self.keep(one, holder)
            self.facts.links += [
                Link(Tie.PART, holder, source, holder)
                for holder in receiver - self.inner
                for source in given
                if source not in self.inner and source != holder
            ]
        self.facts.calls.append(
            CallSite(
                function=name,
                receiver=receiver - self.inner,
                method=method is not None,
                arguments=tuple(roots(one, imports) - self.inner for one in node.args),
                keywords=tuple(
                    (one.arg or "", roots(one.value, imports) - self.inner) for one in node.keywords
                ),
                targets=self.results.get(id(node), ()),
                change=change,
            )
        )

    def name_call(self, node: ast.Call, function: ast.Name) -> None:
        """A call of a plain name: a builtin, or something of the notebook."""
        name, line = function.id, node.lineno
        self.load(name, line)
        if name in self.inner:
            return
        self.changed_arguments(node, name)
        match name:
            case "exec" | "eval" | "compile" | "execfile":
                self.code_call(node, name)
            case "globals" | "locals":
                if not (name == "locals" and self.level):
                    self.trouble("hidden-state", f"looks into `{name}()`", line)
            case "vars" | "dir" if not node.args and not self.level:
                self.trouble("hidden-state", f"looks into `{name}()`", line)
            case "get_ipython":
                self.trouble("hidden-state", "uses `get_ipython()` for more than a magic", line)
            case "setattr" if node.args and dotted(node.args[0], self.known.imports) is not None:
                self.trouble("hidden-state", "sets an attribute of a module", line, "after")
        self.site(node, name, None, bare=False)

    def code_call(self, node: ast.Call, name: str) -> None:
        """``exec`` and ``eval``: a literal is read, anything else is not."""
        match node.args:
            case [ast.Constant(value=str(text)), *_]:
                tree = parse(text).tree
                for one in tree.body if tree is not None else []:
                    self.visit(one)
            case _:
                if name == "eval":
                    self.trouble("unreadable", "evaluates a text", node.lineno, "reads")
                elif name != "compile":
                    what = f"runs code that it makes itself (`{name}`)"
                    self.trouble("unreadable", what, node.lineno)

    def module_call(self, node: ast.Call, path: str) -> None:
        """A call of a library's function."""
        line = node.lineno
        self.changed_arguments(node, path)
        if path in {"os.chdir", "os.fchdir"}:
            self.trouble("hidden-state", "changes the working directory", line, "after")
        elif path == "mlflow.start_run" and not self.managed:
            self.trouble("connection", "starts an MLflow run that stays open", line, "mlflow")
        elif path in {"builtins.exec", "runpy.run_path", "IPython.get_ipython"}:
            self.trouble("unreadable", f"calls `{path}`", line)
        elif path.endswith(("random.set_seed", "set_random_seed", "set_global_generator")):
            self.trouble("hidden-state", f"seeds a process with `{path}`", line, "after")
        elif path in {"locale.setlocale", "sys.setrecursionlimit"} and self.level:
            self.trouble("hidden-state", f"calls `{path}` in a function", line, "after")

    def changed_arguments(self, node: ast.Call, path: str) -> None:
        """Note what a known function changes of its arguments."""
        position = looked_up(path, MUTATED_ARGUMENTS)
        if path.startswith("numpy.") and path.endswith(".at"):
            position = 0
        if position is None or not 0 <= position < len(node.args):
            return
        for name in roots(node.args[position], self.known.imports):
            self.change(name, deep=True, sure=True)

    def module_changed(self, node: ast.expr, name: str) -> None:
        """Something of a module is replaced; a setting is repeated, all else ties what follows."""
        line = getattr(node, "lineno", 1)
        what = f"changes `{ast.unparse(node)[:60]}`"
        self.facts.reads.setdefault(name, line)
        self.trouble("hidden-state", what, line, "setting")

    # -- magics --

    def magic(self, magic: Magic, line: int) -> None:
        """Read a magic or a shell line."""
        for expression in expanded(magic.argument) if magic.kind != "python" else ():
            try:
                self.visit(ast.parse(expression.strip(), mode="eval").body)
            except (SyntaxError, ValueError):
                continue
        match magic.kind:
            case "python":
                self._python(magic)
            case "install":
                self.facts.effects.append(Effect("install", None, line))
            case "shell":
                self.facts.effects.append(Effect("write", None, line))
            case "read-only":
                self.facts.effects.append(Effect("read", None, line))
            case "directory":
                self.trouble("hidden-state", "changes the working directory", line, "after")
            case "run":
                self._run(magic, line)
            case "history":
                self.trouble("hidden-state", f"uses IPython's history (%{magic.name})", line)
            case "unknown":
                self.trouble("unreadable", f"uses the magic `%{magic.name}`", line)

    def _python(self, magic: Magic) -> None:
        tree = parse(option_arguments(magic.argument)).tree
        outer = (set(self.bound), dict(self.facts.binds))
        for node in tree.body if tree is not None else []:
            self.visit(node)
        if magic.name in {"timeit", "memit"}:
            self.bound, self.facts.binds = outer

    def _run(self, magic: Magic, line: int) -> None:
        """Read what a file does that is run, as if it stood here."""
        path, known = script_of(magic.argument), self.known
        body = None if path is None else statements_of(path, known.modules)
        if body is None:
            why = "cannot be read" if path in known.modules else "is not sent along"
            self.trouble("unreadable", f"runs `{path or magic.argument}`, which {why}", line)
            return
        for node in walk(*body):
            if isinstance(node, ast.expr | ast.stmt):
                node.lineno = node.end_lineno = line
        others = {other: text for other, text in known.modules.items() if other != path}
        self.known = replace(known, modules=others)  # a file that runs itself has no end
        for node in body:
            self.visit(node)
        self.known = known


def _method_change(
    node: ast.Call, method: ast.Attribute, known: Known, *, bare: bool
) -> Change | None:
    name = method.attr
    if name in DEEP_METHODS:
        if isinstance(method.value, ast.Name) and method.value.id in known.cloning:
            return Change(deep=False, sure=False)
        if is_cloning(method.value, known.imports):
            return None  # what it changes is new
    part = root(method.value) is None or not isinstance(method.value, ast.Name)
    if any(_is_on(one) for one in node.keywords):
        return Change(deep=part, sure=True)
    if name in MUTATING_METHODS:
        return Change(deep=part or name in DEEP_METHODS, sure=False)
    if bare and name not in PURE_METHODS:
        return Change(deep=True, sure=False)
    return None


def _is_on(keyword: ast.keyword) -> bool:
    return keyword.arg == "inplace" and not (
        isinstance(keyword.value, ast.Constant) and not keyword.value.value
    )
