"""Imports that a zygote makes ahead for its forks, as far as they leave no trace but the import."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path

from . import asking, reading, reseeding
from .name_files import read_names, write_names

_NEVER = "matplotlib_inline"
"""Asks for IPython when it is imported, and then draws what a notebook plots, or not."""


def _threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))  # noqa: PTH208


class Preloader:
    """Imports modules ahead, as long as that leaves no trace but the import.

    Args:
        without: modules that are known to be unfit.
        kept: file with the names of others, of which there may be none yet. What is found out is
            kept there for the zygotes to come, which would be lost to the same modules again.

    Attributes:
        unfit: modules that print, start threads or ask for IPython when they are imported, well or
            not.
        read: names of the variables of the environment that the others have read then.
    """

    def __init__(self, without: list[str], kept: Path) -> None:
        self.unfit = {*without, *read_names(kept)}
        self.read: set[str] = set()
        self._kept = kept
        self._tried: set[str] = set()

    def load(self, names: list[str], *, of_kernel: bool = False) -> bool:
        """Import what can be; returns False when one of them was unfit, which cannot be undone.

        Args:
            of_kernel: whether any kernel has imported them before its first cell. What they read is
                not noted.
        """
        fit = True
        with reseeding.noting(), reading.noting(set() if of_kernel else self.read):
            for name in names:
                known = name in self.unfit or name.partition(".")[0] == _NEVER
                if not known and name not in self._tried:
                    self._tried.add(name)
                    fit = self._load(name) and fit
        if not fit:
            with contextlib.suppress(OSError):  # where there is no room, it is found out again
                write_names(self._kept, self.unfit)
        return fit

    def _load(self, name: str) -> bool:
        threads = _threads()  # those that another one has left are not this one's
        with os.fdopen(os.memfd_create("said"), "w+b") as said, asking.noting() as asked:
            kept = os.dup(1), os.dup(2)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            try:
                # One that fails has left what it began: its threads, and modules that have spoken.
                with contextlib.suppress(BaseException):
                    importlib.import_module(name)
            finally:
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
                for number, fd in enumerate(kept, 1):
                    os.dup2(fd, number)
                    os.close(fd)
            if said.seek(0, os.SEEK_END) == 0 and _threads() <= threads and not asked:
                return True
        self.unfit.add(name)
        return False
