"""Random numbers of its own for each fork, also from the generators that libraries keep.

A generator that a library makes without a seed when it is imported draws other numbers in each
process. In a zygote it was made once, for all forks. So what is seeded with nothing while modules
are imported ahead is noted, and seeded again in each fork. What was seeded with a number stays as
it is: it draws the same numbers in every process.

Those of Python are noted by their ``seed``. NumPy's draw their own seed, which tells which of them
did; a :class:`numpy.random.SeedSequence` cannot say whether its entropy was given to it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import random
import secrets
import sys
import weakref
from collections.abc import Iterator
from typing import Any

_NUMPYS = "numpy.random.bit_generator"
"""Module that draws the seeds of NumPy's generators."""

_pythons: dict[int, weakref.ref[random.Random]] = {}
_sequences: list[Any] = []
_random_states: list[tuple[Any, Any]] = []
_bit_generators: list[tuple[Any, Any]] = []
"""Each with the sequence that it began with; one that was seeded since has another."""


@contextlib.contextmanager
def noting() -> Iterator[None]:
    """Note what is seeded with nothing meanwhile."""
    seed, setstate, randbits = random.Random.seed, random.Random.setstate, secrets.randbits
    drawn: list[int] = []
    over = False

    @functools.wraps(seed)
    def noted_seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        seed(self, a, version)
        if not over:
            _note(self, seeded=a is not None)

    @functools.wraps(setstate)
    def noted_setstate(self: random.Random, state: Any) -> None:
        setstate(self, state)
        if not over:
            _note(self, seeded=True)

    def noted_randbits(k: int) -> int:
        bits = randbits(k)
        if not over:  # whoever imported it from ``secrets`` keeps it
            drawn.append(bits)
        return bits

    random.Random.seed = noted_seed  # type: ignore[method-assign]
    random.Random.setstate = noted_setstate  # type: ignore[method-assign]
    _exchange(randbits, noted_randbits)
    try:
        yield
    finally:
        over = True
        random.Random.seed = seed  # type: ignore[method-assign]
        random.Random.setstate = setstate  # type: ignore[method-assign]
        _exchange(noted_randbits, randbits)
        # Of a NumPy that is made otherwise none is found: better than a zygote that cannot begin.
        with contextlib.suppress(AttributeError):
            _find({*drawn})


def reseed() -> None:
    """Give this process random numbers of its own."""
    random.seed()
    for noted in _pythons.values():
        if (generator := noted()) is not None:
            random.Random.seed(generator)
    if "numpy.random" in sys.modules:
        sys.modules["numpy"].random.seed()
        _reseed_numpys()
    if (torch := sys.modules.get("torch")) is not None:
        torch.seed()


def _note(generator: random.Random, *, seeded: bool) -> None:
    _pythons.pop(id(generator), None)
    if not seeded:
        _pythons[id(generator)] = weakref.ref(generator)


def _exchange(old: Any, new: Any) -> None:
    """Have NumPy draw seeds with ``new``, whether it is loaded or imports it later."""
    for name in (secrets.__name__, _NUMPYS):
        module: Any = sys.modules.get(name)
        if getattr(module, "randbits", None) == old:
            module.randbits = new


def _find(drawn: set[int]) -> None:
    """Find what of NumPy's has begun with these seeds, among what is not frozen yet."""
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is None or drawn <= {_entropy(numpy.mtrand._rand._bit_generator._seed_seq)}:
        return  # there is none but NumPy's own one, which is seeded in any case
    kinds = {one for one in numpy.BitGenerator.__subclasses__() if _is_numpys(one)}
    wanted = {numpy.SeedSequence, numpy.RandomState, *kinds}
    # Not ``isinstance``: it asks a proxy what it is, which may import something then.
    found = [one for one in gc.get_objects() if type(one) in wanted]
    begun = [one for one in found if type(one) is numpy.SeedSequence and _entropy(one) in drawn]
    for state in (one for one in found if type(one) is numpy.RandomState):
        sequence = state._bit_generator._seed_seq
        if type(state._bit_generator) is numpy.MT19937 and sequence in begun:
            begun.remove(sequence)
            if state is not numpy.mtrand._rand:
                _random_states.append((state, sequence))
    others = [one for one in found if type(one) in kinds and one._seed_seq in begun]
    _bit_generators.extend((one, one._seed_seq) for one in others)
    _sequences.extend(begun)


def _is_numpys(kind: type) -> bool:
    return kind.__module__.startswith("numpy.random.")


def _entropy(sequence: Any) -> int | None:
    entropy = getattr(sequence, "entropy", None)
    return entropy if isinstance(entropy, int) else None  # it may be an array


def _reseed_numpys() -> None:
    for state, sequence in _random_states:
        if state._bit_generator._seed_seq is sequence:
            state.seed()
    for sequence in _sequences:
        sequence.__init__(spawn_key=sequence.spawn_key, pool_size=sequence.pool_size)
    for bits, sequence in _bit_generators:
        if bits._seed_seq is sequence:
            _move(bits)


def _move(bits: Any) -> None:
    """Have a bit generator draw other numbers, which is cheaper where it can leap anywhere."""
    if hasattr(bits, "advance"):
        bits.advance(secrets.randbits(128))
    else:
        bits.state = type(bits)(bits._seed_seq).state
