"""What is not a notebook is told by what it is."""

from __future__ import annotations

import json

import pytest
from galley.domain.documents import parse_notebook
from galley.errors import InvalidInput

NOTEBOOK = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}


def test_a_notebook_is_read_with_and_without_a_byte_order_mark() -> None:
    data = json.dumps(NOTEBOOK).encode()
    assert parse_notebook(data, "x.ipynb") == NOTEBOOK
    assert parse_notebook(b"\xef\xbb\xbf" + data, "x.ipynb") == NOTEBOOK


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b" \n", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "binary file"),
        (b"<!DOCTYPE html><html></html>", "HTML or XML"),
        (b"\n<html><body>404</body></html>", "HTML or XML"),
        (b"x = 1", "not valid JSON"),
        (b'{"nbformat": 4,', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON .*nested too deeply"),
        (b"[]", "a JSON list"),
        (b'"text"', "a JSON str"),
        (b"null", "a JSON NoneType"),
        (b"{}", "nbformat is None and must be 4"),
        (b'{"nbformat": 5, "cells": []}', "nbformat is 5 and must be 4"),
        (b'{"nbformat": "4", "cells": []}', "nbformat is '4' and must be 4"),
        (b'{"nbformat": 4, "cells": {}}', "no list of cells"),
    ],
)
def test_what_is_not_a_notebook_is_told(data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        parse_notebook(data, "x.ipynb")
    assert caught.value.field == "notebook"
    assert caught.value.detail.startswith("x.ipynb is not a notebook")


def test_an_old_notebook_is_told_how_to_convert_it() -> None:
    old = {"nbformat": 3, "worksheets": [{"cells": []}], "metadata": {"name": ""}}
    with pytest.raises(InvalidInput, match=r"x\.ipynb is a notebook of nbformat 3 .*nbconvert"):
        parse_notebook(json.dumps(old).encode(), "x.ipynb")
