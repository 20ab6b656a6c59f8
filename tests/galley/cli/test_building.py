"""`galley build`: no service, the whole way from a file to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from galley.cli import main
from galley.cli.plans import located
from galley.domain.versions import Check, Severity

from tests.galley.cli.test_root import run_without_extras

SPLIT: tuple[tuple[str, str, list[str]], ...] = (
    ("markdown", "# Report", []),
    ("code", "import helpers\n\ndef double(x):\n    return helpers.twice(x)", []),
    ("code", "n = 5  # how many\nfactor = 2", ["parameters"]),
    ("markdown", "## Load", []),
    ("code", "data = list(range(n))\nopen('data/a.csv').close()", []),
    ("markdown", "## Left", []),
    ("code", "left = double(sum(data))\nprint(left)", []),
    ("markdown", "## Right", []),
    ("code", "right = max(data) * factor", []),
    ("markdown", "## Join", []),
    ("code", "print(left + right)", []),
)


def document(*cells: tuple[str, str, list[str]], language: str = "python") -> dict[str, Any]:
    kernel = {"name": "k", "language": language, "display_name": "K"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel, "language_info": {"name": language}},
        "cells": [
            {
                "cell_type": kind,
                "id": f"c{number}",
                "metadata": {"tags": tags},
                "source": source,
                **({"outputs": [], "execution_count": None} if kind == "code" else {}),
            }
            for number, (kind, source, tags) in enumerate(cells)
        ],
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "helpers.py").write_text("def twice(x):\n    return 2 * x\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a")
    save(tmp_path / "report.ipynb", document(*SPLIT))
    return tmp_path


def save(path: Path, content: Any) -> None:
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def build(*words: str) -> Result:
    return CliRunner().invoke(main, ["build", *words], env={"COLUMNS": "200"})


def graph(folder: Path) -> dict[str, list[str]]:
    tasks = yaml.safe_load((folder / "pipeline.yaml").read_text())["tasks"]
    return {task["name"]: task.get("upstream", []) for task in tasks}


def test_it_writes_the_split_and_says_that_it_is_not_proved(home: Path) -> None:
    done = build("report.ipynb", "--output", "out", "-p", "n", "7")
    assert done.exit_code == 0, done.output
    assert "data of load" in done.stdout
    assert "the split is not proved" in done.stdout
    assert "data/a.csv beside the notebook" in done.stdout
    assert graph(home / "out") == {
        "load": [],
        "left": ["load"],
        "right": ["load"],
        "join": ["left", "right"],
    }
    assert yaml.safe_load((home / "out" / "env.yaml").read_text()) == {"n": 7, "factor": 2}
    assert (home / "out" / "helpers.py").is_file()
    assert not (home / "out" / "proof.json").exists()
    before = (home / "out" / "tasks" / "left.ipynb").read_bytes()
    assert build("report.ipynb", "--output", "out").exit_code == 0
    assert (home / "out" / "tasks" / "left.ipynb").read_bytes() == before


def test_a_layout_asks_for_other_tasks(home: Path) -> None:
    layout = {"tasks": [{"name": "first", "cells": [0, 1, 2, 3, 4]}]}
    layout["tasks"].append({"name": "rest", "cells": [5, 6, 7, 8, 9, 10]})
    save(home / "layout.yaml", yaml.safe_dump(layout))
    done = build("report.ipynb", "-o", "out", "--layout", "layout.yaml", "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["tasks"], said["proved"], said["proof"]) == (["first", "rest"], False, None)
    assert said["reads"] == ["data/a.csv"]
    assert [one["name"] for one in said["split"]["crossings"]] == ["data"]
    assert graph(home / "out") == {"first": [], "rest": ["first"]}


@pytest.mark.integration
def test_a_proved_split_is_written_with_its_proof(home: Path) -> None:
    done = build("report.ipynb", "-o", "out", "--prove")
    assert done.exit_code == 0, done.output
    assert "proved equal" in done.stdout
    assert "not proved" not in done.stdout
    assert json.loads((home / "out" / "proof.json").read_text())["state"] == "equal"
    assert len(graph(home / "out")) == 4


@pytest.mark.integration
def test_a_notebook_that_does_not_run_is_an_error_that_names_the_cell(home: Path) -> None:
    save(home / "bad.ipynb", document(*SPLIT[:-1], ("code", "1 / (left - left)", [])))
    done = build("bad.ipynb", "-o", "out", "--prove")
    assert done.exit_code == 1
    assert "bad.ipynb: the notebook does not run" in done.stderr
    assert "cell 11 raised ZeroDivisionError" in done.stderr
    assert not (home / "out").exists()


@pytest.mark.integration
def test_a_cell_that_never_ends_is_an_error_that_names_it(home: Path) -> None:
    save(home / "endless.ipynb", document(*SPLIT[:-1], ("code", "while left:\n    pass", [])))
    done = build("endless.ipynb", "-o", "out", "--prove", "--cell-timeout", "2")
    assert done.exit_code == 1
    assert "cell 11" in done.stderr
    assert "2 s" in done.stderr
    assert not (home / "out").exists()


def test_another_language_is_one_task_with_its_own_kernel(home: Path) -> None:
    save(home / "r.ipynb", document(("code", "x <- 1", []), language="R"))
    done = build("r.ipynb", "-o", "out")
    assert done.exit_code == 0, done.output
    assert "one task: its kernel speaks R" in done.stdout
    made = json.loads((home / "out" / "tasks" / "r.ipynb").read_text())
    assert made["metadata"]["kernelspec"]["language"] == "R"
    assert made["cells"][0]["source"] == "x <- 1"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("not json", "bad.ipynb is not a notebook"),
        ({"nbformat": 3, "worksheets": []}, "bad.ipynb is a notebook of nbformat 3"),
        ({"nbformat": 4}, "bad.ipynb is not a notebook"),
        (document(), "bad.ipynb: it has no cell with code"),
        (document(("markdown", "# Only text", [])), "bad.ipynb: it has no cell with code"),
        (document(("code", "x = 1", []), ("code", "x = = 1", [])), "bad.ipynb: cell 2"),
    ],
)
def test_bad_input_names_the_file_and_writes_nothing(home: Path, content: Any, says: str) -> None:
    save(home / "bad.ipynb", content)
    done = build("bad.ipynb", "-o", "out")
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("galley: ")
    assert says in done.stderr
    assert not (home / "out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("missing.ipynb",), "there is no notebook 'missing.ipynb'"),
        (("data",), "data is a folder, not a notebook"),
        (("report.ipynb", "-p", "m", "1"), "report.ipynb: 'm' is not a parameter"),
        (("report.ipynb", "--layout", "no.json"), "no.json cannot be read"),
        (("report.ipynb", "--layout", "helpers.py"), "--layout: "),
        (("report.ipynb", "-o", "data"), "data is not empty"),
    ],
)
def test_wrong_words_are_refused(home: Path, words: tuple[str, ...], says: str) -> None:
    done = build("-o", "out", *words)
    assert done.exit_code == 1, done.output
    assert says in done.stderr
    assert not (home / "out").exists()
    assert [path.name for path in (home / "data").iterdir()] == ["a.csv"]


def test_a_clients_installation_says_what_it_lacks(home: Path) -> None:
    done = run_without_extras("build", "report.ipynb", "-o", "out")
    assert done.returncode == 1
    assert "pip install 'galley[runner]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / "out").exists()


@pytest.mark.parametrize(
    ("cell", "message", "said"),
    [
        (1, "cell 2 imports `x`", "cell 2 imports `x`"),
        (0, "cell 11 is better", "cell 1: cell 11 is better"),
        (None, "all is lost", "all is lost"),
    ],
)
def test_a_check_names_its_cell_once(cell: int | None, message: str, said: str) -> None:
    check = Check(code="c", severity=Severity.ERROR, cell=cell, message=message)
    assert located(check) == said
