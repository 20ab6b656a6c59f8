"""What makes a notebook run differently, or not at all, when nobody sits before it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from galley.domain.tenants import DATASETS_ROOT
from galley.domain.versions import Check, Severity
from galley.notebook.dataflow import magic_name, reached_nodes
from galley.notebook.explain import ends_kernel
from galley.notebook.hosts import hosts_in_text, hosts_of
from galley.notebook.other_languages import (
    kernel_of,
    language_check,
    quoted_texts,
    text_checks,
)
from galley.notebook.scripts import readable, script_of
from galley.notebook.secrets import literal_passwords, tokens_in
from galley.notebook.shown import SEARCHED, output_size, output_texts, texts
from galley.notebook.source import RAISES_TAG, Cell, notebook_metadata

HUGE_OUTPUT = 2 * 2**20
"""Outputs of one cell above this many bytes are worth a word."""

MAX_HOSTS = 5
"""Hosts named in one sentence."""

_ABSOLUTE = re.compile(r"(?:file://)?(/|~/|[A-Za-z]:[\\/])\S")
_ROOTS = frozenset(
    {"home", "root", "Users", "mnt", "media", "data", "tmp", "var", "opt", "srv", "usr", "etc"}
    | {"workspace", "content", "scratch", "datasets", "Volumes", "dbfs", "lustre", "nfs", "shared"}
)
_SYSTEM_PATHS = ("/dev/null", "/dev/stdout", "/dev/stderr")
_INSTALLERS = re.compile(
    r"^\s*(?:(?:python\d?(?:\.\d+)?|\{sys\.executable\}|\$\S+)\s+-m\s+)?"
    r"(?:uv\s+|micro)?(?:pip3?|conda|mamba|apt|apt-get|npm|yarn|brew)\s+(?:install|add|i)\b"
)
_FILE_MAGICS = {"run": "runs", "load": "loads", "store": "reads variables stored by"}


def notebook_checks(notebook: dict[str, Any], cells: tuple[Cell, ...]) -> Iterator[Check]:
    """Yield what is wrong with the notebook as a whole."""
    kernel = kernel_of(notebook)
    if kernel is not None:
        yield language_check(kernel)
    if not any(cell.type == "code" and cell.source.strip() for cell in cells):
        yield _check("empty-notebook", Severity.ERROR, "the notebook has no code to run")
    yield from _metadata_secrets(notebook_metadata(notebook), None)
    yield from _hidden_state(cells)


def module_checks(files: Mapping[str, str]) -> Iterator[Check]:
    """Yield the secrets that files beside the notebook write out: they are published with it.

    Args:
        files: path → source of those that it imports or runs.
    """
    for path, source in sorted(files.items()):
        of_its_code = " of its code" if path.endswith(".ipynb") else ""
        for line, kind in dict.fromkeys(tokens_in(readable(path, source))):
            text = (
                f"{path}, line {line}{of_its_code} holds what looks like {kind}; revoke it, have "
                'the new one kept as a secret, and write galley.secret("its-name") there'
            )
            yield _check("secret", Severity.ERROR, text, None, line)


def cell_checks(cell: Cell) -> Iterator[Check]:
    """Yield what is wrong with one cell of a Python notebook."""
    yield from any_cell_checks(cell)
    if cell.type != "code":
        return
    if cell.code.error is not None:
        message, line = cell.code.error
        text = f"{cell.label}, line {line}: {message}"
        yield _check("syntax-error", Severity.ERROR, text, cell, line)
    if cell.code.magic in {"pip", "conda", "mamba", "uv"}:
        yield _installs(cell, 1, f"%%{cell.code.magic}")
    if cell.code.tree is not None:
        yield from _passwords(cell)
        yield from _source(cell)
    yield from _network(cell, hosts_of(cell))


def other_cell_checks(cell: Cell) -> Iterator[Check]:
    """Yield what is wrong with one cell of a notebook in another language."""
    yield from any_cell_checks(cell)
    if cell.type != "code":
        return
    yield from text_checks(cell)
    for line, text in dict.fromkeys(quoted_texts(cell)):
        if _is_absolute(text):
            yield _absolute_path(cell, line, text)
    yield from _network(cell, hosts_in_text(cell.source))


def any_cell_checks(cell: Cell) -> Iterator[Check]:
    """Yield what is wrong with one cell, whatever its language."""
    yield from _secrets(cell)
    if cell.type != "code":
        return
    if "injected-parameters" in cell.tags:
        text = f"{cell.label} was put there by an earlier run (papermill); delete it"
        yield _check("injected-parameters", Severity.WARNING, text, cell)
    size = output_size(cell.outputs)
    if size > HUGE_OUTPUT:
        yield _check(
            "huge-output",
            Severity.INFO,
            f"{cell.label} has {size / 2**20:.1f} MiB of outputs; show less of it, since every "
            f"run keeps its outputs (the first {SEARCHED // 2**20} MiB of text was searched for "
            "secrets)",
            cell,
        )


def _check(
    code: str, severity: Severity, message: str, cell: Cell | None = None, line: int | None = None
) -> Check:
    index = None if cell is None else cell.index
    return Check(code=code, severity=severity, message=message, cell=index, line=line)


def _hidden_state(cells: tuple[Cell, ...]) -> Iterator[Check]:
    last: tuple[int, Cell] | None = None
    for cell in cells:
        count = cell.execution_count
        if cell.type != "code" or count is None:
            continue
        if last is not None and count <= last[0]:
            yield _check(
                "hidden-state",
                Severity.WARNING,
                f"{cell.label} was last run before {last[1].label}, which stands above it: what "
                "you see may depend on that order (Run → Restart Kernel and Run All Cells)",
                cell,
            )
            return
        last = (count, cell)


def _secrets(cell: Cell) -> Iterator[Check]:
    for line, kind in dict.fromkeys(tokens_in(cell.source)):
        text = (
            f"{cell.label}, line {line} holds what looks like {kind}; revoke it, have the new one "
            'kept as a secret, and write galley.secret("its-name") here'
        )
        yield _check("secret", Severity.ERROR, text, cell, line)
    yield from _metadata_secrets(cell.metadata, cell)
    kinds = {kind for _, kind in tokens_in("\n".join(output_texts(cell.outputs)))}
    for kind in sorted(kinds):
        text = (
            f"an output of {cell.label} shows what looks like {kind}; outputs are not published, "
            "but each run would show it again"
        )
        yield _check("secret-output", Severity.WARNING, text, cell)


def _passwords(cell: Cell) -> Iterator[Check]:
    for line, name in dict.fromkeys(literal_passwords(cell.source, cell.nodes)):
        text = (
            f"{cell.label}, line {line} writes the value of `{name}` out; everybody who may "
            "read the pipeline could read it"
        )
        yield _check("secret", Severity.WARNING, text, cell, line)


def _metadata_secrets(metadata: dict[str, Any], cell: Cell | None) -> Iterator[Check]:
    of = "the notebook" if cell is None else cell.label
    for kind in sorted({kind for text in texts(metadata) for _, kind in tokens_in(text)}):
        text = (
            f"the metadata of {of} holds what looks like {kind}; revoke it, and delete it there "
            "(View → Property Inspector → Advanced Tools)"
        )
        yield _check("secret", Severity.ERROR, text, cell)


def _network(cell: Cell, hosts: dict[str, int]) -> Iterator[Check]:
    if not hosts:
        return
    shown = [*list(hosts)[:MAX_HOSTS], *(["…"] if len(hosts) > MAX_HOSTS else [])]
    line = min(hosts.values())
    plural = "s" * (len(hosts) > 1)
    text = (
        f"{cell.label}, line {line} names the host{plural} {', '.join(shown)}; a run reaches only "
        "what its tenant's network allows, and what it gets there may change"
    )
    yield _check("network-host", Severity.INFO, text, cell, line)


def _source(cell: Cell) -> Iterator[Check]:
    for one in cell.texts:
        if _is_absolute(str(one.value)):
            yield _absolute_path(cell, one.lineno, str(one.value))
    # Python takes other spellings of a letter for that letter.
    file = "__file__" in cell.source or not cell.source.isascii()
    wanted = (ast.Name, ast.Call) if file else (ast.Call,)
    for node in [one for one in cell.nodes if type(one) in wanted]:
        if isinstance(node, ast.Call):
            yield from _call(cell, node)
        elif isinstance(node, ast.Name) and node.id == "__file__":
            text = f"{cell.label} uses `__file__`, which a notebook does not have"
            yield _check("undefined-name", Severity.WARNING, text, cell, node.lineno)


def _is_certain(cell: Cell, node: ast.AST) -> bool:
    """Whether a node is evaluated whenever its cell runs, and must not fail there."""
    assert cell.code.tree is not None
    reached = any(one is node for one in reached_nodes(cell.code.tree))
    return reached and RAISES_TAG not in cell.tags


def _called(function: ast.expr) -> str | None:
    """Return ``name`` or ``module.name``; None for what is called in another way."""
    match function:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            return f"{module}.{name}"
    return None


def _call(cell: Cell, node: ast.Call) -> Iterator[Check]:
    name, line = _called(node.func), node.lineno
    if name in {"input", "getpass"} or (
        isinstance(node.func, ast.Attribute) and node.func.attr == "getpass"
    ):
        severity = Severity.ERROR if _is_certain(cell, node) else Severity.WARNING
        text = f"{cell.label}, line {line} asks somebody to type; in a run nobody is there"
        yield _check("input-call", severity, text, cell, line)
    if (call := ends_kernel(node) if name is not None else None) is not None:
        text = (
            f"{cell.label}, line {line} ends the run with {call}: no cell "
            "below it runs, or the kernel dies while one does"
        )
        yield _check("ends-kernel", Severity.WARNING, text, cell, line)
    magic, command = magic_name(node), _command(node)
    if magic in {"pip", "conda", "mamba", "uv"} and _INSTALLERS.match(f"{magic} {command}"):
        yield _installs(cell, line, f"%{magic}")
    elif magic is None and command is not None and _INSTALLERS.match(command):
        yield _installs(cell, line, f"!{command.split()[0]}")
    elif magic in _FILE_MAGICS and (magic != "store" or "-r" in (command or "")):
        if magic == "run" and script_of(command or "") is not None:
            return  # it is sent along, or missing
        text = (
            f"{cell.label}, line {line} {_FILE_MAGICS[magic]} another file with %{magic}, which "
            "is not published; import a module instead"
        )
        yield _check("other-file", Severity.WARNING, text, cell, line)


def _command(node: ast.Call) -> str | None:
    """Return the text after a line magic, or the shell command of ``!``."""
    if not isinstance(node.func, ast.Attribute) or not node.args:
        return None
    if node.func.attr not in {"system", "getoutput", "run_line_magic"}:
        return None
    last = node.args[-1]
    return last.value if isinstance(last, ast.Constant) and isinstance(last.value, str) else None


def _installs(cell: Cell, line: int, what: str) -> Check:
    text = (
        f"{cell.label}, line {line} installs packages while it runs ({what}); a run uses the "
        "environment that was rehearsed, so this can change or break it"
    )
    return _check("installs-packages", Severity.WARNING, text, cell, line)


def _is_absolute(text: str) -> bool:
    if not _ABSOLUTE.match(text) or "\n" in text or len(text) > 1000:
        return False
    path = text.removeprefix("file://")
    if path in _SYSTEM_PATHS or PurePosixPath(path).is_relative_to(DATASETS_ROOT):
        return False
    if not path.startswith("/"):
        return True
    # "/data" alone may be anything; "/data/x" and the "/data/" of an f-string are paths.
    top, slash, _ = path[1:].partition("/")
    return top in _ROOTS and bool(slash)


def _absolute_path(cell: Cell, line: int, path: str) -> Check:
    shown = path if len(path) <= 80 else f"{path[:77]}..."
    text = (
        f"{cell.label}, line {line} names the path {shown!r}, which a run may not have; use a "
        f"dataset ({DATASETS_ROOT}/NAME/...) or a path relative to the notebook"
    )
    return _check("absolute-path", Severity.WARNING, text, cell, line)
