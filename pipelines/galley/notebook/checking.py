"""Which statements check, and which reach out: what a split must not let run where a check fails.

In one piece nothing runs after a cell that failed. Tasks that need nothing of each other would,
and what a check was to prevent would have happened.
"""

from __future__ import annotations

import ast
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

from galley.notebook.explain import ends_kernel
from galley.notebook.facts import Known
from galley.notebook.reach import dotted, last_name
from galley.notebook.scripts import run_by, statements_of
from galley.notebook.steps import Step
from galley.notebook.tree import children

_CHECKING = re.compile(r"_*(?:assert|check|ensure|validate|verify)(?:_|[A-Z]|$)")
_WORD = re.compile(r"\w+")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_TRIES = (ast.Try, ast.TryStar)
_BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith)
_SENDING = frozenset(
    {"post", "put", "patch", "urlopen", "sendmail", "send_message", "send_email", "send_mail"}
    | {"chat_postMessage", "publish", "upload_file", "upload_fileobj", "put_object", "to_gbq"}
    | {"upload_from_filename", "upload_from_string", "upload_blob", "to_sql", "executemany"}
    | {"register_model", "set_registered_model_alias", "transition_model_version_stage"}
)
"""Methods and functions whose effects leave the run, whatever becomes of it."""


def checking(steps: Sequence[Step], known: Known) -> frozenset[int]:
    """Return the indices of the steps that end the run unless something holds."""
    return _those(steps, known, _statements_in, _checks)


def sending(steps: Sequence[Step], known: Known) -> frozenset[int]:
    """Return the indices of the steps whose effects are seen outside of the run."""
    writing = {
        step.index
        for step in steps
        if any(one.kind == "write" and (one.path or "").startswith("/") for one in step.effects)
    }
    sources = [*(step.statement.source for step in steps), *known.modules.values()]
    if not any(_may_send(one) for one in sources):
        return frozenset(writing)
    found = _those(steps, known, _run_by, lambda node, functions: _sends(node, functions, known))
    return found | writing


_Nodes = Callable[[Iterable[ast.stmt]], Iterator[ast.AST]]
"""What is to be tested where statements run."""
_Test = Callable[[ast.AST, frozenset[str]], bool]
"""Whether a node is one that is looked for, given the functions of the notebook that have one."""


def _those(steps: Sequence[Step], known: Known, nodes_of: _Nodes, test: _Test) -> frozenset[int]:
    """Return the indices of the steps that run such a node, also through functions and files."""
    bodies = {step.index: _body_of(step, known) for step in steps}
    functions = {
        node.name: list(nodes_of(node.body))
        for body in bodies.values()
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    found: frozenset[str] = frozenset()
    while more := {
        name
        for name, nodes in functions.items()
        if name not in found and any(test(node, found) for node in nodes)
    }:
        found |= more
    return frozenset(
        index for index, body in bodies.items() if any(test(node, found) for node in nodes_of(body))
    )


def _body_of(step: Step, known: Known) -> list[ast.stmt]:
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
        case ast.Expr(value=(ast.Call() as call) | ast.Await(value=ast.Call() as call)):
            # A call whose result nobody takes, of a function that may fail, is made for that.
            named = isinstance(call.func, ast.Name) and call.func.id in functions
            return named or _is_named_so(call.func) or ends_kernel(call) is not None
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


def _may_send(source: str) -> bool:
    # Python takes other spellings of a letter for that letter.
    source = unicodedata.normalize("NFKC", source)
    return any(one in source for one in _SENDING) and not _SENDING.isdisjoint(_WORD.findall(source))


def _run_by(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield what runs when statements run, without what is caught where it fails."""
    for node in nodes:
        if isinstance(node, _SCOPES):
            continue
        yield node
        yield from _run_by(_uncaught(node) if isinstance(node, _TRIES) else children(node))


def _statements_in(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the statements among what :func:`_run_by` yields."""
    for node in nodes:
        if isinstance(node, _SCOPES):
            continue
        yield node
        if isinstance(node, _TRIES):
            yield from _statements_in(_uncaught(node))
        elif isinstance(node, ast.Match):
            yield from _statements_in(one for case in node.cases for one in case.body)
        elif isinstance(node, _BLOCKS):
            yield from _statements_in([*node.body, *getattr(node, "orelse", ())])


def _uncaught(node: ast.Try | ast.TryStar) -> list[ast.stmt]:
    if not node.handlers:
        return [*node.body, *node.orelse, *node.finalbody]
    handled = [one for handler in node.handlers for one in handler.body]
    return [*handled, *node.orelse, *node.finalbody]
