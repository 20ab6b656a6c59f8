"""A spare runner does beforehand what takes time the first time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


FAILS = """
import sys
from galley.run import __main__, warm

def warm_up():
    raise OSError("no space left")

warm.warm_up = warm_up
__main__._prepare()
print("waits for a job")
"""


@pytest.mark.parametrize("job_waits", [False, True])
def test_a_spare_runner_that_cannot_be_warmed_up_says_so_and_waits_all_the_same(
    job_waits: bool,
) -> None:
    """And one that has its job already goes at it at once."""
    spare = subprocess.Popen(
        [sys.executable, "-c", FAILS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert spare.stdin is not None
    assert spare.stdout is not None
    if job_waits:
        spare.stdin.write("job.json\n")
        spare.stdin.flush()
    assert spare.stdout.readline() == "waits for a job\n"
    _, said = spare.communicate()
    assert ("could not be warmed up: OSError('no space left')" in said) != job_waits
