"""Incremental runs execute what has changed, take over the rest, and say so."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.work import Outcome
from galley.locking import Lock
from galley.run import incremental
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.locked import Locked
from galley.run.runner import Runner

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import notebook, write_project

pytestmark = pytest.mark.integration

LOCK = Lock(python="3.11", platform="linux", of_platform=True, packages=())
FAILED = AttemptState.FAILED


class Pipeline:
    """Runs of ``load`` → ``fit`` → ``report`` and ``load`` → ``plot``, as one host makes them.

    Each task writes its name to ``executed.txt``, which is outside of the project.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.jobs: list[Job] = []
        self.outcome: Outcome

    def run(
        self,
        *,
        parameters: dict[str, Any] | None = None,
        helper: str = "",
        beside: str = "",
        lock: Lock | None = LOCK,
        job: dict[str, Any] | None = None,
        **code: str,
    ) -> str:
        """Run it; return the names of the tasks that were executed."""
        folder = self.folder / f"attempt{len(self.jobs) + 1}"
        upstream = {"load": None, "fit": "load", "report": "fit", "plot": "load"}
        tasks = {
            name: self._task(name, before, code.get(name, "")) for name, before in upstream.items()
        }
        write_project(folder / "project", tasks)
        (folder / "project" / "helper.py").write_text(helper)
        (folder / "project" / "helper.ipynb").write_text(beside)
        changes = {"kind": RunKind.PIPELINE, "results": self.folder / "results", **(job or {})}
        made = make_job(folder, parameters={"n": 1, "rounds": 1, **(parameters or {})}, **changes)
        self.jobs.append(made)
        self.monkeypatch.chdir(made.project)
        self._executed.write_text("")
        runner = Runner(made, Journal(made.journal), os.environ, Locked(lock))
        self.outcome = runner.run()
        return self._executed.read_text().strip()

    @property
    def _executed(self) -> Path:
        return self.folder / "executed.txt"

    def _task(self, name: str, upstream: str | None, code: str) -> dict[str, Any]:
        wants = {"load": "n = 0", "fit": "rounds = 0"}.get(name, "")
        head = f"upstream = {[upstream] if upstream else None}\nproduct = None\n{wants}"
        body = (
            "from pathlib import Path\n"
            f"with open({str(self._executed)!r}, 'a') as file:\n    file.write({name + ' '!r})\n"
            f"Path(product['made']).write_text({name!r})"
        )
        cells = notebook((head, ["parameters"]), body, code)
        return {"notebook": cells, "products": {"made": f"output/{name}.txt"}}

    @property
    def log(self) -> str:
        return (self.jobs[-1].journal / "attempt.log").read_text()

    def said_of(self, task: str) -> str:
        (line,) = [line for line in self.log.splitlines() if f"| task '{task}' is" in line]
        return line.partition(" is ")[2]


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    return Pipeline(tmp_path, monkeypatch)


def test_a_run_of_the_same_executes_nothing_and_says_so(pipeline: Pipeline) -> None:
    assert pipeline.run() == "load fit plot report"
    assert pipeline.said_of("fit") == "executed: no earlier incremental run has left it"
    first = pipeline.jobs[0].run
    assert pipeline.run() == ""
    assert pipeline.outcome.state is AttemptState.SUCCEEDED
    assert {task.name: task.reused_run for task in pipeline.outcome.tasks} == dict.fromkeys(
        ("load", "fit", "report", "plot"), first
    )
    assert all(task.state is TaskState.SUCCEEDED for task in pipeline.outcome.tasks)
    assert pipeline.said_of("fit") == (
        f"not executed: run {first} made the same from the same source, parameters, modules, "
        "environment and upstream tasks"
    )
    project, notebooks = pipeline.jobs[-1].project, pipeline.jobs[-1].notebooks
    assert (project / "output" / "report.txt").read_text() == "report"
    assert (notebooks / "report.ipynb").exists()


CHANGES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "source": ({"fit": "1 + 1"}, "fit report", "fit", "its source has changed"),
    "parameters": (
        {"parameters": {"rounds": 2}},
        "fit report",
        "fit",
        "its parameters have changed",
    ),
    "a first one": (
        {"load": "1"},
        "load fit plot report",
        "plot",
        "a task before it has other products",
    ),
    "modules": (
        {"helper": "x = 1"},
        "load fit plot report",
        "load",
        "a module or another file of the project has changed",
    ),
    "notebooks beside": (
        {"beside": "x = 1"},
        "load fit plot report",
        "load",
        "a module or another file of the project has changed",
    ),
    "environment": (
        {"lock": LOCK.model_copy(update={"python": "3.12"})},
        "load fit plot report",
        "load",
        "the environment has changed",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_executed_with_what_follows_from_it_and_it_is_said_why(
    pipeline: Pipeline, change: str
) -> None:
    changes, executed, task, why = CHANGES[change]
    pipeline.run()
    assert pipeline.run(**changes) == executed
    assert pipeline.said_of(task).startswith(f"executed: since run {pipeline.jobs[0].run}, ")
    assert why in pipeline.said_of(task)
    assert pipeline.run(**changes) == ""
    assert pipeline.run() == "", "what was made before the change is there still"


def test_other_runs_take_over_nothing_and_leave_nothing(pipeline: Pipeline) -> None:
    plain = {"results": None}
    pipeline.run(job=plain)
    assert pipeline.run() == "load fit plot report"
    assert pipeline.run(job=plain) == "load fit plot report"


def test_another_pipeline_takes_over_nothing(pipeline: Pipeline) -> None:
    pipeline.run()
    assert pipeline.run(job={"pipeline": "another"}) == "load fit plot report"


def test_the_next_attempt_of_an_incremental_run_takes_over_what_its_first_one_made(
    pipeline: Pipeline,
) -> None:
    same = uuid.uuid4()
    ready = f"assert Path({str(pipeline.folder / 'ready')!r}).exists()"
    pipeline.run(report=ready, job={"run": same})
    assert pipeline.outcome.state is FAILED
    (pipeline.folder / "ready").touch()
    assert pipeline.run(report=ready, job={"run": same, "number": 2}) == "report"
    load = pipeline.outcome.tasks[0]
    assert (load.reused_from, load.reused_run) == (1, None)
    assert pipeline.said_of("load").startswith("not executed: attempt 1 of this run made the same")


def test_a_notebook_that_fails_after_tasks_that_were_taken_over_says_which(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    pipeline.run(report="1 / 0")
    error = pipeline.outcome.error
    assert pipeline.outcome.failure_class is FailureClass.USER
    assert error is not None
    assert error.message.endswith(
        "The tasks 'fit', 'load', 'plot' were not executed: where they leave something outside of "
        "their products, run it without --incremental"
    )


def test_what_follows_a_file_that_is_no_product_is_executed_each_time(pipeline: Pipeline) -> None:
    stray = "Path('aside.txt').write_text('x')"
    pipeline.run(fit=stray)
    assert "a notebook wrote 'aside.txt', which is no product" in pipeline.log
    again = pipeline.run(fit=stray)
    assert "fit" in again
    assert "report" in again


def test_what_follows_at_any_distance_a_file_that_is_no_product_is_executed(
    pipeline: Pipeline,
) -> None:
    pipeline.run(load="Path('aside.txt').write_text('x')")
    assert pipeline.outcome.state is AttemptState.SUCCEEDED, pipeline.outcome.error
    again = pipeline.run(load="Path('aside.txt').write_text('x')")
    assert again == "load fit plot report"


def test_once_a_file_that_is_no_product_was_written_nothing_more_is_taken_over(
    pipeline: Pipeline,
) -> None:
    pipeline.run()
    assert pipeline.run(fit="Path('aside.txt').write_text('x')") == "fit plot report"
    assert "a notebook wrote 'aside.txt', which is no product" in pipeline.log
    assert "report" in pipeline.run(fit="Path('aside.txt').write_text('x')")


def test_products_are_not_placed_where_a_link_leads(pipeline: Pipeline) -> None:
    host = pipeline.folder / "host"
    host.mkdir()
    away = (
        f"import os\nos.rename('output', 'away')\nos.symlink({str(host)!r}, 'output')\n"
        "Path('away/fit.txt').write_text('x')"
    )
    pipeline.run(load=away)
    assert pipeline.outcome.state is FAILED
    assert list(host.glob("*.ipynb")) == []


def test_what_is_added_to_the_environment_counts(pipeline: Pipeline) -> None:
    pipeline.run(job={"environment": {"A": "1"}})
    assert pipeline.run(job={"environment": {"A": "2"}}) == "load fit plot report"
    assert "the environment has changed" in pipeline.said_of("load")


def test_what_is_not_whole_any_more_is_executed(pipeline: Pipeline) -> None:
    pipeline.run()
    for product in (pipeline.folder / "results").glob("*/products/output/fit.txt"):
        product.unlink()
    assert pipeline.run() == "fit report"
    assert pipeline.said_of("fit") == (
        f"executed: what run {pipeline.jobs[0].run} made is not kept any more"
    )


def test_what_was_cut_in_a_notebook_is_whole_beside_the_one_that_is_taken_over(
    pipeline: Pipeline,
) -> None:
    job = {"max_output": 1000}
    pipeline.run(fit="print('x' * 5000)", job=job)
    (whole,) = pipeline.jobs[-1].outputs.iterdir()
    assert whole.name.startswith("fit.")
    assert pipeline.run(fit="print('x' * 5000)", job=job) == ""
    (again,) = pipeline.jobs[-1].outputs.iterdir()
    assert (again.name, again.read_text()) == (whole.name, whole.read_text())
    assert again.name in (pipeline.jobs[-1].notebooks / "fit.ipynb").read_text()


def test_what_makes_too_much_is_executed_each_time(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incremental, "MAX_RESULTS", 100)
    pipeline.run()
    assert pipeline.run() == "load fit plot report"


def test_without_a_lock_all_is_executed_and_it_is_said_why(pipeline: Pipeline) -> None:
    pipeline.run(lock=None)
    assert pipeline.run(lock=None) == "load fit plot report"
    assert "all tasks are executed: without a lock nobody knows what they run in" in pipeline.log


def test_a_folder_that_cannot_be_written_costs_no_run(
    pipeline: Pipeline, breaks: Callable[[Path], None]
) -> None:
    breaks(pipeline.folder / "results")
    assert pipeline.run() == "load fit plot report"
    assert pipeline.outcome.state is AttemptState.SUCCEEDED
    assert "could not be kept for other runs" in pipeline.log


@pytest.fixture
def breaks() -> Callable[[Path], None]:
    def broken(folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("a file where the folder is to be")

    return broken
