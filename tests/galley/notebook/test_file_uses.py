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
        ("import pandas as pd\npd.DataFrame().to_stata('h.dta')", "h.dta", "write"),
        ("import pandas as pd\npd.DataFrame().to_xml('h.xml')", "h.xml", "write"),
        ("import pandas as pd\ns = pd.HDFStore('h.h5')", "h.h5", "write"),
        ("import pandas as pd\ns = pd.HDFStore('h.h5', mode='r')", "h.h5", "read"),
        ("import pandas as pd\nw = pd.ExcelWriter('h.xlsx')", "h.xlsx", "write"),
        ("import pandas as pd\npd.DataFrame().to_sql('t', 'sqlite:///h.db')", "h.db", "write"),
        ("import pandas as pd\nd = pd.read_sql('t', con='sqlite:///h.db')", "h.db", "read"),
        ("import sqlalchemy as sa\ne = sa.create_engine('sqlite:///h.db')", "h.db", "write"),
        ("import numpy as np\nm = np.memmap('i.bin', dtype='f8', mode='w+')", "i.bin", "write"),
        ("import numpy as np\nm = np.memmap('i.bin', 'f8')", "i.bin", "write"),
        ("import numpy as np\nm = np.memmap('i.bin', 'f8', 'r')", "i.bin", "read"),
        ("import lzma\nf = lzma.open('j.xz', 'wb')", "j.xz", "write"),
        ("import tarfile\nf = tarfile.open('j.tar', 'r:gz')", "j.tar", "read"),
        ("import shelve\nf = shelve.open('k')", "k", "write"),
        ("import pyarrow.parquet as pq\npq.write_to_dataset(1, 'l')", "l", "write"),
        ("import pyarrow.dataset as ds\nds.write_dataset(1, base_dir='l')", "l", "write"),
        ("import pyarrow.dataset as ds\nd = ds.dataset('l')", "l", "read"),
        ("import polars as pl\npl.LazyFrame().sink_parquet('m.parquet')", "m.parquet", "write"),
        ("import polars as pl\nd = pl.scan_ndjson('m.json')", "m.json", "read"),
        ("import logging\nlogging.basicConfig(filename='n.log')", "n.log", "write"),
        ("import xgboost as xgb\nb = xgb.Booster()\nb.load_model('o.json')", "o.json", "read"),
    ],
)
def test_a_file_by_its_path(source: str, path: str, mode: str) -> None:
    last = source.count("\n") + 1
    assert uses(source) == [(path, mode, 0, last)]


def test_a_path_that_is_known_only_when_it_runs() -> None:
    assert uses("name = input()", "open(name)") == [(None, "read", 1, 1)]


def test_in_a_function_it_counts_where_the_function_is_called() -> None:
    assert uses("def keep():\n    open('a', 'w')", "1 + 1", "keep()") == [("a", "write", 2, 1)]


@pytest.mark.parametrize(
    "source",
    [
        "import logging\nlogging.basicConfig(level=logging.INFO)",
        "import pandas as pd\nd = pd.read_sql('t', 'postgresql://host/db')",
        "import pandas as pd\nt = pd.DataFrame().to_xml()",
    ],
)
def test_no_file(source: str) -> None:
    assert uses(source) == []


def test_a_notebook_that_uses_none() -> None:
    assert uses("a = 1", "print(a)") == []
    made = analyse(notebook(code("x = 1", "parameters"), "x"), {}, INSTALLED)
    assert made.files == ()
