"""What the cells of a notebook import, and what they do before that has to come first.

A guess by the look of the lines: source is not parsed here, where a hostile one could end the
process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MAX_MODULES = 100
_IMPORT = re.compile(r"^[ \t]*import[ \t]+([\w., \t]+)", re.MULTILINE)
_FROM = re.compile(r"^[ \t]*from[ \t]+([A-Za-z_][\w.]*)[ \t]+import\b", re.MULTILINE)
_INSTALLS = re.compile(
    r"^[^#\n]*\b(?:pip[\d.]*|uv|conda|mamba|micromamba|pixi|poetry)\b[^#]{0,100}?"
    r"\b(?:install|uninstall|add|remove|sync|update|upgrade)\b",
    re.MULTILINE,
)
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def imported_modules(cells: Iterable[Any]) -> tuple[str, ...]:
    """Return the dotted names of the modules that the code cells import, sorted."""
    found: set[str] = set()
    for cell in cells:
        if cell.cell_type == "code":
            found.update(_FROM.findall(cell.source))
            for names in _IMPORT.findall(cell.source):
                for one in names.split(","):
                    if match := _NAME.match(one.strip()):
                        found.add(match[0].rstrip("."))
    return tuple(sorted(found)[:MAX_MODULES])


def installs_packages(cells: Iterable[Any]) -> bool:
    """Whether code cells may install packages, however they call the program that does."""
    return any(cell.cell_type == "code" and _INSTALLS.search(cell.source) for cell in cells)
