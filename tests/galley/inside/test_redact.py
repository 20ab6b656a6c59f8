"""In which forms values are found, and what else stays as it is."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from galley.inside.outbox.redact import Values

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQ"
VALUES = Values({"token": TOKEN, "pin": "48291734", "url": "postgres://ana:hunter2@db.example/x"})


@pytest.mark.parametrize("dots", ["...", "…"])
@pytest.mark.parametrize("length", [16, 47, len(TOKEN) - 1])
def test_a_long_value_is_found_by_its_beginning_where_dots_say_that_it_was_cut(
    length: int, dots: str
) -> None:
    assert VALUES.text(f"0  {TOKEN[:length]}{dots} x") == f"0  [secret token]{dots} x"


@pytest.mark.parametrize(
    "text",
    [
        f"{TOKEN[:15]}...",
        f"{TOKEN[:30]}",
        f"{TOKEN[:30]}..",
        f"{TOKEN[:30]}x...",
        "48291...",
        "...",
    ],
)
def test_what_is_shorter_or_not_cut_is_left(text: str) -> None:
    assert VALUES.text(text) == text


def test_a_value_with_dots_is_replaced_with_them() -> None:
    dotted = "abcdefghijklmnopqrst...uvw...xyz"
    values = Values({"a": dotted})
    assert values.text(f"{dotted}...") == "[secret a]..."
    assert values.text(f"{dotted[:28]}... {dotted[:19]}....") == "[secret a]... [secret a]...."


@pytest.mark.parametrize("escape", [html.escape, lambda text: json.dumps(text)[1:], repr, quote])
def test_the_beginning_of_an_escaped_form_is_found_too(escape: Callable[[str], str]) -> None:
    value = "<key>&'\"\n" * 6
    clean = Values({"a": value}).text(f"{escape(value)[:40]}...")
    assert clean.lstrip("'") == "[secret a]..."


def test_a_table_of_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"token": [TOKEN], "other": ["x" * 80]})
    clean = VALUES.text(f"{frame}{frame._repr_html_()}")
    assert clean.count("[secret token]...") == 2
    assert TOKEN[:12] not in clean
    assert clean.count("x" * 46 + "...") == 2


@pytest.mark.parametrize("newline", ["\n", "\r\n", r"\n", r"\r\n", r"\\n"])
@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "x" * 50, "x" * 57, "x" * 95])
def test_base64_in_lines_is_found_wherever_they_end(before: str, newline: str) -> None:
    lines = base64.encodebytes(f"{before}{TOKEN}!".encode()).decode()
    clean = VALUES.text(f"<{lines.replace(chr(10), newline)}>")
    assert clean.count("[secret token]") == 1
    begins = base64.b64encode(before.encode()).decode().rstrip("=")[:-1]
    assert clean.replace(newline, "").startswith(f"<{begins}")
    whole = base64.b64encode(f"{before}{TOKEN}".encode()).decode()
    left = clean.replace(newline, "").replace("[secret token]", "")
    assert not any(whole[at : at + 6] in left for at in range(len(begins) + 4, len(whole) - 8))


def test_lines_of_64_characters_are_wrapped_as_well_and_shorter_ones_are_none() -> None:
    text = base64.b64encode(TOKEN.encode()).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    assert VALUES.text("\n".join(lines)) == "[secret token]"
    plain = Values({"a": "hunter2"})
    assert plain.text("hunt\ner2") == "hunt\ner2"


def test_the_lines_of_other_base64_are_left() -> None:
    other = base64.encodebytes(bytes(range(256))).decode()
    text = f"{other}\n{base64.encodebytes(TOKEN.encode()).decode()}\n{other}"
    assert VALUES.text(text) == f"{other}\n[secret token]\n\n{other}"


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        (48291734, "[secret pin]"),
        (48291734.0, "[secret pin]"),
        (482917345, 482917345),
        (48291734.5, 48291734.5),
        (True, True),
        (None, None),
    ],
)
def test_a_number_that_is_a_value(value: object, clean: object) -> None:
    tree = {"data": {"application/json": {"pin": value, "all": [value]}}}
    assert VALUES.tree(tree) == {"data": {"application/json": {"pin": clean, "all": [clean]}}}


def test_numbers_that_a_format_needs_stay_and_texts_in_their_place_do_not() -> None:
    cell: dict[str, Any] = {"execution_count": 48291734, "version_major": 48291734}
    assert VALUES.tree(cell) == cell
    assert VALUES.tree({"line": 48291734}, keys=False) == {"line": 48291734}
    assert VALUES.tree({"execution_count": "48291734"}) == {"execution_count": "[secret pin]"}
    assert VALUES.tree({"execution_count": [48291734]}) == {"execution_count": ["[secret pin]"]}


def test_what_is_redacted_can_be_redacted_again_whatever_secrets_are_called() -> None:
    values = Values({"warehouse": "warehouse", "other": "secret", "x": "[secret warehouse] door"})
    once = values.text("warehouse secret [secret warehouse] door house")
    assert once == "[secret warehouse] [secret other] [secret x] house"
    assert values.text(once) == once


def test_the_values_of_many_secrets_that_begin_alike() -> None:
    values = Values({"a": "hunter", "b": "hunter2hunter2hunter2", "c": "hunter2hunter2hunting"})
    text = "hunter2hunter2hunter2 hunter2hunter2hunter hunter2hunter2hunting"
    assert values.text(text) == "[secret b] [secret a]2[secret a]2[secret a] [secret c]"


def test_what_is_in_the_middle_of_a_value_begins_none() -> None:
    assert Values({"a": "abab"}).text("ababab") == "[secret a]ab"
