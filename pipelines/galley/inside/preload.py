"""Imports that a zygote makes ahead for its forks, as far as they leave no trace but the import."""

from __future__ import annotations

import importlib
import os
import sys


def _has_threads() -> bool:
    return len(os.listdir("/proc/self/task")) > 1  # noqa: PTH208


class Preloader:
    """Imports modules ahead, as long as that leaves no trace but the import.

    Attributes:
        unfit: modules that print or start threads when they are imported.
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
        with os.fdopen(os.memfd_create("said"), "w+b") as said:
            kept = os.dup(1), os.dup(2)
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            try:
                importlib.import_module(name)
            except BaseException:
                return True
            finally:
                for stream in (sys.stdout, sys.stderr):
                    stream.flush()
                for number, fd in enumerate(kept, 1):
                    os.dup2(fd, number)
                    os.close(fd)
            if said.seek(0, os.SEEK_END) == 0 and not _has_threads():
                return True
        self.unfit.add(name)
        return False
