"""``galley execute``, as typed."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import papermill
import pytest
from click.testing import CliRunner, Result
from galley.cli import main
from galley.run import zygotes
from galley.run.zygotes import NoZygote

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
        (["in.ipynb", "o.ipynb", "-b", "???"], "the parameters cannot be read"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(source: Path, words: list[str], says: str) -> None:
    done = galley(*words)
    assert done.exit_code == 1
    assert says in done.output
    assert not Path("o.ipynb").exists()


def test_base64_may_be_in_lines(source: Path) -> None:
    """As `base64` writes it from 57 bytes on."""
    coded = base64.encodebytes(f"b: {'long ' * 20}\n".encode()).decode()
    assert coded.count("\n") > 1
    done = galley("in.ipynb", "out.ipynb", "-b", f"  {coded}")
    assert done.exit_code == 0, done.output
    assert printed("out.ipynb") == f"(1, {('long ' * 20).strip()!r})\n"


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of; how much else is logged may be another test's doing."""
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    "cells", [["x, a = 1, 2"], ["x = a = 1"], ["a: int"], ["x = 1", "a = 2"], ["a = 'b=c'"]]
)
def test_what_papermill_injects_is_injected(
    source: Path, caplog: pytest.LogCaptureFixture, cells: list[str]
) -> None:
    """Also where papermill does not see that the notebook has it, and says so."""
    tagged: list[Cell] = [(cell, ["parameters"]) for cell in cells]
    source.write_text(json.dumps(notebook(*tagged, "print(a)")))
    peer = papermill.execute_notebook("in.ipynb", None, {"a": 7}, prepare_only=True)
    theirs = warnings_in(caplog)
    caplog.clear()
    done = galley("in.ipynb", "out.ipynb", "-p", "a", "7")
    assert done.exit_code == 0, done.output
    assert warnings_in(caplog) == theirs
    assert "Passed unknown parameter: a" in theirs
    sources = [cell.source for cell in nbformat.read("out.ipynb", as_version=4).cells]
    assert sources == [cell.source for cell in peer.cells]


@pytest.mark.parametrize("engine", ["batch", "kernel"])
def test_a_plain_kernel_is_told_whatever_the_log_shows(
    source: Path, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: object, **__: object) -> None:
        raise NoZygote("there is nothing to fork from")

    monkeypatch.setattr(zygotes.Zygotes, "fork", nothing)
    done = galley("in.ipynb", "out.ipynb", "--engine", engine, "--log-level", "CRITICAL")
    assert done.exit_code == 0, done.output
    assert done.stderr == "A plain kernel was started: there is nothing to fork from.\n"


@pytest.mark.parametrize("engine", ["batch", "kernel", "papermill"])
@pytest.mark.parametrize("how", ["os._exit(0)", "os.kill(os.getpid(), 9)"])
def test_a_kernel_that_dies_has_papermills_exit_status(source: Path, engine: str, how: str) -> None:
    source.write_text(json.dumps(notebook("print(1)", f"import os\n{how}")))
    done = galley("in.ipynb", "out.ipynb", "--engine", engine)
    assert done.exit_code == 138, done.output
    assert done.stderr.endswith("galley: in.ipynb could not be executed: Kernel died\n")
    assert printed("out.ipynb") == "1\n"


def test_a_kernel_that_dies_has_it_with_pipes_too(source: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute"],
        input=json.dumps(notebook("import os\nos._exit(0)")),
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stdout) == (138, "")


@pytest.mark.parametrize("words", [["-", "-"], ["-"], []])
def test_pipes_are_read_and_written(source: Path, words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute", *words, "-p", "a", "3"],
        input=source.read_text(),
        capture_output=True,
        check=True,
        text=True,
    )
    Path("out.ipynb").write_text(done.stdout)
    assert printed("out.ipynb") == "(3, 'x')\n"


def test_values_may_come_by_the_pipe(source: Path) -> None:
    """As from wherever else papermill reads them."""
    subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute", "in.ipynb", "out.ipynb", "-f", "-"],
        input="a: 5\n",
        check=True,
        text=True,
    )
    assert printed("out.ipynb") == "(5, 'x')\n"


def test_a_pipe_goes_into_the_only_path_that_is_named(source: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute", "out.ipynb"],
        input=source.read_text(),
        check=True,
        text=True,
    )
    assert printed("out.ipynb") == "(1, 'x')\n"


def test_a_notebook_that_is_there_is_read_whatever_the_pipe_holds(source: Path) -> None:
    """As in a loop over names that come by a pipe, in which each is executed."""
    before = source.read_text()
    done = subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute", "in.ipynb"],
        input="other.ipynb\n",
        capture_output=True,
        check=True,
        text=True,
    )
    assert (source.read_text(), done.stdout) == (before, "")


