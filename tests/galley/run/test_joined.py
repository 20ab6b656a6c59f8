from __future__ import annotations

from typing import Any

import pytest
from galley.inside.outbox.redact import Values
from galley.run.joined import clean_streams, lists_in

VALUES = Values({"a": "hunter2", "b": "correct horse"})


def stream(text: object, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def texts(*outputs: dict[str, Any]) -> list[Any]:
    clean_streams(VALUES, list(outputs))
    return [output.get("text") for output in outputs]


def test_the_parts_of_a_value_are_marked_where_it_begins() -> None:
    outputs = (stream("x hun"), stream("50%", "stderr"), stream("ter2\ny"))
    assert texts(*outputs) == ["x [secret a]", "50%", "\ny"]


def test_one_in_many_parts_and_the_next_one_right_behind_it() -> None:
    letters = [stream(letter) for letter in "hunter2correct horse!"]
    assert texts(*letters) == [
        "[secret a]", "", "", "", "", "", "", "[secret b]", *([""] * 12), "!"
    ]  # fmt: skip


def test_one_that_ends_where_the_next_begins_in_one_output() -> None:
    assert texts(stream("hunt"), stream("er2 correct"), stream(" horse hunter2")) == [
        "[secret a]", " [secret b]", " [secret a]"
    ]  # fmt: skip


def test_text_in_lines_stays_in_lines() -> None:
    outputs = (stream(["one\n", "hun"]), stream(["ter2\n", "two\n"]))
    assert texts(*outputs) == [["one\n", "[secret a]"], ["\n", "two\n"]]


def test_streams_are_not_mixed_up() -> None:
    outputs = (stream("hun"), stream("ter2", "stderr"))
    assert texts(*outputs) == ["hun", "ter2"]


@pytest.mark.parametrize(
    "other", [{}, stream(1), stream([1]), {"text": ["ter2"]}, {"output_type": "stream"}]
)
def test_what_is_no_stream_is_left(other: dict[str, Any]) -> None:
    outputs = [stream("hun"), "ter2", None, dict(other), stream(["ter2"])]
    clean_streams(VALUES, outputs)
    assert outputs == [stream("[secret a]"), "ter2", None, other, stream([])]


def test_lists_are_found_wherever_they_are() -> None:
    tree = {"a": [1, {"b": [2]}], "c": {"d": []}, "e": "text"}
    assert list(lists_in(tree)) == [[1, {"b": [2]}], [2], []]
