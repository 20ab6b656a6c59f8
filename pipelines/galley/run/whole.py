"""Files beside an executed notebook that hold whole what was cut in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import IO

MAX_FILES = 100
"""Outputs of one task that are kept whole beside the notebook."""
_PIECE = 2**20


class WholeFiles:
    """Makes the files of one task.

    Args:
        folder: made when it is needed.
        say: takes a line for the log.
    """

    def __init__(self, folder: Path, task: str, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._task = task
        self._say = say
        self.made = 0

    def save(self, name: str, content: bytes) -> str:
        """Write a file and return in words where it is, or why it is not."""
        try:
            path = self._path(name)
            if path is not None:
                path.write_bytes(content)
        except OSError as error:
            return self._lost(error)
        return _pointer(path)

    def open(self, name: str) -> tuple[IO[str] | None, str]:
        """Begin a file that grows; return it, and in words where it is, or why it is not."""
        try:
            path = self._path(name)
            if path is None:
                return None, _pointer(None)
            return path.open("a", encoding="utf-8", errors="replace"), _pointer(path)
        except OSError as error:
            return None, self._lost(error)

    def write(self, file: IO[str] | None, text: str) -> IO[str] | None:
        """Append to a file; return it, or None where that was not possible."""
        try:
            if file is not None:
                for start in range(0, len(text), _PIECE):
                    file.write(text[start : start + _PIECE])
                file.flush()
        except OSError as error:
            self._lost(error)
            return None
        return file

    def _path(self, name: str) -> Path | None:
        if self.made >= MAX_FILES:
            return None
        self.made += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / f"{self._task}.{name}"

    def _lost(self, error: OSError) -> str:
        self._say(f"an output of task {self._task!r} could not be kept whole: {error}")
        return f"it could not be kept whole: {error.strerror}"


def _pointer(path: Path | None) -> str:
    if path is None:
        return f"it is not kept: the task has left {MAX_FILES} files already"
    return f"the whole is file {path.name!r} of this attempt"
