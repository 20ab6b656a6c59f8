"""Waiting only as long as somebody wants it."""

from __future__ import annotations

import pytest
from galley.run.wanted import LOOK_S, Unwanted, always, awaited


def test_what_comes_at_once_is_taken_unasked() -> None:
    assert awaited(lambda _: True, seconds=0, wanted=lambda: False)


def test_it_looks_until_it_has_come_and_no_longer_at_a_time_than_it_asks() -> None:
    waits: list[float] = []

    def look(wait_s: float) -> bool:
        waits.append(wait_s)
        return len(waits) == 3

    assert awaited(look, seconds=600, wanted=always)
    assert waits == [LOOK_S] * 3


def test_what_is_not_wanted_any_more_is_not_looked_for_again() -> None:
    looks: list[float] = []

    def look(wait_s: float) -> bool:
        looks.append(wait_s)
        return False

    with pytest.raises(Unwanted):
        awaited(look, seconds=600, wanted=lambda: len(looks) < 2)
    assert len(looks) == 2


def test_what_has_not_come_in_time_is_given_up() -> None:
    assert not awaited(lambda _: False, seconds=0, wanted=always)
