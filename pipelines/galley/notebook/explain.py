"""What went wrong in a run, as one sentence for people.

Cells are counted from 1 in the sentence and from 0 in the field (see :mod:`galley.notebook`).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from galley.domain.tenants import DATASETS_ROOT
from galley.domain.versions import CellError
from galley.notebook.dataflow import cell_names
from galley.notebook.reach import last_name
from galley.notebook.source import Cell, cell_label, read_cells

MAX_SENTENCE = 300
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_UNDEFINED = re.compile(r"name '([^']+)' is not defined")
_NO_MODULE = re.compile(r"No module named '([^']+)'")
_NO_FILE = re.compile(
    r"(?:No such file or directory: |non-existent directory: |^File )(?:b?['\"])?(?P<path>[^'\"]+)"
)
_NO_NETWORK = frozenset(
    {"URLError", "gaierror", "ConnectionError", "ConnectError", "ConnectTimeout", "ProxyError"}
    | {
        "ConnectionRefusedError",
        "NewConnectionError",
        "MaxRetryError",
        "SSLError",
        "TimeoutException",
    }
)
_EXITS = frozenset({"exit", "quit", "sys.exit", "os._exit", "os.abort"})
"""Calls that end a kernel, now or in a moment."""
_KILLS = frozenset({"os.kill", "os.killpg"})
_KILLERS = frozenset({"kill", "killpg", "send_signal", "terminate"})
_LAST_NAMES = frozenset(name.rpartition(".")[2] for name in _EXITS | _KILLS)
_ENDING = frozenset(
    {"6", "9", "11", "15"} | {f"signal.SIG{name}" for name in ("ABRT", "KILL", "SEGV", "TERM")}
)
"""Signals that end it."""
_SHELL_KILL = re.compile(r"^[^#\n]*?\b(kill -(?:s )?(?:9|KILL|SIGKILL) \$\{?PPID\}?)", re.MULTILINE)
"""In a line for a shell, whose parent is the kernel."""

_WRITERS = re.compile(r"to_\w+|savefig|save\w*|dump|write\w*|mkdir")


def explain_error(
    notebook: dict[str, Any],
    *,
    cell: int | None,
    ename: str,
    evalue: str,
    traceback: Iterable[str] = (),
    task: str | None = None,
) -> CellError:
    """Return the error that ended a run, with a sentence for people.

    Args:
        notebook: the published notebook.
        cell: index of its cell, from 0; None when the error was outside a cell.
        ename, evalue: class and text of the exception, as Jupyter reports them.

    Raises:
        InvalidInput: ``notebook`` is not one.
    """
    evalue = _plain(evalue)
    lines = tuple(_plain(line) for line in traceback)
    return CellError(
        task=task,
        cell=cell,
        ename=ename,
        evalue=evalue,
        message=_sentence(notebook, cell, ename, evalue, lines),
        traceback=lines,
    )


def exit_call(notebook: dict[str, Any], cell: int | None) -> str | None:
    """Return in words the last call up to ``cell`` that ends a kernel; None where there is none.

    ``exit()`` takes effect a moment later: the kernel may end in a cell further down.
    """
    if cell is None:
        return None
    for one in reversed(read_cells(notebook)[: cell + 1]):
        if one.type == "code" and one.code.tree is not None:
            for node in ast.walk(one.code.tree):
                if isinstance(node, ast.Call) and (call := ends_kernel(node) or _closes(node)):
                    return f"{one.label} calls {call}"
        if one.type == "code" and (run := _SHELL_KILL.search(one.source)) is not None:
            return f"{one.label} runs {run[1]}"
    return None


def kill_call(notebook: dict[str, Any], cell: int | None) -> str | None:
    """Return the last call in a cell that kills a process, whichever; None where there is none."""
    if cell is None or (tree := read_cells(notebook)[cell].code.tree) is None:
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = [ast.unparse(node) for node in calls if last_name(node.func) in _KILLERS]
    return _short(found[-1]) if found else None


def _closes(node: ast.Call) -> str | None:
    """Return a call that closes the files of a kernel, as far as it takes all there are."""
    return "os.closerange()" if ast.unparse(node.func) == "os.closerange" else None


def ends_kernel(node: ast.Call) -> str | None:
    """Return a call that ends its own kernel as people write it; None for any other."""
    if last_name(node.func) not in _LAST_NAMES:
        return None
    name = ast.unparse(node.func)
    if name in _EXITS:
        return f"{name}()"
    if name not in _KILLS or len(node.args) != 2:
        return None
    given, number = map(ast.unparse, node.args)
    own = given in {"os.getpid()", "os.getpgrp()", "0"}
    return f"{name}({given}, {number})" if own and number in _ENDING else None


def _plain(text: str) -> str:
    """Return text without terminal colours and without what UTF-8 cannot carry."""
    return _ANSI.sub("", text).encode("utf-8", "replace").decode()


def _sentence(
    notebook: dict[str, Any],
    cell: int | None,
    ename: str,
    evalue: str,
    traceback: tuple[str, ...],
) -> str:
    if cell is None:
        return _short(f"the run ended with {ename}" + (f": {evalue}" if evalue else ""))
    label = cell_label(cell)
    if ename == "NameError" and (match := _UNDEFINED.search(evalue)):
        return _undefined(read_cells(notebook), cell, match[1])
    if ename in {"ModuleNotFoundError", "ImportError"} and (match := _NO_MODULE.search(evalue)):
        return f"{label} imports `{match[1]}`, which the environment of the run lacks"
    if ename in {"FileNotFoundError", "OSError"} and (match := _NO_FILE.search(evalue)):
        no_folder = "non-existent directory" in evalue
        found = read_cells(notebook)[cell]
        return _short(_no_file(found, match["path"], traceback, no_folder=no_folder))
    if ename in _NO_NETWORK:
        text = f"{label} did not reach the network, which a run may not have ({ename}: {evalue}"
        return _short(text)[: MAX_SENTENCE - 1] + ")"
    if ename == "SystemExit":
        return (
            f"{label} ended the run with sys.exit({evalue}); a cell that has nothing to do must "
            "let the cells below it run"
        )
    if ename == "KeyboardInterrupt":
        return f"{label} was interrupted"
    if ename == "MemoryError":
        return f"{label} ran out of memory"
    return _short(f"{label} raised {ename}: {evalue}" if evalue else f"{label} raised {ename}")


def _no_file(cell: Cell, path: str, traceback: tuple[str, ...], *, no_folder: bool) -> str:
    """Say which file a cell missed: a program, a folder to write to, or a file to read."""
    label = cell.label
    if any("subprocess.py" in line for line in traceback):
        return f"{label} runs the program {path}, which the environment of the run lacks"
    pure = PurePosixPath(path)
    if no_folder or _writes(cell, pure.name):
        folder = pure if no_folder else pure.parent
        return (
            f"{label} writes to the folder {folder}, which a run does not have until a cell makes "
            f"it: os.makedirs({str(folder)!r}, exist_ok=True)"
        )
    if pure.is_relative_to(DATASETS_ROOT):
        parts = pure.parts[len(PurePosixPath(DATASETS_ROOT).parts) :]
        name = parts[0] if parts else ""
        return (
            f"{label} reads {path}, which the dataset {name!r} does not hold, or this pipeline's "
            "tenant has no such dataset"
        )
    if pure.is_absolute() or path.startswith("~"):
        return (
            f"{label} reads {path}, a path outside of the version, which a run does not have; put "
            f"it in a dataset ({DATASETS_ROOT}/NAME/{pure.name})"
        )
    return (
        f"{label} reads {path}, which the version does not carry; put it in a dataset "
        f"({DATASETS_ROOT}/NAME/{pure.name}) or write it in an earlier cell"
    )


def _writes(cell: Cell, name: str) -> bool:
    """Whether a cell has a call that writes a file of this name, as far as its source tells."""
    for node in ast.walk(cell.code.tree) if cell.code.tree is not None else ():
        if not isinstance(node, ast.Call):
            continue
        values = [*node.args, *(one.value for one in node.keywords)]
        texts = [one.value for one in values if isinstance(one, ast.Constant)]
        if not any(PurePosixPath(one).name == name for one in texts if isinstance(one, str)):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if _WRITERS.fullmatch(called) or (
            isinstance(node.func, ast.Name)
            and node.func.id == "open"
            and any(isinstance(one, str) and re.fullmatch(r"[wax][bt+]*", one) for one in texts)
        ):
            return True
    return False


def _undefined(cells: tuple[Cell, ...], index: int, name: str) -> str:
    label = cell_label(index)
    code = [cell for cell in cells if cell.type == "code"]
    definers = [cell for cell in code if name in cell_names(cell).defined]
    users = [cell for cell in code if re.search(rf"\b{re.escape(name)}\b", cell.source)]
    if index not in [cell.index for cell in users]:
        calls = f"{label} calls code{f' of {users[0].label}' if users else ''} that uses `{name}`"
        if users and not definers:
            return f"{calls}, which no cell of this notebook defines"
        return f"{calls}, which is not defined when {label} runs"
    if not definers:
        return f"{label} uses `{name}`, which no cell of this notebook defines"
    earlier = [cell for cell in definers if cell.index < index]
    if earlier:
        return (
            f"{label} uses `{name}`, which is not defined by then although {earlier[-1].label} "
            "can define it: that was skipped, or the name was deleted"
        )
    later = [cell for cell in definers if cell.index > index]
    if later:
        return (
            f"{label} uses `{name}`, which only {later[0].label}, further down, defines; a run "
            "goes from top to bottom"
        )
    return f"{label} uses `{name}` above the line that defines it"


def _short(text: str) -> str:
    lines = text.strip().splitlines()
    first = lines[0] if lines else ""
    return first if len(first) <= MAX_SENTENCE else f"{first[: MAX_SENTENCE - 1]}…"
