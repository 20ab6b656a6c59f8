"""Files beside an executed notebook that hold whole what was cut in it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from galley.run.pieces import Pieces

MAX_FILES = 100
"""Outputs of one task that are kept whole beside the notebook."""
_PIECE = 2**20


class Growing:
    """A file that grows.

    Args:
        file: None: it could not be kept.
        lost: takes why it can be kept no longer.
        pieces: cleans what is written: the parts of a value can come one by one.
    """

    def __init__(
        self, file: IO[str] | None, lost: Callable[[OSError], object], pieces: Pieces
    ) -> None:
        self._file = file
        self._lost = lost
        self._pieces = pieces

    def write(self, text: str) -> None:
        """Append."""
        self._append(self._pieces.feed(text))

    def close(self) -> None:
        """Complete it."""
        self._append(self._pieces.rest())
        if self._file is not None:
            self._file.close()

    def _append(self, text: str) -> None:
        try:
            if text and self._file is not None:
                for start in range(0, len(text), _PIECE):
                    self._file.write(text[start : start + _PIECE])
                self._file.flush()
        except OSError as error:
            self._lost(error)
            self._file = None


class Rest:
    """Outputs as lines of a file.

    Args:
        pieces: makes what cleans a stream: its parts are in lines of their own.
    """

    def __init__(self, file: Growing, pieces: Callable[[], Pieces]) -> None:
        self._file = file
        self._streams = defaultdict[str, Pieces](pieces)

    def add(self, kind: str, content: Mapping[str, Any]) -> None:
        """Append an output."""
        if kind == "stream":
            text = self._streams[content["name"]].feed(content["text"])
            if content["text"] and not text:
                return
            content = {**content, "text": text}
        self._file.write(f"{json.dumps({'output_type': kind, **content})}\n")

    def close(self) -> None:
        """Complete the file."""
        for name, pieces in self._streams.items():
            if text := pieces.rest():
                line = {"output_type": "stream", "name": name, "text": text}
                self._file.write(f"{json.dumps(line)}\n")
        self._file.close()


class WholeFiles:
    """Makes the files of one task.

    Args:
        folder: made when it is needed.
        say: takes a line for the log.
        pieces: makes what cleans a file that grows.
    """

    def __init__(
        self,
        folder: Path,
        task: str,
        say: Callable[[str], None],
        pieces: Callable[[], Pieces],
    ) -> None:
        self._folder = folder
        self._task = task
        self._say = say
        self._pieces = pieces
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

    def open(self, name: str) -> tuple[Growing, str]:
        """Begin a file that grows; return it, and in words where it is, or why it is not."""
        file: IO[str] | None = None
        try:
            path = self._path(name)
            if path is not None:
                file = path.open("a", encoding="utf-8", errors="replace")
            where = _pointer(path)
        except OSError as error:
            where = self._lost(error)
        return Growing(file, self._lost, self._pieces()), where

    def rest(self, name: str) -> tuple[Rest, str]:
        """Begin a file of outputs; return it, and in words where it is, or why it is not."""
        file, where = self.open(name)
        return Rest(file, self._pieces), where

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
