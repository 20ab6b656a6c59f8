"""A notebook in R as one task of a pipeline: a real kernel, real limits, the values of a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbformat
import pytest
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.work import Outcome
from galley.notebook.analysis import analyse
from galley.notebook.installed import Installed
from galley.project.build import build_project
from galley.run.journal import Journal
from galley.run.runner import Runner
from jupyter_client.kernelspec import KernelSpecManager

from tests.galley.run.jobs import make_job

R = {"name": "ir", "display_name": "R", "language": "R"}
PARAMETERS = 'n <- 5L\nlabel <- "cars"\nshare <- 0.5'

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        "ir" not in KernelSpecManager().find_kernel_specs(), reason="needs Debian's r-cran-irkernel"
    ),
]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def run(folder: Path, *cells: str, kernel: dict[str, str] | None = None, **changes: Any) -> Outcome:
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel or R})
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in (PARAMETERS, *cells)]
    notebook.cells[0].metadata["tags"] = ["parameters"]
    analysis = analyse(notebook, {}, Installed(modules={}, python="3.11"), task="cars")
    for path, data in build_project(notebook, {}, analysis, slug="cars", tenant="oncology").items():
        file = folder / "project" / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
    job = make_job(folder, **changes)
    return Runner(job, Journal(job.journal), os.environ).run()


def printed(folder: Path) -> str:
    executed = nbformat.read(folder / "attempt" / "notebooks" / "cars.ipynb", as_version=4)
    return "".join(
        output.get("text", "") for cell in executed.cells for output in cell.get("outputs", ())
    )


def test_values_arrive_as_what_they_are(tmp_path: Path) -> None:
    outcome = run(
        tmp_path,
        "cat(class(n), n, class(share), share, nchar(label), label)",
        parameters={"n": 7, "label": 'café "x" $y \\', "share": 1},
    )
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert printed(tmp_path) == 'integer 7 numeric 1 13 café "x" $y \\'
    (task,) = outcome.tasks
    assert task.kernel == "started"


def test_an_error_names_the_cell_and_is_the_users(tmp_path: Path) -> None:
    outcome = run(tmp_path, "print(n)", "stop('no fuel left')")
    assert outcome.failure_class is FailureClass.USER
    assert outcome.error is not None
    assert outcome.error.cell == 2
    assert "no fuel left" in outcome.error.message
    assert printed(tmp_path).startswith("[1] 5")


def test_memory_is_limited(tmp_path: Path) -> None:
    big = "x <- list()\nfor (i in 1:1000) x[[i]] <- runif(4e6)"
    outcome = run(tmp_path, big, memory=400 * 2**20)
    assert outcome.failure_class is FailureClass.OUT_OF_MEMORY
    assert outcome.error is not None
    assert "out of memory in cell 2" in outcome.error.message


def test_a_kernel_that_is_not_installed_is_named_with_those_that_are(tmp_path: Path) -> None:
    outcome = run(tmp_path, "1", kernel={**R, "name": "ir-9"})
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert "the kernel 'ir-9' is not installed where this runs (installed: " in (
        outcome.error.message
    )
    assert "ir, " in outcome.error.message
