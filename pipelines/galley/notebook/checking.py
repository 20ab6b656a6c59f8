"""Which statements check, and which reach out: what a split must not let run where a check fails.

In one piece nothing runs after a cell that failed. Tasks that need nothing of each other would,
and what a check was to prevent would have happened.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from galley.notebook.explain import EXITS
from galley.notebook.facts import Known
from galley.notebook.reach import dotted, last_name
from galley.notebook.scripts import run_by, statements_of
from galley.notebook.steps import Step
from galley.notebook.tree import children

_CHECKING = re.compile(r"_*(?:assert|check|ensure|validate|verify)(?:_|[A-Z]|$)")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_SENDING = frozenset(
    {"post", "put", "patch", "urlopen", "sendmail", "send_message", "send_email", "send_mail"}
    | {"chat_postMessage", "publish", "upload_file", "upload_fileobj", "put_object", "to_gbq"}
    | {"upload_from_filename", "upload_from_string", "upload_blob", "to_sql", "executemany"}
    | {"register_model", "set_registered_model_alias", "transition_model_version_stage"}
)
"""Methods and functions whose effects leave the run, whatever becomes of it."""


def checking(steps: Sequence[Step], known: Known) -> frozenset[int]:
    """Return the indices of the steps that end the run unless something holds."""
    return _those(steps, known, _checks)


def sending(steps: Sequence[Step], known: Known) -> frozenset[int]:
    """Return the indices of the steps whose effects are seen outside of the run."""
    writing = {
        step.index
        for step in steps
        if any(one.kind == "write" and (one.path or "").startswith("/") for one in step.effects)
    }
    return _those(steps, known, lambda node, functions: _sends(node, functions, known)) | writing


_Test = Callable[[ast.AST, frozenset[str]], bool]
"""Whether a node is one that is looked for, given the functions of the notebook that have one."""


def _those(steps: Sequence[Step], known: Known, test: _Test) -> frozenset[int]:
    """Return the indices of the steps that run such a node, also through functions and files."""
    bodies = {step.index: _nodes_of(step, known) for step in steps}
    functions = {
        node.name: list(_run_by(node.body))
        for nodes in bodies.values()
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found: frozenset[str] = frozenset()
    while more := {
        name
        for name, body in functions.items()
        if name not in found and any(test(node, found) for node in body)
    }:
        found |= more
    return frozenset(
        index
        for index, nodes in bodies.items()
        if any(test(node, found) for node in _run_by(nodes))
    )


def _nodes_of(step: Step, known: Known) -> list[ast.stmt]:
    """Return the statements of a step, with those of a file that it runs."""
    found: list[ast.stmt] = []
    for node in step.statement.nodes:
        path = run_by(node.value) if isinstance(node, ast.Expr) else None
        body = None if path is None else statements_of(path, known.modules)
        found += [node] if body is None else body
    return found


def _checks(node: ast.AST, functions: frozenset[str]) -> bool:
    match node:
        case ast.Assert() | ast.Raise():
            return True
        case ast.Expr(value=ast.Call(func=function) | ast.Await(value=ast.Call(func=function))):
            # A call whose result nobody takes, of a function that may fail, is made for that.
            named = isinstance(function, ast.Name) and function.id in functions
            return named or ast.unparse(function) in EXITS or _is_named_so(function)
        case (
            ast.Assign(value=ast.Call(func=function)) | ast.AnnAssign(value=ast.Call(func=function))
        ):
            return _is_named_so(function)
    return False


def _is_named_so(function: ast.expr) -> bool:
    return _CHECKING.match(last_name(function)) is not None


def _sends(node: ast.AST, functions: frozenset[str], known: Known) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name) and node.func.id in functions:
        return True
    if last_name(node.func) not in _SENDING:
        return False
    path = dotted(node.func, known.imports)
    return path is None or not path.startswith(("numpy.", "pandas.", "builtins."))


def _run_by(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what runs when statements run, without what is caught where it fails."""
    for node in nodes:
        if isinstance(node, _SCOPES):
            continue
        yield node
        below: Iterable[ast.AST] = children(node)
        if isinstance(node, ast.Try | ast.TryStar) and node.handlers:
            handled = [one for handler in node.handlers for one in handler.body]
            below = [*handled, *node.orelse, *node.finalbody]
        yield from _run_by(below)
