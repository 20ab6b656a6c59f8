"""What IPython's magics and shell lines do to a notebook's names."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from galley.notebook.source import Cell
from galley.notebook.vocabulary import (
    HARMLESS_MAGICS,
    INSTALL_MAGICS,
    PYTHON_MAGICS,
    SETTING_MAGICS,
    SHELL_MAGICS,
)

_BRACED = re.compile(r"(?<!\{)\{([^{}]+)\}(?!\})")
_DOLLAR = re.compile(r"(?<![\\$])\$([A-Za-z_]\w*)")
_INSTALL = re.compile(r"(?:\S*python\S*\s+-m\s+)?(?:pip3?|conda|mamba|uv|apt|apt-get)\b")
_READ_ONLY = re.compile(
    r"\s*(?:ls|pwd|echo|cat|head|tail|wc|date|whoami|nvidia-smi|free|df|du)\b[^>|;&]*$"
)


@dataclass(frozen=True)
class Magic:
    """A magic or a shell line.

    Attributes:
        kind: ``setting``, ``python``, ``harmless``, ``install``, ``shell``, ``read-only``,
            ``directory``, ``run``, ``history`` or ``unknown``.
        argument: what follows the name.
    """

    kind: str
    name: str
    argument: str


def magic_of(node: ast.Call) -> Magic | None:
    """Return the magic that IPython made this call from, else None."""
    function = node.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call)):
        return None
    match node:
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Name(id="get_ipython")),
                attr="run_line_magic" | "run_cell_magic" | "magic" | "system" | "getoutput",
            ),
            args=[ast.Constant(value=str(first)), *rest],
        ):
            assert isinstance(node.func, ast.Attribute)
            if node.func.attr in {"system", "getoutput"}:
                return shell(first)
            if node.func.attr == "magic":
                name, _, argument = first.lstrip("%").partition(" ")
                return line_magic(name, argument)
            texts = [one.value for one in rest if isinstance(one, ast.Constant)]
            return line_magic(first, str(texts[0]) if texts else "")
    return None


def shell(line: str) -> Magic:
    """Return what a shell line is."""
    if _INSTALL.match(line.strip()):
        return Magic("install", "!", line)
    return Magic("read-only" if _READ_ONLY.match(line) else "shell", "!", line)


def line_magic(name: str, argument: str) -> Magic:
    """Return what a line magic is."""
    if name in PYTHON_MAGICS:
        kind = "python"
    elif name in {"env", "set_env"}:
        kind = "setting" if "=" in argument or " " in argument.strip() else "harmless"
    elif name in SETTING_MAGICS:
        kind = "setting"
    elif name in INSTALL_MAGICS:
        kind = (
            "install"
            if argument.split()[:1] not in (["list"], ["show"], ["freeze"])
            else "harmless"
        )
    elif name in HARMLESS_MAGICS:
        kind = "harmless"
    elif name in SHELL_MAGICS:
        kind = "shell"
    elif name in {"cd", "pushd", "popd"}:
        kind = "directory"
    elif name == "run":
        kind = "run"
    elif name in {"history", "hist", "recall", "rerun", "notebook", "macro", "edit"}:
        kind = "history"
    else:
        kind = "unknown"
    return Magic(kind, name, argument)


def cell_magic(cell: Cell) -> Magic | None:
    """Return the magic of a cell whose body is not read as the notebook's Python, else None."""
    name = cell.code.magic
    if name is None or name in {"time", "capture", "prun"}:
        return None
    if name in {"timeit", "memit"}:
        return Magic("python", name, cell.code.argument)
    if name == "writefile" or name == "file":
        return Magic("file", name, cell.code.argument.split()[-1] if cell.code.argument else "")
    return line_magic(name, cell.code.argument)


def expanded(line: str) -> list[str]:
    """Return the Python expressions that IPython puts into a shell line or a magic's argument."""
    return [*_BRACED.findall(line), *_DOLLAR.findall(line)]


def option_arguments(line: str) -> str:
    """Return a magic's line without its leading options: ``-o -n 3 x = f()`` → ``x = f()``."""
    return re.sub(r"^(?:\s*-[a-zA-Z]+(?:\s*\d+)?(?=\s))+", "", line).strip()
