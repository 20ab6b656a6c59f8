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


NO_FILE = "[Errno 2] No such file or directory: "


@pytest.mark.parametrize(
    ("source", "evalue", "message"),
    [
        (
            "pd.read_csv('data.csv')",
            NO_FILE + "'data.csv'",
            (
                "cell 1 reads data.csv, which the version does not carry; put it in a dataset "
                "(/datasets/NAME/data.csv) or write it in an earlier cell"
            ),
        ),
        (
            "np.load(NAME)",
            NO_FILE + "b'raw/x.npy'",
            (
                "cell 1 reads raw/x.npy, which the version does not carry; put it in a dataset "
                "(/datasets/NAME/x.npy) or write it in an earlier cell"
            ),
        ),
        (
            "open('/home/ada/x.csv')",
            NO_FILE + "'/home/ada/x.csv'",
            (
                "cell 1 reads /home/ada/x.csv, a path outside of the version, which a run does not "
                "have; put it in a dataset (/datasets/NAME/x.csv)"
            ),
        ),
        (
            "open('/datasets/sales/x.csv')",
            NO_FILE + "'/datasets/sales/x.csv'",
            (
                "cell 1 reads /datasets/sales/x.csv, "
                "which the dataset 'sales' does not hold, or this "
                "pipeline's tenant has no such dataset"
            ),
        ),
        (
            "open('out/x.txt', 'w')",
            NO_FILE + "'out/x.txt'",
            (
                "cell 1 writes to the folder out, which a run does not have until a cell makes it: "
                "os.makedirs('out', exist_ok=True)"
            ),
        ),
        (
            "fig.savefig('plots/a.png')",
            NO_FILE + "'plots/a.png'",
            (
                "cell 1 writes to the folder plots, "
                "which a run does not have until a cell makes it: "
                "os.makedirs('plots', exist_ok=True)"
            ),
        ),
    ],
)
def test_a_missing_file_says_where_to_put_it(source: str, evalue: str, message: str) -> None:
    made = notebook(source)
    error = explain_error(made, cell=0, ename="FileNotFoundError", evalue=evalue)
    assert error.message == message


def test_a_folder_that_pandas_misses() -> None:
    made = notebook("df.to_csv('out/x.csv')")
    evalue = "Cannot save file into a non-existent directory: 'out'"
    error = explain_error(made, cell=0, ename="OSError", evalue=evalue)
    assert "cell 1 reads out" not in error.message
    assert error.message.startswith("cell 1 writes to the folder out")


def test_a_missing_program_is_no_file() -> None:
    error = explain_error(
        notebook("import subprocess", "subprocess.run(['ffmpeg'])"),
        cell=1,
        ename="FileNotFoundError",
        evalue=NO_FILE + "'ffmpeg'",
        traceback=["File /usr/lib/python3.11/subprocess.py:1955, in Popen"],
    )
    assert error.message == (
        "cell 2 runs the program ffmpeg, which the environment of the run lacks"
    )


def test_a_cell_that_exits_says_so() -> None:
    error = explain_error(notebook("sys.exit(3)"), cell=0, ename="SystemExit", evalue="3")
    assert error.message.startswith("cell 1 ended the run with sys.exit(3)")


def test_no_network_is_told_as_that() -> None:
    evalue = "<urlopen error [Errno -2] Name or service not known>"
    error = explain_error(notebook("get()"), cell=0, ename="URLError", evalue=evalue)
    assert error.message == (
        f"cell 1 did not reach the network, which a run may not have (URLError: {evalue})"
    )
