"""What a run writes into a notebook in R or Julia is the text that was given, never code."""

from __future__ import annotations

import re
from typing import Any

import pytest
from galley.run.translators import translate_parameters

HARD = 'a"b\\c\n\t\r$(run(`false`))é…😀\x07'


def written(language: str, value: Any) -> str:
    source = translate_parameters("k", language, {"n": value}, "values")
    return str(source).removeprefix("# values\nn = ").rstrip("\n")


@pytest.mark.parametrize("language", ["R", "julia"])
def test_text_is_ascii_and_comes_back_as_it_was(language: str) -> None:
    source = written(language, HARD)
    assert source.isascii()
    assert "\\x" not in source  # a byte, not a character, in both
    code = re.sub(r"\\\$", "$", source)
    assert eval(code) == HARD


def test_julia_puts_nothing_in_the_place_of_a_dollar_sign() -> None:
    assert written("julia", "$(x)") == '"\\$(x)"'
    assert written("julia", {"$a": ["$b"]}) == 'Dict("\\$a" => ["\\$b"])'
    assert written("R", "$x") == '"$x"'


@pytest.mark.parametrize(
    ("value", "r", "julia"),
    [(True, "TRUE", "true"), (None, "NULL", "nothing"), (3, "3", "3"), (0.5, "0.5", "0.5")],
)
def test_other_values_are_papermills(value: Any, r: str, julia: str) -> None:
    assert (written("R", value), written("julia", value)) == (r, julia)
