"""The difference of two notebooks, cell by cell, and of two sets of modules.

Cells are paired by their ids where these keep their order, then by equal source, then by
similar source. A cell that moved is shown as removed and added.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any

from galley.domain.reviews import CellChange, CellDiff
from galley.notebook.scripts import readable
from galley.notebook.source import Cell, read_cells

SIMILAR = 0.5
"""Cells that have at least this share of words in common are the same cell, changed."""

_MOST_PAIRS = 10_000
_WORD = re.compile(r"\w+|[^\w\s]")

Pair = tuple[int, int]


def diff_notebooks(before: dict[str, Any] | None, after: dict[str, Any]) -> tuple[CellDiff, ...]:
    """Return the cells of both notebooks in reading order, removed ones before added ones.

    Args:
        before: None when there is nothing to compare with: every cell is added.

    Raises:
        InvalidInput: one of them is not a notebook.
    """
    old, new = read_cells(before) if before is not None else (), read_cells(after)
    pairs = [*_by_id(old, new)]
    pairs = _filled(old, new, pairs, _by_source)
    pairs = _filled(old, new, pairs, _by_similarity)
    return tuple(_rows(old, new, pairs))


def diff_modules(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[CellDiff, ...]:
    """Return the modules that differ, by path; ``cell_type`` is ``module``.

    Of a notebook that is run, its code is shown.
    """
    before = {path: readable(path, source) for path, source in before.items()}
    after = {path: readable(path, source) for path, source in after.items()}
    return tuple(
        CellDiff(
            change=CellChange.ADDED
            if path not in before
            else CellChange.REMOVED
            if path not in after
            else CellChange.CHANGED,
            cell_type="module",
            path=path,
            before=before.get(path),
            after=after.get(path),
        )
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    )


def _by_id(old: Sequence[Cell], new: Sequence[Cell]) -> list[Pair]:
    """Pair cells of equal id and type, leaving out those that break the order."""
    positions = {cell.id: cell for cell in new if cell.id}
    twice = {
        identity
        for cells in (old, new)
        for identity, count in Counter(cell.id for cell in cells).items()
        if count > 1
    }
    pairs = [
        (cell.index, positions[cell.id].index)
        for cell in old
        if cell.id in positions and cell.id not in twice and positions[cell.id].type == cell.type
    ]
    return _increasing(pairs)


def _increasing(pairs: list[Pair]) -> list[Pair]:
    """Return a longest run of pairs whose second numbers increase (patience sorting)."""
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for at, (_, value) in enumerate(pairs):
        place = bisect_left(tails, value)
        previous.append(ends[place - 1] if place else -1)
        tails[place:] = [value, *tails[place + 1 :]]
        ends[place:] = [at, *ends[place + 1 :]]
    chosen: list[Pair] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        chosen.append(pairs[at])
        at = previous[at]
    return chosen[::-1]


def _filled(old: Sequence[Cell], new: Sequence[Cell], pairs: list[Pair], find: Any) -> list[Pair]:
    """Return ``pairs`` and those that ``find`` makes in the gaps between them."""
    found: list[Pair] = []
    start_old = start_new = 0
    for end_old, end_new in [*pairs, (len(old), len(new))]:
        found += find(old[start_old:end_old], new[start_new:end_new])
        start_old, start_new = end_old + 1, end_new + 1
    return sorted([*pairs, *found])


def _by_source(old: Sequence[Cell], new: Sequence[Cell]) -> list[Pair]:
    """Pair equal cells: first those at both ends, then by difflib's longest matching blocks."""
    head = _equal_run(old, new)
    tail = _equal_run(old[head:][::-1], new[head:][::-1])
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    # Left as it is, difflib's heuristic against popular items keeps long notebooks fast.
    matcher = SequenceMatcher(None, [*map(_content, middle_old)], [*map(_content, middle_new)])
    blocks = [
        (0, 0, head),
        *((head + block.a, head + block.b, block.size) for block in matcher.get_matching_blocks()),
        (len(old) - tail, len(new) - tail, tail),
    ]
    return [
        (old[start_old + step].index, new[start_new + step].index)
        for start_old, start_new, size in blocks
        for step in range(size)
    ]


def _content(cell: Cell) -> tuple[str, str]:
    return cell.type, cell.source


def _equal_run(old: Sequence[Cell], new: Sequence[Cell]) -> int:
    """Return how many cells from the start are equal."""
    pairs = zip(old, new, strict=False)
    return sum(1 for _ in takewhile(lambda pair: _content(pair[0]) == _content(pair[1]), pairs))


def _by_similarity(old: Sequence[Cell], new: Sequence[Cell]) -> list[Pair]:
    if not old or not new or len(old) * len(new) > _MOST_PAIRS:
        return []
    words = {cell.index: _words(cell) for cell in old}, {cell.index: _words(cell) for cell in new}
    ratios = sorted(
        (
            (_likeness(words[0][one.index], words[1][other.index]), -one.index, -other.index)
            for one in old
            for other in new
            if one.type == other.type
        ),
        reverse=True,
    )
    pairs: list[Pair] = []
    for ratio, first, second in ratios:
        candidate = (-first, -second)
        if ratio >= SIMILAR and all(_in_order(candidate, pair) for pair in pairs):
            pairs.append(candidate)
    return sorted(pairs)


def _in_order(one: Pair, other: Pair) -> bool:
    return (one[0] < other[0] and one[1] < other[1]) or (one[0] > other[0] and one[1] > other[1])


def _words(cell: Cell) -> Counter[str]:
    return Counter(_WORD.findall(cell.source))


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """Return the share of words in common, 0 to 1 (the Sørensen-Dice coefficient)."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0


def _rows(old: Sequence[Cell], new: Sequence[Cell], pairs: list[Pair]) -> Iterator[CellDiff]:
    at_old = at_new = 0
    for end_old, end_new in [*pairs, (len(old), len(new))]:
        for cell in old[at_old:end_old]:
            yield CellDiff(
                change=CellChange.REMOVED,
                cell_type=cell.type,
                before=cell.source,
                before_index=cell.index,
            )
        for cell in new[at_new:end_new]:
            yield CellDiff(
                change=CellChange.ADDED,
                cell_type=cell.type,
                after=cell.source,
                after_index=cell.index,
            )
        if end_old < len(old) and end_new < len(new):
            yield _paired(old[end_old], new[end_new])
        at_old, at_new = end_old + 1, end_new + 1


def _paired(one: Cell, other: Cell) -> CellDiff:
    same = one.source == other.source and one.tags == other.tags
    return CellDiff(
        change=CellChange.SAME if same else CellChange.CHANGED,
        cell_type=other.type,
        before=one.source,
        after=other.source,
        before_index=one.index,
        after_index=other.index,
    )
