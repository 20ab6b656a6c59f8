"""Which variables of a task's environment decide what its zygote may have imported.

A zygote starts with what an interpreter and the libraries that it imports look at: with another
value there has to be another zygote. Which names those are is known of some beforehand; the others
are those that libraries were seen to read (:mod:`galley.inside.reading`), kept in the folder of the
zygotes. A host's zygotes start with no more than is known: what a version or a secret brings in
such a variable is no reason to run it outside of a task's walls. A task whose environment, or whose
own cells, say otherwise is forked from a zygote that has imported nothing for notebooks.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from galley.forks import TO_FORK
from galley.inside import zygote as program
from galley.inside.name_files import read_names, write_names

_AT_START = (
    "MPLBACKEND",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "PATH",
    "VIRTUAL_ENV",
    "SSL_CERT_FILE",
    "GLIBC_TUNABLES",
)
_KINDS_AT_START = ("PYTHON", "LC_", "LD_", "MALLOC_")
"""What the loader, an interpreter that starts, or a library's import looks at."""
_ALWAYS_READ = ("TQDM_",)
"""Looked for among all variables by name, when ``tqdm`` is imported."""
OF_A_KERNEL = {"IPYTHONDIR", "JPY_SESSION_NAME"}
"""What kernels have one each of where they are watched, and only kernels look at."""
_OF_ONE_TASK = {"PWD", "OLDPWD", "SHLVL", "_", "PYTEST_CURRENT_TEST"}
"""What is another one so often that a zygote for each value would be forked from once."""
_CAUGHT_UP = {"PYTHONPATH", *OF_A_KERNEL, *TO_FORK}
"""What a fork heeds, although its zygote was started with another value or none."""
_MORE_AT_START = "at-start"
"""File in a folder: names of more variables that zygotes start with."""
_READ = "read"
"""File in a folder: names of variables that libraries read when they are imported."""

_ASSIGNS = re.compile(
    r"\benviron\[[^\]\n]+\]\s*=[^=]|\benviron\.(?:setdefault|update|pop|clear)\b|\benviron\s*\|="
    r"|\bdel\s+(?:os\.)?environ\b|\b(?:un)?(?:put|set)env\s*\(|%set_env\b|%env[ \t]+\w+[ \t]*[= \t]"
)
_NAME = re.compile(r"\b[A-Za-z_]\w+")


def assigned(cells: Iterable[Any]) -> frozenset[str]:
    """Return the names of variables that code cells may set; others may be among them."""
    found: set[str] = set()
    for cell in cells:
        if cell.cell_type == "code" and _ASSIGNS.search(cell.source):
            found.update(_NAME.findall(cell.source))
    return frozenset(found)


class Variables:
    """What is known of the variables of the zygotes of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, at_start: Iterable[str]) -> None:
        """Have zygotes start with more than is known beforehand."""
        write_names(self._folder / _MORE_AT_START, {*at_start} - OF_A_KERNEL)

    def read(self) -> set[str]:
        """Return the names that libraries were seen to read."""
        return read_names(self._folder / _READ)

    def learn(self, names: Iterable[str]) -> None:
        """Keep the names that libraries were seen to read; without room, nobody else hears."""
        with contextlib.suppress(OSError):
            write_names(self._folder / _READ, {*names, *self.read()})

    def at_start(self, env: Mapping[str, str], read: Collection[str]) -> dict[str, str]:
        """Return what of a task's environment its zygote starts with."""
        named = {*_AT_START, *read_names(self._folder / _MORE_AT_START)}
        kinds: tuple[str, ...] = _KINDS_AT_START
        if not (self._folder / program.OWNER).exists():
            named.update({*read} - _OF_ONE_TASK - TO_FORK.keys())
            kinds += _ALWAYS_READ
        return {
            name: value
            for name, value in env.items()
            if name != "PYTHONPATH" and (name in named or name.startswith(kinds))
        }


def differ(
    env: Mapping[str, str],
    at_start: Mapping[str, str],
    read: Collection[str],
    assigned: Collection[str],
) -> bool:
    """Whether what libraries read is to be another one than in a zygote that starts so."""
    names = {*read, *(name for name in (*env, *assigned) if name.startswith(_ALWAYS_READ))}
    if not names.isdisjoint(assigned) or not TO_FORK.keys().isdisjoint(assigned):
        return True
    return any(name in env and name not in at_start for name in names - _CAUGHT_UP)
