from __future__ import annotations

from typing import Any

import pytest
from galley.notebook.explain import explain_error

from .builders import markdown, notebook

CELLS: tuple[Any, ...] = (
    markdown("# T"),
    "import pandas as pd",
    "print(df2)\nprint(later)\nhelper()",
    "if False: maybe = 1",
    "later = 1\nprint(here)\nhere = 1",
    "print(maybe)",
)


def sentence(cell: int | None, ename: str, evalue: str) -> str:
    return explain_error(notebook(*CELLS), cell=cell, ename=ename, evalue=evalue).message


@pytest.mark.parametrize(
    ("cell", "name", "words"),
    [
        (2, "df2", "cell 3 uses `df2`, which no cell of this notebook defines"),
        (
            2,
            "later",
            "cell 3 uses `later`, which only cell 5, further down, defines; a run goes from ",
        ),
        (
            5,
            "maybe",
            "cell 6 uses `maybe`, which is not defined by then although cell 4 can define it: ",
        ),
        (4, "here", "cell 5 uses `here` above the line that defines it"),
        (
            2,
            "inner",
            "cell 3 calls code that uses `inner`, which is not defined when cell 3 runs",
        ),
    ],
)
def test_a_name_error_is_explained(cell: int, name: str, words: str) -> None:
    assert sentence(cell, "NameError", f"name '{name}' is not defined").startswith(words)


@pytest.mark.parametrize(
    ("cell", "ename", "evalue", "words"),
    [
        (1, "ModuleNotFoundError", "No module named 'torch'", "cell 2 imports `torch`, which"),
        (1, "ValueError", "bad\nmore", "cell 2 raised ValueError: bad"),
        (1, "ValueError", "", "cell 2 raised ValueError"),
        (1, "MemoryError", "", "cell 2 ran out of memory"),
        (1, "KeyboardInterrupt", "", "cell 2 was interrupted"),
        (None, "DeadKernelError", "Kernel died", "the run ended with DeadKernelError: Kernel died"),
        (None, "DeadKernelError", "", "the run ended with DeadKernelError"),
    ],
)
def test_other_errors(cell: int | None, ename: str, evalue: str, words: str) -> None:
    assert sentence(cell, ename, evalue).startswith(words)
    assert "\n" not in sentence(cell, ename, evalue)


def test_long_messages_are_cut() -> None:
    assert len(sentence(1, "ValueError", "x" * 5000)) == 300


def test_the_error_carries_its_data_without_colours() -> None:
    error = explain_error(
        notebook(*CELLS),
        cell=2,
        ename="ValueError",
        evalue="\x1b[31mbad\x1b[0m \ud800",
        traceback=["\x1b[0;31m---\x1b[0m", "line"],
        task="t",
    )
    assert (error.task, error.cell, error.ename) == ("t", 2, "ValueError")
    assert error.evalue == "bad ?"
    assert error.traceback == ("---", "line")
