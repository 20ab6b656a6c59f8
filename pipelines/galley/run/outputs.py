"""Outputs too large for a notebook: cut, with a pointer to a file that holds them whole.

The executed notebook is what people open; the file is an artifact of the attempt beside it.
Progress bars and plots that replace each other count once: ``clear_output`` begins a cell anew.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

MAX_OUTPUT = 8 * 2**20
"""Bytes of one output that a notebook keeps where the tenant says nothing."""
MAX_CELL = 16 * 2**20
"""Bytes of all outputs of one cell that a notebook keeps where the tenant says nothing."""
MAX_NAME = 200
"""Characters of an exception's name that are kept where the exception is cut."""
MAX_FILES = 100
"""Outputs of one task that are kept whole beside the notebook."""

_PIECE = 2**20
_BUNDLES = {"display_data", "execute_result", "update_display_data"}
_ENDINGS = {
    "text/html": "html",
    "text/plain": "txt",
    "text/latex": "tex",
    "text/markdown": "md",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/svg+xml": "svg",
    "application/pdf": "pdf",
}


@dataclass
class _Stream:
    """One cell's text on stdout or stderr."""

    size: int = 0
    head: list[str] = field(default_factory=list)
    cut: bool = False
    file: IO[str] | None = None


class Outputs:
    """Limits the outputs of one task as they come.

    Args:
        folder: for what is cut; made when it is needed.
        published: place in the executed notebook → index in the published one, for names.
        each: bytes of one output.
        cell: bytes of all outputs of a cell.
        say: takes a line for the log.
    """

    def __init__(
        self,
        folder: Path,
        task: str,
        published: Callable[[int], int | None],
        *,
        each: int = MAX_OUTPUT,
        cell: int = MAX_CELL,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._task = task
        self._published = published
        self._each = each
        self._cell = cell
        self._say = say
        self._index = -1
        self._files = 0
        self._begin(-1)

    def take(self, message: dict[str, Any], index: int) -> dict[str, Any] | None:
        """Return an iopub message as the notebook gets it; None: it gets nothing of it.

        Args:
            index: place of the cell in the executed notebook.
        """
        kind = message["msg_type"]
        if index != self._index or kind == "clear_output":
            self._begin(index)
        if kind == "stream":
            return self._stream(message)
        if kind in _BUNDLES:
            return self._bundle(message)
        return self._error(message) if kind == "error" else message

    def close(self) -> None:
        """Complete the files."""
        for stream in self._streams.values():
            if stream.file is not None:
                stream.file.close()

    def _begin(self, index: int) -> None:
        if self._index >= 0:
            self.close()
        self._index, self._kept = index, 0
        self._streams: dict[str, _Stream] = {}

    def _stream(self, message: dict[str, Any]) -> dict[str, Any] | None:
        content = message["content"]
        text, name = content["text"], content["name"]
        stream = self._streams.setdefault(name, _Stream())
        if stream.cut:
            self._write(stream, text)
            return None
        size, room = _size(text), min(self._each - stream.size, self._cell - self._kept)
        if size <= room:
            stream.head.append(text)
            stream.size += size
            self._kept += size
            return message
        stream.cut = True
        before, where = stream.size, self._open(stream, f"{name}.txt")
        for part in (*stream.head, text):
            self._write(stream, part)
        stream.head.clear()
        kept = _first(text, room)
        self._kept += _size(kept)
        note = f"\n[{name} is cut here, after {_human(before + _size(kept))}; {where}]\n"
        return {**message, "content": {**content, "text": kept + note}}

    def _bundle(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message["content"]
        data: Mapping[str, Any] = content.get("data", {})
        size = sum(_size(_text(value)) for value in data.values())
        replaces = message["msg_type"] == "update_display_data"
        if size <= self._each and (replaces or self._kept + size <= self._cell):
            self._kept += 0 if replaces else size
            return message
        mime = max(data, key=lambda one: _size(_text(data[one])))
        name = f"output-{self._files + 1}.{_ENDINGS.get(mime, 'json' if 'json' in mime else 'txt')}"
        where = self._save(name, _content(mime, data[mime]))
        note = f"[an output of {_human(size)} ({mime}) is left out here; {where}]"
        return {**message, "content": {**content, "data": {"text/plain": note}, "metadata": {}}}

    def _error(self, message: dict[str, Any]) -> dict[str, Any]:
        content = message["content"]
        lines, evalue, ename = content["traceback"], content["evalue"], content["ename"]
        size = _size(ename) + _size(evalue) + sum(map(_size, lines)) + len(lines)
        if size <= self._each:
            return message
        whole = "\n".join([ename, evalue, *lines])
        where = self._save("error.txt", whole.encode(errors="replace"))
        note = f"[an error of {_human(size)} is cut here; {where}]"
        half = self._each // 2
        cut = {
            "ename": _first(ename, MAX_NAME),
            "evalue": _first(evalue, half),
            "traceback": [_first("\n".join(lines), half), note],
        }
        return {**message, "content": {**content, **cut}}

    def _path(self, name: str) -> Path | None:
        if self._files >= MAX_FILES:
            return None
        self._files += 1
        self._folder.mkdir(parents=True, exist_ok=True)
        cell = self._published(self._index)
        which = f"added-cell-{self._index + 1}" if cell is None else f"cell-{cell + 1}"
        return self._folder / f"{self._task}.{which}.{name}"

    def _open(self, stream: _Stream, name: str) -> str:
        try:
            path = self._path(name)
            if path is not None:
                stream.file = path.open("a", encoding="utf-8", errors="replace")
        except OSError as error:
            return self._lost(error)
        return _pointer(path)

    def _write(self, stream: _Stream, text: str) -> None:
        try:
            if stream.file is not None:
                for start in range(0, len(text), _PIECE):
                    stream.file.write(text[start : start + _PIECE])
                stream.file.flush()
        except OSError as error:
            stream.file = None
            self._lost(error)

    def _save(self, name: str, content: bytes) -> str:
        try:
            path = self._path(name)
            if path is not None:
                path.write_bytes(content)
        except OSError as error:
            return self._lost(error)
        return _pointer(path)

    def _lost(self, error: OSError) -> str:
        self._say(f"an output of task {self._task!r} could not be kept whole: {error}")
        return f"it could not be kept whole: {error.strerror}"


def _pointer(path: Path | None) -> str:
    if path is None:
        return f"it is not kept: the task has left {MAX_FILES} files already"
    return f"the whole is file {path.name!r} of this attempt"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _content(mime: str, value: Any) -> bytes:
    text = _text(value)
    if mime.startswith(("image/", "application/pdf")) and mime != "image/svg+xml":
        try:
            return base64.b64decode(text)
        except binascii.Error:
            return text.encode(errors="replace")
    return text.encode(errors="replace")


def _size(text: str) -> int:
    return len(text.encode(errors="replace")) if not text.isascii() else len(text)


def _first(text: str, size: int) -> str:
    """Return the longest beginning of ``text`` that is at most ``size`` bytes."""
    first = text[: max(0, size)].encode(errors="replace")
    return first[: max(0, size)].decode(errors="ignore")


def _human(size: int) -> str:
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"
