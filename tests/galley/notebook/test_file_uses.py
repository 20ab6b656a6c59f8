from __future__ import annotations

import pytest
from galley.notebook.analysis import analyse

from .builders import INSTALLED, code, notebook


def uses(*cells: str) -> list[tuple[str | None, str, int, int]]:
    found = analyse(notebook(*cells), {}, INSTALLED).files
    return [(one.path, one.mode, one.cell, one.line) for one in found]


@pytest.mark.parametrize(
    ("source", "path", "mode"),
    [
        ("import pandas as pd\nd = pd.read_csv('a.csv')", "a.csv", "read"),
        ("import pandas as pd\npd.DataFrame().to_parquet('b.parquet')", "b.parquet", "write"),
        ("import numpy as np\na = np.load('c.npy')", "c.npy", "read"),
        ("open('d.txt')", "d.txt", "read"),
        ("open('d.txt', 'w')", "d.txt", "write"),
        ("from pathlib import Path\nPath('e.txt').write_text('x')", "e.txt", "write"),
        ("import joblib\nm = joblib.load('f.joblib')", "f.joblib", "read"),
        ("import pyarrow.parquet as pq\nt = pq.read_table('g.parquet')", "g.parquet", "read"),
    ],
)
def test_a_file_by_its_path(source: str, path: str, mode: str) -> None:
    last = source.count("\n") + 1
    assert uses(source) == [(path, mode, 0, last)]


def test_a_path_that_is_known_only_when_it_runs() -> None:
    assert uses("name = input()", "open(name)") == [(None, "read", 1, 1)]


def test_in_a_function_it_counts_where_the_function_is_called() -> None:
    assert uses("def keep():\n    open('a', 'w')", "1 + 1", "keep()") == [("a", "write", 2, 1)]


def test_a_notebook_that_uses_none() -> None:
    assert uses("a = 1", "print(a)") == []
    made = analyse(notebook(code("x = 1", "parameters"), "x"), {}, INSTALLED)
    assert made.files == ()
