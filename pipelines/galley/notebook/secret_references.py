"""The secrets that a notebook names: ``galley.secret("name")``, and variables of its metadata.

A call counts where its name is written out: what is not known before the run cannot be reviewed
and is not given to it. ``metadata.galley.secrets`` maps environment variables to names, or lists
names (``warehouse-password`` is then in ``WAREHOUSE_PASSWORD``).
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from galley.domain.secrets import MAX_NAME, SecretReference, is_secret_name
from galley.domain.versions import Check, Severity
from galley.notebook.source import Cell, galley_metadata

MODULE, FUNCTION = "galley", "secret"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_TAKEN = re.compile(
    r"(?:PATH|HOME|USER|SHELL|LANG|LANGUAGE|TZ|TMPDIR|VIRTUAL_ENV|MPLBACKEND|LC_.*|LD_.*|MALLOC_.*"
    r"|GLIBC_TUNABLES|PYTHON.*|IPYTHON.*|JUPYTER.*|GALLEY_.*|MLFLOW_.*|DASK_.*|PYDEVD_.*|SSL_CERT_FILE)"
)
_METADATA = "the notebook's metadata (galley.secrets)"
_EXAMPLE = '{"DB_PASSWORD": "warehouse-password"} or ["warehouse-password"]'


@dataclass
class Found:
    """References in the order of the notebook, each once, and what is wrong with them."""

    references: list[SecretReference] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


def secret_references(
    notebook: dict[str, Any], cells: tuple[Cell, ...], modules: Mapping[str, str]
) -> Found:
    """Return the secrets that a notebook and its modules name.

    Args:
        modules: path → source of the local modules that it imports.
    """
    found = Found()
    trees = [(cell, cell.code.tree) for cell in cells if cell.code.tree is not None]
    names = _Names()
    for cell, tree in trees:
        if _may_name(cell.source):
            names.bind(tree)
    for cell, tree in trees:
        for use in names.uses(tree):
            _take(found, use, f"{cell.label}, line {use.line}", cell.index)
    for path, source in sorted(modules.items()):
        for use in _in_module(source):
            _take(found, use, f"{path}, line {use.line}", None)
    for check in _declared(notebook, found):
        found.checks.append(check)
    found.references = list(dict.fromkeys(found.references))
    return found


def _may_name(source: str) -> bool:
    # Python takes other spellings of a letter for that letter.
    return MODULE in source or (
        not source.isascii() and MODULE in unicodedata.normalize("NFKC", source)
    )


@dataclass(frozen=True)
class _Use:
    """One place where the function is named; ``name`` is None where it is not written out."""

    name: str | None
    line: int


class _Names:
    """What the module and its function are called in one namespace."""

    def __init__(self) -> None:
        self._modules: set[str] = set()
        self._functions: set[str] = set()

    def bind(self, tree: ast.Module) -> None:
        """Note the names that the imports of ``tree`` bind."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name == MODULE or (
                        alias.asname is None and alias.name.startswith(f"{MODULE}.")
                    ):
                        self._modules.add(alias.asname or MODULE)
            elif isinstance(node, ast.ImportFrom) and node.module == MODULE and not node.level:
                for alias in node.names:
                    if alias.name == FUNCTION:
                        self._functions.add(alias.asname or FUNCTION)

    def uses(self, tree: ast.Module) -> Iterator[_Use]:
        """Yield where the function is called, or given away under a name of its own."""
        if not (self._modules or self._functions):
            return
        called: set[int] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and self._is_function(node.func):
                called.add(id(node.func))
                yield _Use(_literal(node), node.lineno)
            elif isinstance(node, ast.expr) and self._is_function(node) and id(node) not in called:
                yield _Use(None, node.lineno)

    def _is_function(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Attribute):
            owner = node.value
            return (
                node.attr == FUNCTION and isinstance(owner, ast.Name) and owner.id in self._modules
            )
        return (
            isinstance(node, ast.Name)
            and isinstance(node.ctx, ast.Load)
            and node.id in self._functions
        )


def _literal(call: ast.Call) -> str | None:
    arguments = [*call.args, *(one.value for one in call.keywords if one.arg == "name")]
    if len(arguments) != 1 or len(call.args) + len(call.keywords) != 1:
        return None
    value = arguments[0]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    return None


def _in_module(source: str) -> Iterable[_Use]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # told with the imports
        return ()
    names = _Names()
    names.bind(tree)
    return tuple(names.uses(tree))


def _take(found: Found, use: _Use, where: str, cell: int | None) -> None:
    line = use.line if cell is not None else None
    if use.name is None:
        text = (
            f"{where} asks for a secret by a name that is only known when it runs; reviewers must "
            f'see which ones a notebook gets: write it out, as in {MODULE}.{FUNCTION}("name")'
        )
        found.checks.append(_check("dynamic-secret", Severity.ERROR, text, cell, line))
    elif not is_secret_name(use.name):
        found.checks.append(_check("secret-name", Severity.ERROR, _bad_name(where, use.name), cell))
    else:
        found.references.append(SecretReference(name=use.name, cell=cell, line=line))
        text = f"{where} uses the secret {use.name!r}"
        found.checks.append(_check("secret-reference", Severity.INFO, text, cell, line))


def _declared(notebook: dict[str, Any], found: Found) -> Iterator[Check]:
    declared = galley_metadata(notebook).get("secrets")
    if declared is None:
        return
    if isinstance(declared, list):
        pairs = [(_variable_of(one), one) for one in declared if isinstance(one, str)]
        good = len(pairs) == len(declared)
    else:
        pairs = list(declared.items()) if isinstance(declared, dict) else []
        good = isinstance(declared, dict) and all(isinstance(name, str) for _, name in pairs)
    if not good:
        text = f"{_METADATA} is neither variables with names nor a list of names: {_EXAMPLE}"
        yield _check("secret-metadata", Severity.ERROR, text)
        return
    for variable, name in pairs:
        if not is_secret_name(name):
            yield _check("secret-name", Severity.ERROR, _bad_name(_METADATA, name))
        elif not _VARIABLE.fullmatch(variable) or _TAKEN.fullmatch(variable.upper()):
            text = (
                f"{_METADATA} wants {name!r} in the environment variable {variable[:128]!r}, which "
                "is no name for one or belongs to the platform: choose another, such as DB_PASSWORD"
            )
            yield _check("secret-metadata", Severity.ERROR, text)
        else:
            found.references.append(SecretReference(name=name, variable=variable))
            text = f"the environment variable {variable} holds the secret {name!r}"
            yield _check("secret-reference", Severity.INFO, text)


def _variable_of(name: str) -> str:
    return re.sub(r"[.-]", "_", name).upper()


def _bad_name(where: str, name: str) -> str:
    return (
        f"{where} names a secret {name[: MAX_NAME + 1]!r}, as none can be called: use 1 to "
        f"{MAX_NAME} of a-z, A-Z, 0-9, '_', '-', '.', a letter first"
    )


def _check(
    code: str, severity: Severity, message: str, cell: int | None = None, line: int | None = None
) -> Check:
    return Check(code=code, severity=severity, message=message, cell=cell, line=line)
