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


def comm(**state: Any) -> dict[str, Any]:
    return {"msg_type": "comm_msg", "content": {"comm_id": "1", "data": {"state": state}}}


UPDATE = {"msg_type": "update_display_data", "content": {"data": {}, "metadata": {}}}


@pytest.mark.parametrize("between", [comm(value=5), UPDATE, {**comm(), "msg_type": "comm_open"}])
def test_what_puts_nothing_out_does_not_end_the_wait_for_the_rest_of_a_value(
    between: dict[str, Any],
) -> None:
    redactor = Redactor({"a": "hunter2"})
    assert shown(redactor, stream("hunt"), between, stream("er2"), status()) == "[secret a]"
    passed = [one for message in (stream("hunt"), between) for one in redactor.message(message)]
    assert passed == [between]


def test_what_an_output_widget_takes_from_there_on_was_not_printed_before() -> None:
    redactor = Redactor({"a": "hunter2"})
    messages = (stream("hunt"), comm(msg_id="2"), stream("er"))
    passed = [one for message in messages for one in redactor.message(message)]
    assert passed == list(messages)


@pytest.mark.parametrize("data", [None, "state", {"state": "msg_id"}, {"state": ["msg_id"]}])
def test_what_is_told_of_no_widget_can_be_anything(data: Any) -> None:
    message = {"msg_type": "comm_msg", "content": {"comm_id": "1", "data": data}}
    assert list(Redactor({"a": "hunter2"}).message(message)) == [message]


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


def test_an_executed_notebook_has_no_value_in_parts_either(tmp_path: Path) -> None:
    def printed(text: str | list[str], name: str = "stdout") -> dict[str, Any]:
        return {"output_type": "stream", "name": name, "text": text}

    first = [printed(["x\n", "hun"]), printed("50%", "stderr"), printed(["ter2\n"]), printed("hun")]
    widget = {"state": {"outputs": [printed("hun"), printed("50%", "stderr"), printed("ter2")]}}
    cells = [{"source": "", "outputs": first}, {"source": "text"}, {"outputs": [printed("ter2")]}]
    path = tmp_path / "out.ipynb"
    path.write_text(
        json.dumps({"metadata": {"widgets": {"v": {"state": {"1": widget}}}}, "cells": cells})
    )
    Redactor({"a": "hunter2"}).notebook(path)
    found = json.loads(path.read_text())
    assert [output["text"] for output in found["cells"][0]["outputs"]] == [
        ["x\n", "[secret a]"], "50%", ["\n"], "[secret a]"
    ]  # fmt: skip
    assert found["cells"][2]["outputs"] == [printed("")]
    outputs = found["metadata"]["widgets"]["v"]["state"]["1"]["state"]["outputs"]
    assert [output["text"] for output in outputs] == ["[secret a]", "50%", ""]


def test_without_secrets_everything_passes_as_it_is(tmp_path: Path) -> None:
    redactor, message = Redactor({}), stream("text")
    assert not redactor
    assert next(redactor.message(message)) is message
    assert redactor.text("") == ""
    outputs = [{"output_type": "stream", "name": "stdout", "text": text} for text in "ab"]
    redactor.outputs(outputs)
    assert [output["text"] for output in outputs] == ["a", "b"]
    redactor.notebook(tmp_path / "missing.ipynb")
