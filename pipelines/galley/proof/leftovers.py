"""What a run leaves outside of its folder, which no other run is to find there.

A notebook may hand a file from one part to another by ``/tmp`` or its home folder, and by a call
that nobody saw. What the unsplit run left there would let a split pass that has lost that way.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

OURS = "galley-"
"""What the names of our own folders and sockets in there begin with: some outlive a run."""


class Leftovers:
    """Remembers what the folders hold, to take away what is added.

    Args:
        folders: nobody else's but the runs'; what is in there already stays.
        homes: those of them in which programs keep caches and settings, under hidden names: these
            stay, or each run would fill them again.
        end: ends what runs have left running.
    """

    def __init__(
        self,
        folders: Iterable[Path] = (),
        homes: Iterable[Path] = (),
        end: Callable[[], None] = lambda: None,
    ) -> None:
        self._homes = set(homes)
        self._end = end
        self._known = {folder: set(_names(folder)) for folder in folders}

    def remove(self) -> None:
        """Take away what the runs have added by now."""
        self._end()
        for folder, known in self._known.items():
            for name in _names(folder):
                path = folder / name
                if name in known or self._is_ours(path):
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        path.unlink()

    def _is_ours(self, path: Path) -> bool:
        if path.parent in self._homes:
            return path.name.startswith(".")
        return path.name.startswith(OURS) and (path.is_dir() or path.is_socket())


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
