"""The global generators of random numbers, made to draw alike in the runs of one proof.

A notebook that seeds nothing draws other numbers in each run, and what hangs on them cannot be
compared. So the first of its own cells in a task of a split finds the generators where they stood
before it in the unsplit run. Only one that nobody had seeded by then is set so: what a notebook
seeds has to arrive in a task by the split alone, or its runs would not have it. For the same
reason what is repeated in a task, before its own cells, draws numbers of its own: it would in each
run.

Those of Python and of NumPy are Mersenne Twisters: whether one has only been drawn from is found
out by drawing from another one that began alike.
"""

from __future__ import annotations

import importlib
import random
import sys
from typing import Any

BLOCKS = 20_000
"""How far is looked, in blocks of 624 words: a tenth of a second, 6 million numbers. A generator
that is past it counts as seeded."""
_CHUNK = 64
_WORDS = 624
_VERSION = 3
"""Of the states of :mod:`random`, since Python 3.2."""


class Drawn:
    """Follows the generators from where they stand now, through a run that may seed them."""

    def __init__(self) -> None:
        self._streams = {name: _Stream(words) for name, (words, _) in _standing().items()}
        self._before: Any = None

    def moved(self) -> dict[str, Any] | None:
        """Return :meth:`states`; None where nothing has moved since this was last asked."""
        standing = _standing()
        if standing == self._before:
            return None
        self._before = standing
        return self.states()

    def states(self) -> dict[str, Any]:
        """Return where they stand, as JSON; one that was seeded meanwhile is left out for ever."""
        found = {}
        for name, (words, spare) in _standing().items():
            stream = self._streams.get(name)
            if stream is not None and stream.reaches(words):
                found[name] = [list(words), spare]
            else:
                self._streams.pop(name, None)
        return found


def restore(states: dict[str, Any]) -> None:
    """Set the generators that ``states`` names, as far as they are loaded."""
    if "random" in states:
        words, spare = states["random"]
        random.setstate((_VERSION, tuple(words), spare))
    if "numpy.random" in states and (numpy := _numpy()) is not None:
        words, spare = states["numpy.random"]
        key = numpy.array(words[:-1], dtype=numpy.uint32)
        numpy.random.set_state(("MT19937", key, words[-1], *spare))


def _standing() -> dict[str, tuple[tuple[int, ...], Any]]:
    """Return generator → its 624 words and the place in them, and what it has left over."""
    version, words, spare = random.getstate()
    found: dict[str, tuple[tuple[int, ...], Any]] = {}
    if version == _VERSION:
        found["random"] = words, spare
    if (numpy := _numpy()) is not None:
        state = numpy.random.get_state(legacy=False)  # it warns of other generators otherwise
        if state["bit_generator"] == "MT19937":
            words = (*state["state"]["key"].tolist(), int(state["state"]["pos"]))
            found["numpy.random"] = words, [int(state["has_gauss"]), float(state["gauss"])]
    return found


class _Stream:
    """What a generator draws that is never seeded."""

    def __init__(self, words: tuple[int, ...]) -> None:
        self._latest = words
        self._source = _twister((*words[:-1], 0))
        _drawn(self._source, 1)  # to where a block begins, as it is looked for in whole ones

    def reaches(self, words: tuple[int, ...]) -> bool:
        """Whether drawing leads to these words; asked of later and later ones."""
        if words[:-1] == self._latest[:-1]:
            forward, self._latest = words[-1] >= self._latest[-1], words
            return forward
        self._latest = words
        wanted = _drawn(_twister((*words[:-1], 0)), 1)
        for _ in range(BLOCKS // _CHUNK):
            before = self._source.getstate()
            at = _drawn(self._source, _CHUNK).find(wanted)
            if at >= 0:
                self._source.setstate(before)
                _drawn(self._source, at // len(wanted) + 1)
                return True
        return False


def _twister(words: tuple[int, ...]) -> random.Random:
    made = random.Random()  # noqa: S311  it keeps no secret
    made.setstate((_VERSION, words, None))
    return made


def _drawn(source: random.Random, blocks: int) -> bytes:
    number = 32 * _WORDS * blocks
    return source.getrandbits(number).to_bytes(number // 8, "little")


def _numpy() -> Any:
    """Return NumPy with its generators, which it loads when they are first asked for."""
    if (numpy := sys.modules.get("numpy")) is not None:
        importlib.import_module("numpy.random")
    return numpy