def test_without_a_pipe_a_notebook_has_to_be_named(source: Path) -> None:
    done = galley()
    assert done.exit_code == 2
    assert "Missing argument 'NOTEBOOK'" in done.output


def test_help_for_a_notebook_is_papermills(source: Path) -> None:
    done = galley("in.ipynb", "--help-notebook")
    assert done.exit_code == 0
    assert "a: Unknown type (default 1)" in done.output
    source.write_text(json.dumps(notebook("1")))
    assert galley("in.ipynb", "--help-notebook").exit_code == 1


def test_the_version_names_papermills(source: Path) -> None:
    assert f"with papermill {papermill.__version__}\n" in galley("--version").output


def test_a_value_that_is_named_goes_before_an_injected_path(source: Path) -> None:
    cells: list[Cell] = [("PAPERMILL_INPUT_PATH = ''", ["parameters"]), "PAPERMILL_INPUT_PATH"]
    source.write_text(json.dumps(notebook(*cells)))
    given = ("-r", "PAPERMILL_INPUT_PATH", "mine")
    done = galley("in.ipynb", "out.ipynb", "--inject-paths", "--prepare-only", *given)
    assert done.exit_code == 0, done.output
    assert 'PAPERMILL_INPUT_PATH = "mine"' in Path("out.ipynb").read_text().replace("\\", "")


@pytest.mark.parametrize("words", [[], ["-p", "a", "2"]])
def test_a_notebook_whose_form_is_broken_is_said_to_be(source: Path, words: list[str]) -> None:
    document = json.loads(source.read_text())
    del document["cells"][1]["metadata"]
    source.write_text(json.dumps(document))
    done = galley("in.ipynb", "out.ipynb", *words)
    assert done.exit_code == 1
    assert "in.ipynb is not a valid notebook: cell 2: 'metadata' is a required" in done.output
    assert not Path("out.ipynb").exists()


def test_an_unknown_kernel_is_refused(source: Path) -> None:
    done = galley("in.ipynb", "out.ipynb", "-k", "nosuch")
    assert done.exit_code == 1
    assert "the kernel 'nosuch' is not installed" in done.output


def test_a_command_line_of_papermill_means_the_same(source: Path) -> None:
    """Its long names, and its order: Base64, files, YAML, each before what is named by itself."""
    Path("values.yaml").write_text("a: 3\nb: 2026-01-02\n")
    coded = base64.b64encode(b"{a: 2, b: coded}").decode()
    words = [
        *("in.ipynb", "out.ipynb", "--parameters_yaml", "a: 4", "--parameters_base64", coded),
        *("--parameters_file", "values.yaml", "--no-report-mode", "--prepare-execute"),
        *("--start_timeout", "30", "--no-request-save-on-cell-execute", "--log-level", "ERROR"),
        *("--language", "python", "--inject-paths"),
        *("--stdout-file", "printed.txt", "--stderr-file", "warned.txt"),
    ]
    done = galley(*words)
    assert done.exit_code == 0, done.output
    assert printed("out.ipynb") == Path("printed.txt").read_text() == "(4, '2026-01-02')\n"
    injected = nbformat.read("out.ipynb", as_version=4).cells[1].source
    assert 'PAPERMILL_INPUT_PATH = "in.ipynb"\nPAPERMILL_OUTPUT_PATH = "out.ipynb"' in injected


@pytest.mark.parametrize(
    "words",
    [
        *(["--execution-timeout", seconds] for seconds in ("0", "-1")),
        *(["--autosave-cell-every", seconds] for seconds in ("0", "-1")),
        *(["--start-timeout", seconds] for seconds in ("0", "-1")),
    ],
)
def test_seconds_that_are_none_mean_what_they_mean_to_papermill(
    source: Path, words: list[str]
) -> None:
    done = galley("in.ipynb", "out.ipynb", *words)
    assert done.exit_code == 0, done.output
    assert printed("out.ipynb") == "(1, 'x')\n"


@pytest.mark.parametrize("shown", [True, False])
def test_what_cells_print_can_be_seen_as_well(source: Path, shown: bool) -> None:
    words = ["in.ipynb", "out.ipynb", "--log-output" if shown else "--no-log-output"]
    said = subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute", *words],
        check=True,
        stderr=subprocess.PIPE,
        text=True,
    ).stderr
    assert ("(1, 'x')" in said) == shown


def test_one_can_only_inject(source: Path) -> None:
    assert galley("in.ipynb", "out.ipynb", "-p", "a", "2", "--prepare-only").exit_code == 0
    assert [cell.source for cell in nbformat.read("out.ipynb", as_version=4).cells][1].endswith(
        "a = 2\n"
    )
