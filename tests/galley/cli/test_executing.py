"""``galley execute``, as typed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner, Result
from galley.cli import main
from galley.run import zygotes

from tests.galley.run.conformance import Cell
from tests.galley.run.projects import notebook

pytestmark = pytest.mark.integration


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "in.ipynb"
    cells: list[Cell] = [("a = 1\nb = 'x'", ["parameters"]), "print(repr((a, b)))\nassert a != 13"]
    file.write_text(json.dumps(notebook(*cells)))
    yield file
    zygotes.own_zygotes().close()


def galley(*words: str) -> Result:
    return CliRunner().invoke(main, ["execute", *words, "--no-progress-bar"])


def printed(file: str) -> str:
    document = nbformat.read(file, as_version=4)
    outputs = [output for cell in document.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_values_are_typed_as_papermill_types_them(source: Path) -> None:
    Path("values.yaml").write_text("a: 5\nb: from a file\n")
    done = galley("in.ipynb", "out.ipynb", "-f", "values.yaml", "-p", "a", "7", "-r", "b", "8")
    assert done.exit_code == 0, done.output
    assert printed("out.ipynb") == "(7, '8')\n"


def test_a_failing_cell_says_which_and_keeps_the_notebook(source: Path) -> None:
    done = galley("in.ipynb", "out.ipynb", "-p", "a", "13")
    assert done.exit_code == 1
    assert "raised AssertionError" in done.output
    assert "13" in printed("out.ipynb")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["in.ipynb", "o.ipynb", "-p", "c", "1"], "has no parameter 'c'. Its parameters: a, b."),
        (["missing.ipynb", "o.ipynb"], "missing.ipynb"),
        (["in.ipynb", "o.ipynb", "-f", "none.yaml"], "the parameters cannot be read"),
        (["in.ipynb", "o.ipynb", "-y", "{"], "the parameters cannot be read"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(source: Path, words: list[str], says: str) -> None:
    done = galley(*words)
    assert done.exit_code == 1
    assert says in done.output
    assert not Path("o.ipynb").exists()


def test_one_can_only_inject(source: Path) -> None:
    assert galley("in.ipynb", "out.ipynb", "-p", "a", "2", "--prepare-only").exit_code == 0
    assert [cell.source for cell in nbformat.read("out.ipynb", as_version=4).cells][1].endswith(
        "a = 2\n"
    )
