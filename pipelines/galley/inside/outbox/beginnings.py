"""Finds beginnings of texts: one search for all of them, however many there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator


class Beginnings:
    """Finds where one of several texts begins.

    A flat ``one|other|…`` tries each of them in each place. Sorted by their letters into groups
    within groups, those that cannot be there are passed over together.

    Args:
        texts: none of them empty.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._pattern = re.compile(_grouped(sorted(set(texts))))

    def places(self, text: str, start: int = 0) -> Iterator[int]:
        """Yield each place, from ``start`` on, where one of them begins."""
        while match := self._pattern.search(text, start):
            yield match.start()
            start = match.start() + 1


def _grouped(texts: Iterable[str]) -> str:
    """Return what matches one of the texts, or a shorter one that another begins with."""
    groups: dict[str, list[str]] = {}
    for text in texts:
        if not text:
            return ""
        groups.setdefault(text[0], []).append(text[1:])
    options = [re.escape(first) + _grouped(rest) for first, rest in groups.items()]
    return options[0] if len(options) == 1 else f"(?:{'|'.join(options)})"
