"""Texts without what may stand within a value: colours, and the ends of wrapped lines."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right

_LINE = 64
"""Characters of base64 in a line that may be wrapped: most have 76, those of PEM have 64."""
BEFORE = _LINE + 8
"""Characters before a text that tell how its first line is wrapped."""
_ENDS = ("\r\n", "\n", r"\\r\\n", r"\\n", r"\\\\r\\\\n", r"\\\\n")
"""Of lines, also as ``repr`` and JSON write them, or one the other's; regular expressions."""
_INSIDE = r"\x1b\[[0-9;]*m|" + "|".join(f"{end}(?<=[A-Za-z0-9+/]{{{_LINE}}}{end})" for end in _ENDS)
INSIDE = re.compile(_INSIDE)
INSIDE_SO_FAR = re.compile(rf"{_INSIDE}|(?:\x1b\[?[0-9;]*|\r|\\{{1,2}}r?\\{{0,2}})\Z")
"""The same, where the end of the text may be the beginning of such a thing."""


class Bare:
    """A text without these, and where its parts stood.

    Args:
        before: what stands before the text: where a line is wrapped shows by what it was.

    Attributes:
        text: the text without them; as it is where there are none.
    """

    def __init__(self, text: str, before: str = "", inside: re.Pattern[str] = INSIDE) -> None:
        whole, at = before + text if before else text, len(before)
        parts, self._places, self._shifts = [], list[int](), [0]
        self._colours = list[bool]()
        for match in inside.finditer(whole, at):
            parts.append(whole[at : match.start()])
            removed = self._shifts[-1] + match.end() - match.start()
            self._places.append(match.end() - removed - len(before))
            self._shifts.append(removed)
            self._colours.append(match[0].startswith("\x1b"))
            at = match.end()
        self.text = "".join([*parts, whole[at:]]) if parts else text

    def __bool__(self) -> bool:
        return bool(self._places)

    def hides(self, start: int, end: int) -> bool:
        """Return whether something was removed between the ends of a part."""
        return bisect_right(self._places, start) < bisect_left(self._places, end)

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return where a part stood, with the colours beside it."""
        first, past = bisect_right(self._places, start), bisect_left(self._places, end)
        while first and self._places[first - 1] == start and self._colours[first - 1]:
            first -= 1
        while past < len(self._places) and self._places[past] == end and self._colours[past]:
            past += 1
        return start + self._shifts[first], end + self._shifts[past]
