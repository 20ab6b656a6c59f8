from __future__ import annotations

import json
import random
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from galley.inside import random_states
from galley.inside.random_states import Drawn, restore


@pytest.fixture(autouse=True)
def own_states() -> Iterator[None]:
    """Leave the generators of the tests as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    yield
    random.setstate(python)
    np.random.set_state(numpy)


def begin(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)


def draw() -> list[float]:
    return [random.random(), random.gauss(0, 1), *np.random.standard_normal(3), np.random.rand()]


@pytest.mark.parametrize("number", [0, 1, 700, 300_000])
def test_a_generator_goes_on_where_another_one_stood(number: int) -> None:
    begin(7)
    drawn = Drawn()
    for _ in range(min(number, 5000)):
        random.random()
    np.random.rand(number)
    draw()  # half of a pair of normal numbers is left over
    states = json.loads(json.dumps(drawn.states()))
    assert states.keys() == {"random", "numpy.random"}
    expected = draw()
    begin(8)
    restore(states)
    assert draw() == expected


SEEDING: dict[str, tuple[Callable[[], object], set[str]]] = {
    "random": (lambda: random.seed(8), {"numpy.random"}),
    "from the beginning": (lambda: random.seed(7), {"numpy.random"}),
    "numpy": (lambda: np.random.seed(8), {"random"}),
    "state": (lambda: np.random.set_state(np.random.RandomState(3).get_state()), {"random"}),
    "both": (lambda: begin(9), set()),
}


@pytest.mark.parametrize("kind", SEEDING)
def test_what_is_seeded_is_left_out_for_ever(kind: str) -> None:
    seed, left = SEEDING[kind]
    begin(7)
    drawn = Drawn()
    np.random.rand(5000)
    draw()
    assert len(drawn.states()) == 2
    seed()
    assert drawn.states().keys() == left
    draw()
    assert drawn.states().keys() == left


def test_what_is_further_than_one_looks_counts_as_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random_states, "BLOCKS", 64)
    begin(7)
    drawn = Drawn()
    np.random.rand(64 * 624)
    assert drawn.states().keys() == {"random"}


def test_it_is_told_only_where_they_have_moved() -> None:
    begin(7)
    drawn = Drawn()
    assert (drawn.moved() or {}).keys() == {"random", "numpy.random"}
    assert drawn.moved() is None
    random.random()
    assert (drawn.moved() or {}).keys() == {"random", "numpy.random"}
    np.random.seed(8)
    assert (drawn.moved() or {}).keys() == {"random"}
    assert drawn.moved() is None


@pytest.mark.parametrize("place", [0, 1, 300, 623])
def test_it_may_begin_within_a_block(place: int) -> None:
    begin(7)
    np.random.bytes(4 * (624 + place))
    drawn = Drawn()
    for _ in range(70):
        np.random.bytes(4 * 624)
        assert drawn.states().keys() == {"random", "numpy.random"}


def test_another_kind_of_generator_is_left_alone() -> None:
    numpy: Any = np.random
    before = numpy.get_bit_generator()
    numpy.set_bit_generator(np.random.PCG64(1))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert Drawn().states().keys() == {"random"}
    finally:
        numpy.set_bit_generator(before)
