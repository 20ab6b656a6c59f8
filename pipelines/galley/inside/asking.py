"""Which modules ask, while they are imported ahead, for the IPython that they will run in.

In a notebook there is one, in a zygote there is none: what such a module makes of the answer would
be in all forks what it is outside of notebooks.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import Any

_UNMOVED = {
    "pandas",  # whose width of tables is caught up in each fork
    "ipywidgets",  # listens to what a notebook's page opens, and a batch has no page
    "tqdm",  # only looks whether it is Qt's console
}
"""Packages that ask, and to which the answer makes no difference that stays."""


@contextlib.contextmanager
def noting() -> Iterator[set[str]]:
    """Have a set of the names of modules that ask meanwhile."""
    asked: set[str] = set()

    def answer(*_: object) -> None:
        """Be the ``get_ipython`` that a notebook's cells and all they import have, of nothing."""
        _note(asked)

    def initialized(_: object) -> bool:
        """Tell all others, who have it from IPython."""
        _note(asked)
        return False

    # Imported only now: what it imports is noted by others.
    shell: Any = importlib.import_module("IPython.core.interactiveshell").InteractiveShell
    shell.initialized = classmethod(initialized)
    builtins.get_ipython = answer  # type: ignore[attr-defined]
    try:
        yield asked
    finally:
        del shell.initialized
        del builtins.get_ipython  # type: ignore[attr-defined]


def _note(asked: set[str]) -> None:
    frame = sys._getframe(2)
    while frame.f_back is not None and _package(frame.f_globals) == "IPython":
        frame = frame.f_back
    if (package := _package(frame.f_globals)) not in _UNMOVED:
        asked.add(package)


def _package(names: dict[str, object]) -> str:
    return str(names.get("__name__", "")).partition(".")[0]
