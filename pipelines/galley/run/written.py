"""Files that notebooks write beside their products: kept with the attempt, within bounds.

Each attempt works in a folder of its own that goes away with it; a report that a notebook leaves
there would be lost.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Collection
from pathlib import Path

from galley.inside.outbox.bare import BEFORE
from galley.inside.outbox.redact import Values
from galley.run.strays import Strays

MAX_FILES = 100
MAX_BYTES = 256 * 2**20
"""Of one attempt; what is over it is named in the log."""
_NO_FILE = "is no plain file"
_TOO_MUCH = f"is more than the {MAX_BYTES // 2**20} MiB that are kept of a run"
_LEAKS = "holds the value of a secret"
_PIECE = 2**20
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
        self._values = Values({str(at): value for at, value in enumerate(secrets)})
        self._forms = [form.encode() for form in self._values.names]
        self._overlap = 2 * max(map(len, self._forms), default=1) + BEFORE  # lines may be wrapped
        self._say = say

    def keep(self, folder: Path) -> None:
        """Copy what was written into ``folder``, under names without folders."""
        left_out: dict[str, list[str]] = {}
        kept = size = 0
        for path in self._strays.written():
            try:
                why = self._why_not(path, kept, size)
                if why is None:
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    target = _free(folder, path)
                    copied = self._copy(self._project / path, target, MAX_BYTES - size)
                    if isinstance(copied, int):
                        kept, size = kept + 1, size + copied
                    else:
                        target.unlink(missing_ok=True)
                        why = copied
            except OSError as error:
                why = f"cannot be read ({error.strerror})"
            if why is not None:
                left_out.setdefault(why, []).append(str(path))
        for why, paths in left_out.items():
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            name = self._values.text(repr(paths[0]))
            self._say(f"the file {name}{more}, which the run wrote, is not kept: it {why}")

    def _why_not(self, path: Path, kept: int, size: int) -> str | None:
        file = self._project / path
        if file.is_symlink() or not file.is_file():
            return _NO_FILE
        if kept >= MAX_FILES:
            return f"is one more than the {MAX_FILES} that are kept of a run"
        if size + file.stat().st_size > MAX_BYTES:
            return _TOO_MUCH
        return _LEAKS if self._holds(os.fsencode(path)) else None

    def _copy(self, file: Path, target: Path, most: int) -> int | str:
        """Copy a file that may still change; returns its size, bytes, or why it is not kept."""
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(opened, "rb") as source, target.open("wb") as copy:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                return _NO_FILE
            size, before = 0, b""
            while piece := source.read(_PIECE):
                size += len(piece)
                if size > most:
                    return _TOO_MUCH
                if self._holds(before + piece):
                    return _LEAKS
                before = piece[-self._overlap :]
                copy.write(piece)
        return size

    def _holds(self, content: bytes) -> bool:
        if b"\0" in content:  # no text, in which something would be cut or wrapped
            return any(form in content for form in self._forms)
        return bool(self._values.spans(content.decode("utf-8", "surrogateescape")))


def _free(folder: Path, path: Path) -> Path:
    """Return a path in ``folder`` that is not there yet, named after ``path``."""
    name = _OTHER.sub("_", "_".join(path.parts)).lstrip(".")[-_MAX_NAME:] or "file"
    name = name.lstrip(".") or "file"
    target, number = folder / name, 1
    while target.exists():
        number += 1
        target = folder / f"{number}-{name}"
    return target
