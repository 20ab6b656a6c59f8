"""Outputs too large for a notebook: cut, with a pointer to a file that holds them whole.

The executed notebook is what people open; the file is an artifact of the attempt beside it.
Progress bars and plots that replace each other count once: ``clear_output`` begins a cell anew, and
what is displayed under an id counts as it was updated last. An output counts with all that the
notebook keeps of it, so that their number is limited as well.

Rest
    what comes in a place where many outputs have been cut already: lines of one file
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from galley.run.pieces import Pieces, without_values
from galley.run.room import OVERHEAD, Key, Place, Room, Stream
from galley.run.whole import WholeFiles
from galley.run.widget_limit import WidgetLimit

MAX_OUTPUT = 8 * 2**20
"""Bytes of one output that a notebook keeps where the tenant says nothing."""
MAX_CELL = 16 * 2**20
"""Bytes of all outputs of one cell that a notebook keeps where the tenant says nothing."""
MAX_NAME = 200
"""Characters of an exception's name that are kept where the exception is cut."""
MAX_CUT = 20
"""Outputs of one cell that are cut each by itself, with a note and a file."""

_SMALL = 4096
"""Bytes of an output that is not worth a file of its own."""
_LEAST_ERROR = 8192
"""Bytes of an error that are shown where there is no room: it says why the cell ended."""
_OF_WIDGETS = {"comm_open", "comm_msg"}
_PUT_OUT = {"stream", "display_data", "execute_result", "error"}
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


