"""What a run leaves in the scratch folders of its sandbox, which no other run is to find there.

A notebook may hand a file from one part to another by ``/tmp`` and a call that nobody saw. What the
unsplit run left there would let a split pass that has lost that way.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from pathlib import Path

OURS = "galley-"
"""What the names of our own folders in there begin with: a zygote's socket outlives a run."""


class Leftovers:
    """Remembers what the folders hold, to take away what is added.

    Args:
        folders: nobody else's but the runs'; what is in there already stays.
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._known = {folder: set(_names(folder)) for folder in folders}

    def remove(self) -> None:
        """Take away what the runs have added by now."""
        for folder, known in self._known.items():
            for name in _names(folder):
                if name in known or name.startswith(OURS):
                    continue
                path = folder / name
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    with contextlib.suppress(OSError):
                        path.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []
