"""Values of a run reach the tasks that declare them, however that is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from galley.run.dag import BrokenProject, load_dag

from tests.galley.run.projects import single


@pytest.mark.parametrize("source", ["x, url = 1, ''", "x = url = ''", "url: str", "url = 'a=b'"])
def test_a_parameter_is_set_in_the_task_that_declares_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    single(tmp_path, (f"upstream = None\nproduct = None\n{source}", ["parameters"]), "print(url)")
    monkeypatch.chdir(tmp_path)
    (task,) = load_dag(tmp_path, {"url": "c=d"}).values()
    assert task.params["url"] == "c=d"


def test_what_no_task_declares_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single(tmp_path, ("upstream = None\nproduct = None\nn = 1", ["parameters"]), "x = 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BrokenProject, match="no task declares the parameters x in a cell tagged"):
        load_dag(tmp_path, {"x": 1})


LOADS = """
import os, sys
from pathlib import Path
from galley.run.dag import load_dag
os.chdir(sys.argv[1])
print(*load_dag(Path(sys.argv[1]), {}))
"""


def test_nothing_of_a_project_is_imported(tmp_path: Path) -> None:
    project = single(tmp_path, "x = 1")
    tells = (
        "import pathlib\n(pathlib.Path(__file__).parent / 'imported').touch()\nraise ImportError"
    )
    # What Ploomber and papermill import while they load a project, if nobody has before.
    for name in ("ipykernel", "debugpy", "jupyter_client", "telltale"):
        (project / f"{name}.py").write_text(tells)
    command = [sys.executable, "-P", "-c", LOADS, str(project)]
    loaded = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    assert loaded == "report\n"
    assert not (project / "imported").exists()
