"""What a notebook imports: the standard library, a module sent with it, or a distribution.

Local modules and the files that ``%run`` runs are read too, so that what *they* import is known.
Nothing is ever imported.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from galley.domain.documents import sent_along
from galley.domain.versions import Check, Requirement, Severity
from galley.errors import InvalidInput
from galley.notebook.dataflow import bindings
from galley.notebook.installed import Installed
from galley.notebook.requirements import Stated, distribution_of
from galley.notebook.scripts import is_script, run_by, trees_of
from galley.notebook.source import RAISES_TAG, Cell, joined
from galley.notebook.tree import children, walk

_DYNAMIC = re.compile(r"import_module|__import__|[^\x00-\x7f]")
"""Cells without it import by statements only; other spellings of a letter are that letter."""
ALWAYS_THERE = frozenset(sys.stdlib_module_names) | {"__main__"}


@dataclass(frozen=True)
class Import:
    """One imported module; ``optional`` where the notebook copes with its absence."""

    module: str
    names: tuple[str, ...]
    line: int
    optional: bool


@dataclass
class Imports:
    """What the imports of a notebook came to.

    Attributes:
        modules: name → path of the local modules that are imported.
        missing: names of modules that are nowhere.
        scripts: paths of the files that are run.
        missing_scripts: paths of those that were not sent.
    """

    requirements: dict[str, Requirement] = field(default_factory=dict)
    modules: dict[str, str] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    scripts: dict[str, None] = field(default_factory=dict)
    missing_scripts: dict[str, None] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)


def imported_as(path: str) -> str | None:
    """Return the dotted name of the module at a path relative to the notebook's folder.

    None where it is not the relative path of a Python module.
    """
    pure = PurePosixPath(path)
    parts = (*pure.parent.parts, *([pure.stem] if pure.name != "__init__.py" else []))
    if (
        pure.is_absolute()
        or pure.suffix != ".py"
        or str(pure) != path
        or not parts
        or not all(part.isidentifier() for part in parts)
    ):
        return None
    return ".".join(parts)


def _check_path(path: str) -> None:
    if imported_as(path) is None and not is_script(path):
        raise InvalidInput(
            f"{path!r} is neither the path of a Python module relative to the notebook's folder, "
            "such as 'helpers.py' or 'features/__init__.py', nor of a file for %run, such as "
            "'setup.ipynb'",
            field="modules",
        )


def imports_of(
    tree: ast.Module, *, package: str | None = None, dynamic: bool = True
) -> list[Import]:
    """Return the imports anywhere in a module.

    Args:
        package: resolves relative ones.
        dynamic: whether calls may import, so that expressions are looked into.
    """
    found: list[Import] = []
    _collect(tree, package, found, optional=False, below=children if dynamic else _statements)
    return found


def resolve(
    cells: tuple[Cell, ...],
    modules: Mapping[str, str],
    installed: Installed,
    stated: Iterable[str] = (),
) -> Imports:
    """Return what the imports of a notebook and of its local modules come to.

    Args:
        stated: requirement lines of the author's own: a module of theirs is not missing.

    Raises:
        InvalidInput: a path in ``modules`` is neither that of a module nor of a file to run.
    """
    return _Resolver(modules, installed, stated).run(cells)


def _only_secrets(one: Import) -> bool:
    """Whether an import wants no more of galley than each run has: ``galley.secret``."""
    return one.module == "galley" and set(one.names) <= {"secret"}


class _Resolver:
    def __init__(
        self, modules: Mapping[str, str], installed: Installed, stated: Iterable[str]
    ) -> None:
        self.installed = installed
        known = {one.name for ones in installed.modules.values() for one in ones}
        self.stated = Stated(stated, known)
        self.files = {path: joined(text, f"module {path}") for path, text in modules.items()}
        for path in modules:
            _check_path(path)
        names = {path: imported_as(path) for path in modules}
        self.paths = {name: path for path, name in names.items() if name is not None}
        self.sources = {name: self.files[path] for name, path in self.paths.items()}
        self.found = Imports()
        self.trees: dict[str, ast.Module | None] = {}

    def run(self, cells: tuple[Cell, ...]) -> Imports:
        for cell in cells:
            if cell.code.tree is not None and "import" in cell.source:
                dynamic = _DYNAMIC.search(cell.source) is not None
                for one in imports_of(cell.code.tree, dynamic=dynamic):
                    self._import(one, cell.label, cell.index)
            if "run" in cell.source:
                self._run_by(cell)
        return self.found

    def _run_by(self, cell: Cell) -> None:
        """Note the files that a cell runs."""
        body = () if cell.code.tree is None else cell.code.tree.body
        surely = {id(one.value) for one in body if isinstance(one, ast.Expr)}
        for node in cell.nodes:
            if type(node) is ast.Call and (path := run_by(node)) is not None:
                certain = id(node) in surely and RAISES_TAG not in cell.tags
                self._run(path, cell.label, cell.index, node.lineno, certain=certain)

    def _run(
        self, path: str, where: str, cell: int | None, line: int, *, certain: bool = True
    ) -> None:
        if path in self.found.scripts:
            return
        if path not in self.files:
            self.found.missing_scripts[path] = None
            self.found.checks.append(
                Check(
                    code="missing-script",
                    severity=Severity.ERROR if certain else Severity.WARNING,
                    cell=cell,
                    line=line,
                    message=f"{where} runs {path!r}, and there is no such file beside the notebook",
                )
            )
            return
        self.found.scripts[path] = None
        try:
            sent_along(path, self.files[path])
        except InvalidInput as error:
            self.found.checks.append(
                Check(
                    code="unreadable-script",
                    severity=Severity.ERROR,
                    cell=cell,
                    line=line,
                    message=f"{where} runs {path!r}, which cannot be sent along: {error.detail}",
                )
            )
            return
        if path.endswith(".ipynb"):  # IPython reads it by this
            self._import(Import("nbformat", (), line, optional=False), where, cell)
        trees = trees_of(path, self.files[path])
        for one in [one for tree in trees for one in imports_of(tree)]:
            self._import(one, f"{path}, run by {where},", None)
        for node in walk(*trees):
            if type(node) is ast.Call and (inner := run_by(node)) is not None:
                self._run(inner, path, None, node.lineno)

    def _import(self, one: Import, where: str, cell: int | None) -> None:
        top = one.module.partition(".")[0]
        if any(name == top or name.startswith(f"{top}.") for name in self.sources):
            self._local(one, where, cell)
        elif top in ALWAYS_THERE or _only_secrets(one):
            return
        elif providers := self.installed.providers(one.module):
            for provider in providers:
                self._require(provider.name, provider.version, top)
        elif not self.stated.brings(top):
            self._missing(top, one, where, cell)

    def _require(self, name: str, version: str, top: str) -> None:
        known = self.found.requirements.get(name)
        imports = tuple(sorted({*(known.imports if known else ()), top}))
        self.found.requirements[name] = Requirement(name=name, version=version, imports=imports)

    def _local(self, one: Import, where: str, cell: int | None) -> None:
        parts = one.module.split(".")
        for depth in range(1, len(parts) + 1):
            self._use(".".join(parts[:depth]))
        if not self._exists(one.module):
            self._missing(one.module, one, where, cell)
            return
        known = self._names(one.module)
        for name in one.names:
            submodule = f"{one.module}.{name}"
            if self._exists(submodule):
                self._use(submodule)
            elif known is not None and name != "*" and name not in known:
                self._missing(submodule, one, where, cell)

    def _exists(self, name: str) -> bool:
        """Whether a module, or a folder that holds modules, was sent."""
        return name in self.sources or any(one.startswith(f"{name}.") for one in self.sources)

    def _names(self, name: str) -> frozenset[str] | None:
        """Return what a package binds; None where that cannot be told or it is no package."""
        if name not in self.sources:
            return frozenset()
        tree = self.trees.get(name)
        if tree is None or not self.paths[name].endswith("__init__.py"):
            return None
        names, starred = bindings(tree)
        return None if starred or "__getattr__" in names else names

    def _use(self, name: str) -> None:
        """Note a local module as used and read its own imports, once."""
        if name in self.found.modules or name not in self.sources:
            return
        path = self.paths[name]
        self.found.modules[name] = path
        try:
            tree = ast.parse(self.sources[name])
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            self.trees[name] = None
            self.found.checks.append(
                Check(
                    code="syntax-error",
                    severity=Severity.ERROR,
                    message=f"module {path}, line {line or 1}: {error}",
                    line=line,
                )
            )
            return
        self.trees[name] = tree
        package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
        for one in imports_of(tree, package=package):
            self._import(one, f"module {path}", None)

    def _missing(self, module: str, one: Import, where: str, cell: int | None) -> None:
        self.found.missing[module] = None
        local = module.partition(".")[0] in {name.partition(".")[0] for name in self.sources}
        unsure = self.stated.may_bring() and not local
        what = "the module" if one.optional or unsure else "the run would fail: the module"
        advice = "" if local else _advice(module, unsure=unsure)
        self.found.checks.append(
            Check(
                code="missing-import",
                severity=Severity.WARNING if one.optional or unsure else Severity.ERROR,
                cell=cell,
                line=one.line,
                message=f"{where} imports `{module}`; {what} is neither in the environment nor "
                f"a file beside the notebook{advice}",
            )
        )


def _advice(module: str, *, unsure: bool) -> str:
    if unsure:
        return "; the rehearsal shows whether one of the stated requirements brings it"
    return (
        f". If it is from a package index, state its distribution, such as "
        f"`{distribution_of(module)}`, in a requirements.txt beside the notebook"
    )


def _statements(node: ast.AST) -> list[ast.AST]:
    """Return what holds statements directly below ``node``, in the order of its fields."""
    fields = [getattr(node, name, None) for name in ("body", "cases", "handlers", "orelse")]
    fields.append(getattr(node, "finalbody", None))
    return [one for field in fields if isinstance(field, list) for one in field]


def _collect(
    node: ast.AST,
    package: str | None,
    found: list[Import],
    *,
    optional: bool,
    below: Callable[[ast.AST], list[ast.AST]],
) -> None:
    if isinstance(node, ast.Import):
        found += [Import(alias.name, (), node.lineno, optional) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        module = _absolute(node, package)
        if module:
            names = tuple(alias.name for alias in node.names)
            found.append(Import(module, names, node.lineno, optional))
    elif isinstance(node, ast.Call) and (name := _dynamic(node)):
        found.append(Import(name, (), node.lineno, optional))
    harmless = _harmless(node)
    for child in below(node):
        inner = optional or id(child) in harmless
        _collect(child, package, found, optional=inner, below=below)


def _harmless(node: ast.AST) -> set[int]:
    """Return the ids of the children among which a failing import does no harm."""
    if isinstance(node, ast.Try) and any(_catches_import_error(one) for one in node.handlers):
        return set(map(id, node.body))
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        return set(map(id, node.body))
    return set()


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {one.id for one in caught if isinstance(one, ast.Name)}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def _dynamic(node: ast.Call) -> str | None:
    """Return the module of ``import_module("x")`` or ``__import__("x")``."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in {"import_module", "__import__"} and len(node.args) == 1:
        argument = node.args[0]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            text = argument.value
            return text if all(part.isidentifier() for part in text.split(".")) else None
    return None


def _absolute(node: ast.ImportFrom, package: str | None) -> str | None:
    """Return the module of a ``from`` import; None for a relative one outside a package."""
    if node.level == 0:
        return node.module
    parts = package.split(".") if package else []
    if node.level > len(parts):
        return None
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])
