"""Streams in pieces, cut in whatever places."""

from __future__ import annotations

import base64
from itertools import pairwise

import pytest
from galley.run.pieces import Pieces, without_values
from galley.run.redaction import Redactor
from hypothesis import given, settings
from hypothesis import strategies as st

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6y"
DOTTED = "abcdabcdabcdabcdabcdabcd...xyz"
REDACTOR = Redactor({"token": TOKEN, "short": "hunter2", "dotted": DOTTED})


def wrapped(before: int, newline: str) -> str:
    lines = base64.encodebytes(("u" * before + TOKEN).encode()).decode()
    return lines.replace("\n", newline)


def said(pieces: Pieces, *texts: str) -> str:
    return "".join([*map(pieces.feed, texts), pieces.rest()])


@settings(max_examples=500, deadline=None)
@given(
    parts=st.lists(
        st.one_of(
            st.sampled_from([TOKEN, "hunter2", DOTTED, DOTTED[:20], "...", "…", ".", "\n"]),
            st.sampled_from(["x" * 76 + "\n", "[secret short]", "\\"]),
            st.integers(10, 60).map(lambda length: TOKEN[:length] + "..."),
            st.builds(wrapped, st.integers(0, 90), st.sampled_from(["\n", "\r\n", r"\n"])),
        ),
        max_size=5,
    ),
    cuts=st.lists(st.integers(0, 400), max_size=10),
)
def test_however_a_stream_is_cut_it_says_the_same(parts: list[str], cuts: list[int]) -> None:
    text = "".join(parts)
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    texts = [text[one:other] for one, other in pairwise(edges)]
    assert said(REDACTOR.pieces(), *texts) == REDACTOR.text(text)


@pytest.mark.parametrize("text", [f"{TOKEN[:47]}...", wrapped(0, "\n"), wrapped(40, r"\n")])
def test_one_character_at_a_time(text: str) -> None:
    clean = said(REDACTOR.pieces(), *text)
    assert "[secret token]" in clean
    assert clean == REDACTOR.text(text)


def test_a_value_in_colours_is_found_wherever_it_is_cut() -> None:
    text = "\x1b[31mhun\x1b[0mter\x1b[32m2!"
    for cut in range(len(text)):
        clean = said(REDACTOR.pieces(), text[:cut], text[cut:])
        assert "[secret short]" in clean
        assert "er" not in clean.replace("secret", "")


def test_no_more_is_held_than_may_become_a_value() -> None:
    pieces = REDACTOR.pieces()
    assert pieces.feed("I hunt") == "I "
    assert pieces.feed("ed. ") == "hunted. "
    assert pieces.feed(f"{TOKEN[:16]}.") == ""
    assert pieces.feed(".") == ""
    assert pieces.feed("x") == f"{TOKEN[:16]}..x"
    assert pieces.feed("hunt") == ""
    assert pieces.rest() == "hunt"
    assert pieces.rest() == ""


def test_without_values_everything_passes_as_it_is() -> None:
    pieces, text = without_values(), f"{TOKEN}"
    assert pieces.feed(text) is text
    assert pieces.rest() == ""
