"""How much room the outputs of a task take in its executed notebook, place by place.

Place
    where outputs go: a cell, or an output widget, which shows those of several cells
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from galley.run.whole import Growing, Rest

OVERHEAD = 256
"""Bytes that an output takes beside its content: in the notebook, on a page, and of time."""
Key = int | str
"""Of a place: where the cell is in the executed notebook, or the id of the widget."""


@dataclass
class Stream:
    """One place's text on stdout or stderr.

    Attributes:
        size: bytes so far, while it is not cut.
        head: what came so far, while it is not cut.
        file: what it goes to once it is cut.
    """

    size: int = 0
    head: list[str] = field(default_factory=list)
    file: Growing | None = None


@dataclass
class Place:
    """What is kept in a cell or an output widget.

    Attributes:
        kept: bytes.
        cut: outputs that were cut, each with a note.
        streams: by name.
        shown: ids of what is displayed there.
        clearing: whether it is to be empty before its next output.
        rest: the file that all goes to together that has no room; None: there is none yet.
        late: the latest error that had no room: the one that ended the cell, if none follows.
    """

    kept: int = 0
    cut: int = 0
    streams: dict[str, Stream] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)
    clearing: bool = False
    rest: Rest | None = None
    late: dict[str, Any] | None = None

    def close(self) -> None:
        """Complete the files."""
        for file in (self.rest, *(stream.file for stream in self.streams.values())):
            if file is not None:
                file.close()


@dataclass
class _Shown:
    """What is displayed under one id: its size, bytes, and how often each cell shows it."""

    size: int = 0
    times: Counter[Key] = field(default_factory=Counter)


class Room:
    """The places of one task.

    Args:
        each: bytes that one place may keep.
        overhead: bytes that each output takes beside its content.
    """

    def __init__(self, each: int, overhead: int) -> None:
        self._each = each
        self._overhead = overhead
        self._places: dict[Key, Place] = {}
        self._shown: dict[str, _Shown] = {}

    def place(self, key: Key) -> Place:
        """Return a place."""
        return self._places.setdefault(key, Place())

    def clear(self, key: Key, *, wait: bool = False) -> None:
        """Have a place be empty, now or before its next output: until then it is updated still."""
        place = self.place(key)
        place.clearing = wait
        if wait:
            return
        place.close()
        for name in place.shown:
            self._shown[name].times.pop(key, None)
            if not self._shown[name].times:
                del self._shown[name]
        self._places[key] = Place()

    def clear_now(self, key: Key) -> None:
        """Have a place be empty that waited for its next output."""
        if self.place(key).clearing:
            self.clear(key)

    def left(self, key: Key) -> int:
        """Return how many bytes one more output may have in a place."""
        return self._each - self.place(key).kept - self._overhead

    def add(self, key: Key, size: int) -> None:
        """Count an output."""
        self.place(key).kept += size + self._overhead

    def show(self, key: Key | None, name: str | None, size: int, *, forced: bool = False) -> bool:
        """Count what is displayed; whether there was room for it, or it was ``forced``.

        Args:
            key: where it is displayed anew; None: nowhere.
            name: its id; all that is displayed under it is replaced. None: it has none.
            size: bytes.
        """
        shown = self._shown.get(name or "", _Shown())
        more = Counter({place: times * (size - shown.size) for place, times in shown.times.items()})
        if key is not None:
            more[key] += size + self._overhead
        for place, added in more.items():
            if added > 0 and self.place(place).kept + added > self._each and not forced:
                return False
        for place, added in more.items():
            self.place(place).kept += added
        shown.size = size
        if name and isinstance(key, int):  # what a widget displays is replaced by nobody else
            shown.times[key] += 1
            self.place(key).shown.add(name)
            self._shown[name] = shown
        return True

    def close(self) -> None:
        """Complete the files."""
        for place in self._places.values():
            place.close()
