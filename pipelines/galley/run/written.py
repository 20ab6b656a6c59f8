"""Files that notebooks write beside their products: kept with the attempt, within bounds.

Each attempt works in a folder of its own that goes away with it; a report that a notebook leaves
there would be lost.
"""

from __future__ import annotations

import mmap
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from galley.inside.outbox.redact import MIN_VALUE
from galley.run.strays import Strays

MAX_FILES = 100
MAX_BYTES = 256 * 2**20
"""Of one attempt; what is over it is named in the log."""
_OTHER = re.compile(r"[^A-Za-z0-9_.-]+")
_MAX_NAME = 150


class Written:
    """What the tasks of an attempt write, from before the first one on.

    Args:
        project: the attempt's working directory.
        products: all that the tasks make, relative to the project: it is left out.
        secrets: values that no kept file may hold.
        say: takes a line for the log.
    """

    def __init__(
        self,
        project: Path,
        products: frozenset[Path],
        secrets: Collection[str],
        say: Callable[[str], None],
    ) -> None:
        self._project = project
        self._strays = Strays(project, {"": products})
        self._secrets = [value.encode() for value in secrets if len(value) >= MIN_VALUE]
        self._say = say

    def keep(self, folder: Path) -> None:
        """Copy what was written into ``folder``, under names without folders."""
        left_out: dict[str, list[str]] = {}
        kept = size = 0
        for path in self._strays.written():
            file = self._project / path
            try:
                own = file.stat().st_size
                why = self._why_not(file, own, kept, size)
                if why is None:
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    shutil.copyfile(file, _free(folder, path))
                    kept, size = kept + 1, size + own
            except OSError as error:
                why = f"cannot be read ({error.strerror})"
            if why is not None:
                left_out.setdefault(why, []).append(str(path))
        for why, paths in left_out.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            self._say(f"the file {paths[0]!r}{more}, which the run wrote, is not kept: it {why}")

    def _why_not(self, file: Path, own: int, kept: int, size: int) -> str | None:
        if file.is_symlink() or not file.is_file():
            return "is no plain file"
        if kept >= MAX_FILES:
            return f"is one more than the {MAX_FILES} that are kept of a run"
        if size + own > MAX_BYTES:
            return f"is more than the {MAX_BYTES // 2**20} MiB that are kept of a run"
        return "holds the value of a secret" if own and self._holds_secret(file) else None

    def _holds_secret(self, file: Path) -> bool:
        if not self._secrets:
            return False
        with (
            file.open("rb") as opened,
            mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
        ):
            return any(content.find(value) >= 0 for value in self._secrets)


def _free(folder: Path, path: Path) -> Path:
    """Return a path in ``folder`` that is not there yet, named after ``path``."""
    name = _OTHER.sub("_", "_".join(path.parts)).lstrip(".")[-_MAX_NAME:] or "file"
    name = name.lstrip(".") or "file"
    target, number = folder / name, 1
    while target.exists():
        number += 1
        target = folder / f"{number}-{name}"
    return target