class Outputs:
    """Limits the outputs of one task as they come.

    Args:
        folder: for what is cut; made when it is needed.
        published: place in the executed notebook → index in the published one, for names.
        each: bytes of one output.
        cell: bytes of all outputs of a cell.
        overhead: bytes that each output counts beside its content.
        pieces: makes what cleans a stream, which is joined in a file.
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
        overhead: int = OVERHEAD,
        pieces: Callable[[], Pieces] = without_values,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._files = WholeFiles(folder, task, say, pieces)
        self._widgets = WidgetLimit(task, cell, say)
        self._room = Room(cell, overhead)
        self._published = published
        self._each = each
        self._index = -1

    def take(
        self, message: dict[str, Any], index: int, widget: str | None = None
    ) -> dict[str, Any] | None:
        """Return an iopub message as the notebook gets it; None: it gets nothing of it.

        Args:
            index: place of the cell in the executed notebook.
            widget: id of the output widget that it goes to; None: to the cell.
        """
        kind = message["msg_type"]
        key: Key = index if widget is None else widget
        if index != self._index:
            self._index = index
            self._room.clear(index)
        if kind == "clear_output":
            self._room.clear(key, wait=bool(message["content"].get("wait")))
        if kind in _PUT_OUT:
            self._room.clear_now(key)
        if kind == "stream":
            return self._stream(message, key)
        if kind in _BUNDLES:
            return self._bundle(message, key)
        if kind == "error":
            return self._error(message, key)
        return self._widgets.take(message, index) if kind in _OF_WIDGETS else message

    def late(self, index: int) -> dict[str, Any] | None:
        """Return the error that ended a cell, where the notebook has not got it yet."""
        place = self._room.place(index)
        error, place.late = place.late, None
        return error and self._cut_error(error, index)

    def close(self) -> None:
        """Complete the files."""
        self._room.close()

    def _stream(self, message: dict[str, Any], key: Key) -> dict[str, Any] | None:
        content, place = message["content"], self._room.place(key)
        text, name = content["text"], content["name"]
        stream = place.streams.setdefault(name, Stream())
        if stream.file is not None:
            stream.file.write(text)
            return None
        size, room = _size(text), min(self._each - stream.size, self._room.left(key))
        if size <= room:
            stream.head.append(text)
            stream.size += size
            self._room.add(key, size)
            return message
        if place.cut >= MAX_CUT:
            return self._rest(message, place)
        stream.file, where = self._files.open(self._name(f"{name}.txt"))
        for part in (*stream.head, text):
            stream.file.write(part)
        stream.head.clear()
        kept = _first(text, room)
        self._room.add(key, _size(kept))
        place.cut += 1
        note = f"\n[{name} is cut here, after {_human(stream.size + _size(kept))}; {where}]\n"
        return {**message, "content": {**content, "text": kept + note}}

    def _bundle(self, message: dict[str, Any], key: Key) -> dict[str, Any] | None:
        content, place = message["content"], self._room.place(key)
        data, metadata = content.get("data", {}), content.get("metadata") or {}
        shown = (content.get("transient") or {}).get("display_id")
        new = message["msg_type"] != "update_display_data"
        size = _size_of(data) + _size_of(metadata)
        if size <= self._each and self._room.show(key if new else None, shown, size):
            return message
        if new and (place.cut >= MAX_CUT or size <= min(self._each, _SMALL)):
            return self._rest(message, place)
        place.cut += new
        what, where = self._save(data, metadata)
        note = f"[an output of {_human(size)} ({what}) is left out here; {where}]"
        self._room.show(key if new else None, shown, len(note), forced=True)
        return {**message, "content": {**content, "data": {"text/plain": note}, "metadata": {}}}

    def _save(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> tuple[str, str]:
        """Keep what tells most of an output whole; return what that is, and where."""
        mime = max(data, key=lambda one: _size(_text(data[one])), default="")
        if not data or _size_of(metadata) > _size(_text(data[mime])):
            mime, content = "metadata", json.dumps({"data": data, "metadata": metadata}).encode()
            ending = "json"
        else:
            content = _content(mime, data[mime])
            ending = _ENDINGS.get(mime, "json" if "json" in mime else "txt")
        name = self._name(f"output-{self._files.made + 1}.{ending}")
        return mime, self._files.save(name, content)

    def _error(self, message: dict[str, Any], key: Key) -> dict[str, Any] | None:
        place, size = self._room.place(key), _size_of_error(message["content"])
        if size <= min(self._each, self._room.left(key)):
            self._room.add(key, size)
            return message
        if place.cut < MAX_CUT:
            return self._cut_error(message, key)
        earlier, place.late = place.late, message
        return self._rest(earlier, place) if earlier else None

    def _cut_error(self, message: dict[str, Any], key: Key) -> dict[str, Any]:
        content, size = message["content"], _size_of_error(message["content"])
        room = min(self._each, max(self._room.left(key), _LEAST_ERROR))
        self._room.add(key, min(size, room))
        self._room.place(key).cut += 1
        if size <= room:
            return message
        ename, evalue, lines = content["ename"], content["evalue"], content["traceback"]
        whole = "\n".join([ename, evalue, *lines]).encode(errors="replace")
        where = self._files.save(self._name("error.txt"), whole)
        note = f"[an error of {_human(size)} is cut here; {where}]"
        cut = {
            "ename": _first(ename, MAX_NAME),
            "evalue": _first(evalue, room // 2),
            "traceback": [_first("\n".join(lines), room // 2), note],
        }
        return {**message, "content": {**content, **cut}}

    def _rest(self, message: dict[str, Any], place: Place) -> dict[str, Any] | None:
        """Put what has no room to the rest of its place; the notebook gets a note, once."""
        kind, content, note = message["msg_type"], message["content"], ""
        if place.rest is None:
            place.rest, where = self._files.rest(self._name("outputs.jsonl"))
            note = f"[what more is put out here and has no room is left out; {where}]"
        place.rest.add(kind, {key: one for key, one in content.items() if key != "transient"})
        if not note:
            return None
        header = {**message.get("header", {}), "msg_type": "display_data"}
        shown = {"data": {"text/plain": note}, "metadata": {}}
        return {**message, "msg_type": "display_data", "header": header, "content": shown}

    def _name(self, name: str) -> str:
        cell = self._published(self._index)
        which = f"added-cell-{self._index + 1}" if cell is None else f"cell-{cell + 1}"
        return f"{which}.{name}"


def _size_of(content: Mapping[str, Any]) -> int:
    return sum(_size(name) + _size(_text(value)) for name, value in content.items())


def _size_of_error(content: Mapping[str, Any]) -> int:
    lines = content["traceback"]
    return _size(content["ename"]) + _size(content["evalue"]) + sum(map(_size, lines)) + len(lines)


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
