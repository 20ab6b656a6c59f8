"""A value that was injected as a literal becomes the object that the notebook expects."""

from __future__ import annotations

from typing import Any

import pytest
from galley.notebook.conversions import conversion_source
from galley.notebook.parameters import infer, validate

from tests.galley.notebook.builders import with_parameters

CELL = """
from datetime import date, datetime
from enum import Enum, IntEnum
from pathlib import Path

class Colour(Enum):
    RED = "red"
    BLUE = "blue"

class Level(IntEnum):
    LOW = 1
    HIGH = 2

since = date(2026, 1, 1)
at = datetime(2026, 1, 1, 6)
data: Path = Path("in", "x.csv")
colour: Colour = Colour.RED
level = Level.LOW
rounds = 3
"""
GIVEN: dict[str, Any] = {
    "since": "2026-02-03",
    "at": "2026-02-03T04:05:00",
    "data": "other.csv",
    "colour": "blue",
    "level": 2,
    "rounds": 5,
}
SEEN = """
(since.year, at.hour, data.suffix, colour is Colour.BLUE, level is Level.HIGH, rounds)
"""


def run(given: dict[str, Any]) -> Any:
    schema = infer(with_parameters(CELL))
    space: dict[str, Any] = {}
    exec(CELL, space)
    space |= validate(schema, given)
    exec(conversion_source(schema, schema.properties), space)
    return eval(SEEN.strip(), space)


def test_injected_literals_become_objects() -> None:
    assert run(GIVEN) == (2026, 4, ".csv", True, True, 5)


def test_the_notebooks_own_objects_stay_what_they_are() -> None:
    assert run({}) == (2026, 6, ".csv", False, False, 3)


@pytest.mark.parametrize(("names", "lines"), [((), 0), (("rounds",), 0), (("data", "rounds"), 2)])
def test_only_what_is_asked_for_is_converted(names: tuple[str, ...], lines: int) -> None:
    source = conversion_source(infer(with_parameters(CELL)), names)
    assert len(source.splitlines()) == lines
