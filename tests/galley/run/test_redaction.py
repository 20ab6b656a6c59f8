from __future__ import annotations

import base64
import html
import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from galley.domain.versions import CellError
from galley.run.redaction import Redactor
from hypothesis import given, settings
from hypothesis import strategies as st

VALUE = 's3cr3t\'p@ss "w&rd"/ü'
KEY = "-----BEGIN KEY-----\nabcdefghij0123456789\nxyz\n-----END KEY-----\n"


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"msg_type": "stream", "content": {"name": name, "text": text}}


def status() -> dict[str, Any]:
    return {"msg_type": "status", "content": {"execution_state": "idle"}}


def shown(redactor: Redactor, *messages: dict[str, Any]) -> str:
    passed = [one for message in messages for one in redactor.message(message)]
    return "".join(one["content"]["text"] for one in passed if one["msg_type"] == "stream")


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        repr(VALUE)[1:-1],
        repr(VALUE.encode()),
        json.dumps(VALUE),
        json.dumps(VALUE, ensure_ascii=False),
        html.escape(VALUE),
        html.escape(VALUE, quote=False),
        quote(VALUE),
        quote(VALUE, safe=""),
        quote_plus(VALUE),
        VALUE.encode().hex(),
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(f"user:{VALUE}".encode()).decode(),
        base64.b64encode(f"me:{VALUE}@host".encode()).decode(),
        base64.b64encode(f"you:{VALUE}!".encode()).decode(),
    ],
)
def test_the_usual_forms_of_a_value_are_replaced(form: str) -> None:
    clean = Redactor({"db": VALUE}).text(f"before {form} after")
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert "[secret db]" in clean
    assert form[6:-6] not in clean


def test_each_line_of_a_value_with_several_and_the_whole() -> None:
    redactor = Redactor({"key": KEY})
    assert redactor.text(f"<{KEY}>") == "<[secret key]>"
    assert redactor.text("row abcdefghij0123456789 xyz") == "row [secret key] xyz"


def test_a_longer_value_wins_over_one_within_it() -> None:
    redactor = Redactor({"a": "hunter", "b": "hunter2hunter2"})
    assert redactor.text("hunter2hunter2 hunter") == "[secret b] [secret a]"


def test_colours_do_not_hide_a_value() -> None:
    coloured = "\x1b[31mabcd\x1b[0mefgh\x1b[32m!"
    assert Redactor({"a": "abcdefgh"}).text(coloured) == "[secret a]!"


@settings(max_examples=200, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 40), max_size=8),
    value=st.sampled_from(["abab", "hunter2", "aaaa", "pass\nword12", "abcabd"]),
    around=st.text("ab\nhunterpasswod12", max_size=12),
)
def test_however_a_stream_is_cut_it_says_the_same(cuts: list[int], value: str, around: str) -> None:
    text = f"{around}{value}{around}"
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[one:other] for one, other in pairwise(edges)]
    redactor = Redactor({"a": value})
    said = shown(redactor, *map(stream, pieces), status())
    assert said == redactor.text(text)
    assert "[secret a]" in said


def test_what_only_begins_like_a_value_comes_out_in_its_place() -> None:
    redactor = Redactor({"a": "hunter2"})
    passed = [
        (one["msg_type"], one["content"].get("text"))
        for message in (stream("I hunt"), stream("er", "stderr"), stream("ed"), status())
        for one in redactor.message(message)
    ]
    assert passed == [
        ("stream", "I "),
        ("stream", "hunt"),
        ("stream", "er"),
        ("stream", "ed"),
        ("status", None),
    ]


def test_every_text_of_a_message_but_nothing_else_of_it() -> None:
    redactor = Redactor({"a": "hunter2"})
    message = {
        "msg_type": "display_data",
        "header": {"msg_id": "1"},
        "content": {
            "data": {"text/html": "<td>hunter2</td>", "application/json": {"hunter2": ["hunter2"]}},
            "metadata": {"n": 1, "none": None},
        },
        "buffers": [memoryview(b"\xffhunter2")],
    }
    (clean,) = redactor.message(message)
    assert "hunter2" not in str(clean)
    assert clean["content"]["metadata"] == {"n": 1, "none": None}
    assert clean["header"] is message["header"]
    assert clean["buffers"] == [b"\xff[secret a]"]
    assert "hunter2" in str(message), "the message itself is left as it was"


def test_errors(tmp_path: Path) -> None:
    error = CellError(
        ename="E", evalue="hunter2", message="cell 1: hunter2", traceback=("hunter2",), cell=0
    )
    clean = Redactor({"a": "hunter2", "b": "cell"}).error(error)
    assert clean is not None
    assert "hunter2" not in clean.model_dump_json()
    assert clean.cell == 0


def test_an_executed_notebook_keeps_its_sources(tmp_path: Path) -> None:
    path = tmp_path / "out.ipynb"
    cell = {"source": "say('hunter2')", "outputs": [{"text": "hunter2"}], "metadata": {}}
    path.write_text(json.dumps({"metadata": {"widgets": {"v": "hunter2"}}, "cells": [cell]}))
    Redactor({"a": "hunter2"}).notebook(path)
    found = json.loads(path.read_text())
    assert found["cells"][0]["source"] == "say('hunter2')"
    assert found["cells"][0]["outputs"] == [{"text": "[secret a]"}]
    assert found["metadata"]["widgets"] == {"v": "[secret a]"}


def test_without_secrets_everything_passes_as_it_is(tmp_path: Path) -> None:
    redactor, message = Redactor({}), stream("text")
    assert not redactor
    assert next(redactor.message(message)) is message
    assert redactor.text("") == ""
    redactor.notebook(tmp_path / "missing.ipynb")
