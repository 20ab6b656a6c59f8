from __future__ import annotations

import ast

import pytest
from galley.errors import InvalidInput
from galley.notebook.source import parse, read_cells, title_of
from IPython.core.inputtransformer2 import TransformerManager

from .builders import code, markdown, notebook


def lines_of(source: str) -> list[int]:
    tree = parse(source).tree
    assert tree is not None
    return [statement.lineno for statement in tree.body]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("a = 1\nb = 2", [1, 2]),
        ("\n\n  \na = 1", [4]),
        ("%%time\na = 1\n\nb = 2", [2, 4]),
        ("\n%%capture out\n\n%%time\na = 1", [5]),
        ("%matplotlib inline\na = !ls\nawait b\nb?", [1, 2, 3, 4]),
    ],
)
def test_lines_are_those_of_the_cell(source: str, lines: list[int]) -> None:
    assert lines_of(source) == lines


def test_other_languages_are_not_read() -> None:
    code = parse("%%bash\nfor x in $(ls); do echo $x; done")
    assert (code.magic, code.error) == ("bash", None)
    assert code.tree is not None
    assert code.tree.body == []


def test_body_magics_keep_their_argument() -> None:
    code = parse("%%capture captured --no-stderr\nx = 1")
    assert (code.magic, code.argument) == ("capture", "captured --no-stderr")
    assert isinstance(code.tree, ast.Module)


def test_a_syntax_error_names_the_line_of_the_cell() -> None:
    code = parse("\n%%time\na = 1\nb = (")
    assert code.tree is None
    assert code.error is not None
    assert code.error[1] == 4
    assert "never closed" in code.error[0]


def test_null_bytes_are_an_error_and_no_crash() -> None:
    assert parse("a = '\x00'").error is not None


def test_sources_may_be_lists_of_lines() -> None:
    cells = read_cells(notebook(code(["a = 1\n", "b = 2"])))
    assert cells[0].source == "a = 1\nb = 2"


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"nbformat": 3, "worksheets": []}, "nbformat is 3"),
        ({}, "nbformat is None"),
        ({"nbformat": 4, "metadata": [], "cells": []}, "metadata"),
        ({"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "sql"}]}, "cell 1 .*'sql'"),
        ({"nbformat": 4, "metadata": {}, "cells": [3]}, "cell 1 .*'int'"),
        (notebook(code(3)), "source of cell 1 is not text"),
        (notebook("", code("a = '\ud800'")), "cell 2 .*UTF-8"),
        (notebook(code("", outputs={})), "outputs of cell 1"),
        (notebook(code("", metadata={"tags": "parameters"})), "tags of cell 1"),
    ],
)
def test_what_is_not_a_notebook_is_refused_by_name(made: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        read_cells(made)
    assert caught.value.field == "notebook"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Breast *cancer*: [score](http://x) #", "Breast cancer: score"),
        ("words\n\n## Second level", "Second level"),
        ("```\n# a comment\n```\n# `Title`", "Title"),
        ("no heading", None),
        ("#hashtag", None),
    ],
)
def test_the_title_is_the_first_heading(text: str, title: str | None) -> None:
    assert title_of(read_cells(notebook("# code", markdown(text)))) == title


@pytest.mark.parametrize(
    "source",
    [
        'x = """a\n  \nb"""',
        "In [1]: x = 1",
        ">>> x = 1",
        "    x = 1\n    y = 2",
        "x = 1 # what?",
        "a = (\n  5\n  %b\n)",
        "%matplotlib inline\nif a:\n    !ls {b}\n    n, m = !ls\nx = %time y",
        '%time a\nb = """\n%time c\n!ls\n"""',
        "%time a\nb = (\n5\n%c\n)",
        "!echo a \\\nb\n!ls",
        "%time a\nb?\n%c?",
        "!!ls\n!l\n%ls\n%a %b\nx = 5 %a\n%timeit -n 5 a = {'b': 5}  # c",
    ],
)
def test_cells_are_read_as_ipython_reads_them(source: str) -> None:
    python = TransformerManager().transform_cell(source)  # type: ignore[no-untyped-call]
    tree = parse(source).tree
    assert tree is not None
    assert ast.dump(tree) == ast.dump(ast.parse(python))
