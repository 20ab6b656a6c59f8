"""How much of the state of its widgets an executed notebook keeps.

Each widget tells its state when it is made and what changes later; nbclient collects all of it for
the notebook's metadata. What is told counts for the cell that tells it, until it is replaced.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

_SMALL = 1024
"""Bytes of a value that is kept where larger ones are left out: names, numbers, references."""
_OUTPUTS_OF = "msg_id"
"""Of which cell an output widget takes the outputs; none: it ends."""
_MADE_OF = {"_model_module", "_model_name", "outputs", _OUTPUTS_OF}
_ENTRY = 32
"""Bytes that a value takes beside its name and itself."""


class WidgetLimit:
    """Limits the widgets of one task.

    Args:
        cell: bytes of what is told in one cell.
        say: takes a line for the log.
    """

    def __init__(self, task: str, cell: int, say: Callable[[str], None]) -> None:
        self._task = task
        self._cell = cell
        self._say = say
        self._told = False
        self._left_out: set[str] = set()
        self._sizes: dict[tuple[str, str], tuple[int, int]] = {}
        self._kept: Counter[int] = Counter()

    def take(self, message: dict[str, Any], index: int) -> dict[str, Any] | None:
        """Return a widget's message as the notebook gets it; None: it gets nothing of it.

        It gets nothing of what has a state that is none, so that it is not of a widget.

        Args:
            index: place of the cell in the executed notebook.
        """
        content = message["content"]
        comm, data = str(content.get("comm_id")), content.get("data")
        if comm in self._left_out:
            return None
        if not isinstance(data, dict) or "state" not in data:
            return message
        state = data["state"]
        if not isinstance(state, dict):
            return None
        sizes = {key: _ENTRY + len(key) + _size(value) for key, value in state.items()}
        buffers = zip(data.get("buffer_paths") or (), message.get("buffers") or (), strict=False)
        whole = sizes | {f"buffer {path}": len(one) * 4 // 3 for path, one in buffers}
        if self._fits(comm, whole, index):
            return message
        self._tell()
        kept = self._small(message, sizes, index)
        if kept is None:
            return None
        left = {**data, "state": {key: state[key] for key in kept}, "buffer_paths": []}
        return {**message, "content": {**content, "data": left}, "buffers": []}

    def _small(self, message: dict[str, Any], sizes: dict[str, int], index: int) -> set[str] | None:
        """Return what is kept of a state that is too large; None: nothing, from here on.

        nbclient cannot do without what an output widget is made with, nor without the end of what
        has begun.
        """
        comm, opens = str(message["content"]["comm_id"]), message["msg_type"] == "comm_open"
        small = {key: size for key, size in sizes.items() if size <= _SMALL}
        needed = sizes.keys() & (_MADE_OF if opens else {_OUTPUTS_OF})
        if needed <= small.keys():
            if self._fits(comm, small, index):
                return set(small)
            if not opens:
                self._count(comm, {key: small[key] for key in needed}, index)
                return needed
        self._left_out.add(comm)
        return None

    def _fits(self, comm: str, sizes: dict[str, int], index: int) -> bool:
        """Count what a widget tells, where there is room for it."""
        old = (self._sizes.get((comm, key), (index, 0)) for key in sizes)
        grown = sum(sizes.values()) - sum(size for cell, size in old if cell == index)
        fits = grown <= 0 or self._kept[index] + grown <= self._cell
        if fits:
            self._count(comm, sizes, index)
        return fits

    def _count(self, comm: str, sizes: dict[str, int], index: int) -> None:
        for key, size in sizes.items():
            cell, before = self._sizes.get((comm, key), (index, 0))
            self._kept[cell] -= before
            self._kept[index] += size
            self._sizes[comm, key] = (index, size)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._say(
                f"a cell of task {self._task!r} has widgets with more than "
                f"{self._cell / 2**20:.1f} MiB of state: the executed notebook keeps only what is "
                "small of what they hold from there on"
            )


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))
