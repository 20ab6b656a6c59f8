"""The benchmark's oracle: runs a notebook in a plain IPython and writes down who reads what.

Independent of galley's static reading. The user's namespace is a ``dict`` whose look-ups are seen:
CPython asks a subclass for every global name, in cells and in the functions they call. What changes
in place is found by digests (:mod:`values`) before and after each cell.

``python trace.py REQUEST.json`` with the keys

``cells``    [index, source, may raise] of the code cells, in order
``output``   path of the JSON answer, rewritten after each cell
``trace``    whether to look at every cell; else only at the values that survive
``cwd``      folder to work in

The answer: ``cells`` [index, error or null, seconds], ``reads`` (see :class:`Read`), ``final``
name → digest or null, ``writer`` name → index of the cell that last bound or changed it.
"""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scoreboard import values

del sys.path[0]

OWN = re.compile(r"_(i?\d*|i+|ih|oh|dh|__?|exit_code)$|In$|Out$|exit$|quit$|get_ipython$|open$")
BUDGET_S = 5.0
"""How long the digests after one cell may take; what was not reached is not sure."""


class Read(NamedTuple):
    """One name that a cell took from an earlier cell.

    Attributes:
        writers: cells that bound the value or changed it since, in order.
        sure: False where a change in place could have gone unseen.
        kind: ``module``, ``function``, ``class`` or ``value``.
    """

    name: str
    cell: int
    writers: tuple[int, ...]
    sure: bool
    kind: str


class Watched(dict[str, Any]):
    """A namespace that tells which of its names are looked up and bound."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: set[str] = set()
        self.bound: set[str] = set()
        self.watching = False
        self.is_copy = False

    def see(self, name: Any) -> None:
        """A name is looked up."""
        if self.watching and name not in self.bound and dict.__contains__(self, name):
            self.looked.add(name)

    def __getitem__(self, name: str) -> Any:
        self.see(name)
        return dict.__getitem__(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Look a name up."""
        self.see(name)
        return dict.get(self, name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        if self.watching and not self.is_copy:
            self.bound.add(name)
        dict.__setitem__(self, name, value)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Bind several names; ``%timeit`` gives each the value it has, which binds nothing."""
        for name, value in dict(*args, **kwargs).items():
            if not dict.__contains__(self, name) or dict.__getitem__(self, name) is not value:
                self[name] = value

    def copy(self) -> Watched:
        """Return a copy whose look-ups count as this one's (``df.query('a > @x')``)."""
        other = Watched()
        dict.update(other, self)
        other.looked, other.bound, other.watching = self.looked, self.bound, self.watching
        other.is_copy = True
        return other

    def users(self) -> Iterator[tuple[str, Any]]:
        """Yield the user's own names and values, without being seen."""
        for name, value in list(dict.items(self)):
            if not OWN.match(name) and not (name.startswith("__") and name.endswith("__")):
                yield name, value


class Oracle:
    """What is known of every name between two cells."""

    def __init__(self, namespace: Watched) -> None:
        self.namespace = namespace
        self.identity: dict[str, int] = {}
        self.digests: dict[str, str | None] = {}
        self.writers: dict[str, tuple[int, ...]] = {}
        self.sure: dict[str, bool] = {}
        self.kinds: dict[str, str] = {}
        self.reads: list[Read] = []

    def before(self) -> None:
        """A cell starts."""
        self.namespace.looked.clear()
        self.namespace.bound.clear()
        self.namespace.watching = True

    def after(self, cell: int) -> None:
        """A cell has ended: take down what it read, bound and changed."""
        self.namespace.watching = False
        for name in sorted(self.namespace.looked):
            if name in self.writers:
                kind = self.kinds[name]
                self.reads.append(Read(name, cell, self.writers[name], self.sure[name], kind))
        end = time.monotonic() + BUDGET_S
        now = dict(self.namespace.users())
        for name in self.writers.keys() - now.keys():
            del self.writers[name]
        for name, value in now.items():
            known = values.digest(value) if time.monotonic() < end else None
            fresh = name in self.namespace.bound or self.identity.get(name) != id(value)
            if fresh or name not in self.writers:
                self.writers[name] = (cell,)
                self.sure[name] = True
                self.kinds[name] = values.kind(value)
            elif known is None or self.digests[name] is None:
                if self.kinds[name] == "value":
                    self.sure[name] = False
                    # It may have been changed by any cell that looked at it.
                    if name in self.namespace.looked:
                        self.writers[name] += (cell,)
            elif known != self.digests[name]:
                self.writers[name] += (cell,)
            self.identity[name] = id(value)
            self.digests[name] = known


def _shell(namespace: Watched) -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.text import DollarFormatter
    from traitlets.config import Config

    class Shell(InteractiveShell):  # type: ignore[misc, unused-ignore]
        def enable_gui(self, gui: Any = None) -> None:
            """Have no event loop."""

        def transform_cell(self, raw_cell: str) -> str:
            """Not see the first word of a one-line cell, which IPython looks up by itself."""
            watching, namespace.watching = namespace.watching, False
            try:
                transform: Any = super().transform_cell
                return str(transform(raw_cell))
            finally:
                namespace.watching = watching

        def var_expand(self, cmd: str, depth: int = 0, formatter: Any = None) -> str:
            """See the names in ``!ls {folder}``, which IPython looks up in a plain copy."""
            more = () if formatter is None else (formatter,)
            with suppress(ValueError, SyntaxError):
                for _text, field, _spec, _conversion in (formatter or DollarFormatter()).parse(cmd):
                    for node in ast.walk(ast.parse(field or "None")):
                        if isinstance(node, ast.Name):
                            namespace.see(node.id)
            expand: Any = super().var_expand
            return str(expand(cmd, depth + 1, *more))

    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return Shell.instance(config=config, user_ns=namespace)


def main(request: dict[str, Any]) -> None:
    """Run the cells and write the answer after each."""
    os.chdir(request["cwd"])
    sys.path[0] = request["cwd"]  # in the place of this script's own folder
    sys.argv = ["ipykernel_launcher.py"]
    namespace = Watched()
    shell = _shell(namespace)
    oracle = Oracle(namespace)
    oracle.after(-1)
    oracle.writers.clear()
    ran: list[tuple[int, str | None, float]] = []
    answer: dict[str, Any] = {"cells": ran, "ended": False}

    def write() -> None:
        answer["reads"] = oracle.reads
        part = Path(request["output"] + ".part")
        part.write_text(json.dumps(answer))
        part.replace(request["output"])

    for index, source, may_raise in request["cells"]:
        started = time.monotonic()
        if request["trace"]:
            oracle.before()
        result = shell.run_cell(source, store_history=True)
        namespace.watching = False
        error = result.error_before_exec or result.error_in_exec
        said = f"{type(error).__name__}: {error}"[:500] if error is not None else None
        ran.append((index, said, round(time.monotonic() - started, 3)))
        if request["trace"]:
            oracle.after(index)
            write()
        if error is not None and not may_raise:
            break
    else:
        answer["ended"] = True
    answer["final"] = {name: values.digest(value) for name, value in namespace.users()}
    answer["kinds"] = {name: values.kind(value) for name, value in namespace.users()}
    answer["writer"] = {name: cells[-1] for name, cells in oracle.writers.items()}
    write()
    # Threads and open handles of the notebook must not keep a finished answer waiting.
    os._exit(0)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
