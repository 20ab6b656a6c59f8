"""What forks runners does beforehand what takes time the first time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from galley.run import __main__ as program

from tests.galley.run.projects import notebook, write_project

LOADS = """
import os, sys
from pathlib import Path
from galley.run.dag import load_dag
from galley.run.warm import warm_up
project, warm = Path(sys.argv[1]), sys.argv[2]
os.chdir(project)
if warm == "warm":
    warm_up()
assert Path.cwd() == project
known = set(sys.modules)
load_dag(project, {})
print(*(one for one in set(sys.modules) - known if not one.startswith("encodings.")))
"""


@pytest.mark.parametrize("warm", ["warm", "cold"])
def test_after_it_a_project_loads_without_what_is_done_the_first_time(
    tmp_path: Path, warm: str
) -> None:
    project = write_project(tmp_path / "project", {"only": {"notebook": notebook("1 + 1")}})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    loaded = subprocess.run(
        [sys.executable, "-c", LOADS, project, warm],
        env={**os.environ, "TMPDIR": str(temporary)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split()
    assert bool(loaded) == (warm == "cold")
    assert list(temporary.iterdir()) == []


def test_where_that_fails_it_is_said_and_jobs_do_without(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def warm_up() -> None:
        raise OSError("no space left")

    monkeypatch.setattr("galley.run.warm.warm_up", warm_up)
    program.warmed_up()
    assert "could not be warmed up: OSError('no space left')" in capsys.readouterr().err
