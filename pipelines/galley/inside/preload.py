"""Imports that a zygote makes ahead for its forks, as far as they leave no trace but the import."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys


def _threads() -> set[str]:
    return set(os.listdir("/proc/self/task"))  # noqa: PTH208


class Preloader:
    """Imports modules ahead, as long as that leaves no trace but the import.

    Attributes:
        unfit: modules that print or start threads when they are imported, well or not.
    """

    def __init__(self, without: list[str]) -> None:
        self.unfit = set(without)
        self._tried: set[str] = set()

    def load(self, names: list[str]) -> bool:
        """Import what can be; returns False when one of them was unfit, which cannot be undone."""
        fit = True
        for name in names:
            if name not in self.unfit and name not in self._tried:
                self._tried.add(name)
                fit = self._load(name) and fit
        return fit

    def _load(self, name: str) -> bool:
        threads = _threads()  # those that another one has left are not this one's
        with os.fdopen(os.memfd_create("said"), "w+b") as said:
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
            if said.seek(0, os.SEEK_END) == 0 and _threads() <= threads:
                return True
        self.unfit.add(name)
        return False
