"""The next attempt of a run goes on from what the one before made, where that is the same."""

from __future__ import annotations

import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.versions import CellError
from galley.domain.work import Outcome
from galley.run import cache, kept
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.runner import Runner
from galley.run.tasks import TaskResult, TaskSpec

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import notebook, write_project

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Attempts:
    """Attempts of one run, each in a folder of its own, as a host makes them.

    ``count.txt`` has one letter for each execution of ``load``; ``report`` fails until there is a
    file ``ready``.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.kept = folder / "kept" / "run"
        self.ready = folder / "ready"
        self.count = folder / "count.txt"
        self.monkeypatch = monkeypatch
        self.jobs: list[Job] = []

    def run(self, *, load: str = "pass", n: int = 1) -> Outcome:
        number = len(self.jobs) + 1
        folder = self.folder / f"attempt{number}"
        write_project(folder / "project", self._tasks(load))
        job = make_job(
            folder, kind=RunKind.PIPELINE, number=number, kept=self.kept, parameters={"n": n}
        )
        self.jobs.append(job)
        self.monkeypatch.chdir(job.project)
        return Runner(job, Journal(job.journal), os.environ).run()

    def _tasks(self, load: str) -> dict[str, dict[str, Any]]:
        counted = f"with open({str(self.count)!r}, 'a') as count:\n    count.write('x')"
        value = "from pathlib import Path\nPath(product['value']).write_text(str(n))"
        told = (
            "from pathlib import Path\n"
            "print('got', Path(upstream['load']['value']).read_text())\n"
            f"assert Path({str(self.ready)!r}).exists(), 'not ready'"
        )
        return {
            "load": {
                "notebook": notebook(
                    ("upstream = None\nproduct = None\nn = 0", ["parameters"]),
                    counted,
                    value,
                    load,
                ),
                "products": {"value": "output/value.txt"},
            },
            "report": {
                "notebook": notebook(("upstream = ['load']\nproduct = None", ["parameters"]), told)
            },
        }

    def log(self) -> str:
        return (self.jobs[-1].journal / "attempt.log").read_text()


@pytest.fixture
def attempts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempts:
    return Attempts(tmp_path, monkeypatch)


class Run:
    """A run of ``load``, ``fit`` and ``report``, one after the other, without a kernel."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.start(1)

    @property
    def stored(self) -> list[str]:
        kept = self.folder / "kept" / "run"
        return sorted(one.name for one in kept.glob("*")) if kept.exists() else []

    def start(self, number: int) -> None:
        self.project = self.folder / str(number) / "project"
        self.project.mkdir(parents=True)
        self.number = number
        self.kept = kept.Kept(
            self.folder / "kept" / "run",
            number,
            self.project,
            {name: frozenset({Path(f"{name}.txt")}) for name in ("load", "fit", "report")},
            {"load": (), "fit": ("load",), "report": ("fit",)},
            self.said.append,
        )

    def spec(self, name: str) -> TaskSpec:
        return TaskSpec(
            attempt=str(self.number),
            name=name,
            notebook=json.dumps({"cells": []}),
            output=self.project.parent / f"{name}.ipynb",
            cwd=self.project,
            environment={},
            products=(Path(f"{name}.txt"),),
            memory=1,
            profile="cpu-small",
            deadline=NOW,
            timeout_s=1,
            grace_s=1,
        )

    def task(self, name: str, make: Callable[[Path], object] | None = None) -> int:
        """Do a task; return the number of the attempt that executed it."""
        spec = self.spec(name)
        result = self.kept.find(spec)
        if result is None:
            spec.output.write_text("{}")
            product = self.project / f"{name}.txt"
            if make is None:
                product.write_text(f"{name} {self.number}")
            else:
                make(product)
            result = TaskResult(
                name=name, state=TaskState.SUCCEEDED, started_at=NOW, ended_at=NOW, cell=1
            )
        self.kept.keep(spec, result)
        return result.reused_from or self.number


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.mark.integration
def test_a_next_attempt_executes_what_failed_and_not_what_went_well(attempts: Attempts) -> None:
    assert attempts.run().state is AttemptState.FAILED
    attempts.ready.touch()
    outcome = attempts.run()
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert attempts.count.read_text() == "x"
    load, report = outcome.tasks
    assert (load.state, load.reused_from) == (TaskState.SUCCEEDED, 1)
    assert (report.state, report.reused_from) == (TaskState.SUCCEEDED, None)
    assert (
        "task 'load' is not executed again: attempt 1 of this run made the same" in attempts.log()
    )
    assert "report | got 1" in attempts.log()
    executed = json.loads((attempts.jobs[-1].notebooks / "load.ipynb").read_text())
    assert executed["cells"][-1]["execution_count"], "the run page shows what was executed"
    assert not attempts.kept.exists(), "nothing is kept of a run that went well"


@pytest.mark.integration
def test_other_parameters_and_other_sources_are_executed(attempts: Attempts) -> None:
    attempts.run()
    attempts.run(n=2)
    assert attempts.count.read_text() == "xx"
    attempts.ready.touch()
    outcome = attempts.run(n=2, load="'changed'")
    assert attempts.count.read_text() == "xxx"
    assert [task.reused_from for task in outcome.tasks] == [None, None]


@pytest.mark.integration
def test_a_notebook_that_fails_after_what_was_reused_gets_a_fresh_start(attempts: Attempts) -> None:
    attempts.run()
    assert [task.reused_from for task in attempts.run().tasks] == [1, None]
    assert not attempts.kept.exists()
    attempts.run()
    assert attempts.count.read_text() == "xx"


def failed_of(failure_class: FailureClass) -> kept.Verdict:
    error = CellError(ename="KeyError", evalue="x", message="cell 2 raised KeyError: x")
    return kept.Verdict(AttemptState.FAILED, failure_class, error)


def test_a_notebook_that_fails_in_an_automatic_repeat_does_not_end_the_run(run: Run) -> None:
    lost = failed_of(FailureClass.INFRASTRUCTURE)
    run.task("load")
    assert run.kept.end(lost) == lost
    run.start(2)
    assert run.task("load") == 1
    verdict = run.kept.end(failed_of(FailureClass.USER))
    assert verdict.failure_class is FailureClass.INFRASTRUCTURE
    assert verdict.error is not None
    assert verdict.error.message == (
        "cell 2 raised KeyError: x. The tasks 'load' were not executed again in this attempt; one "
        "after it executes all tasks"
    )
    run.start(3)
    assert run.task("load") == 3
    assert run.kept.end(failed_of(FailureClass.USER)) == failed_of(FailureClass.USER)


def test_a_notebook_that_fails_in_an_attempt_that_a_person_asked_for_fails(run: Run) -> None:
    failed = failed_of(FailureClass.USER)
    run.task("load")
    run.kept.end(failed)
    run.start(2)
    assert run.task("load") == 1
    assert run.kept.end(failed) == failed
    run.start(3)
    assert run.task("load") == 3
    run.kept.end(failed)
    run.start(4)  # asked for, and its host is lost
    run.start(5)
    assert run.task("load") == 3
    assert run.kept.end(failed).failure_class is FailureClass.INFRASTRUCTURE


@pytest.mark.integration
def test_nothing_is_reused_where_files_are_no_products(attempts: Attempts) -> None:
    attempts.run(load="open('scratch.csv', 'w').close()")
    assert "a notebook wrote 'scratch.csv', which is no product of a task" in attempts.log()
    attempts.run(load="open('scratch.csv', 'w').close()")
    assert attempts.count.read_text() == "xx"


@pytest.mark.integration
@pytest.mark.parametrize("broken", ["made.json", "executed.ipynb", "products/output/value.txt"])
def test_what_is_kept_in_part_is_made_again(attempts: Attempts, broken: str) -> None:
    attempts.run()
    (attempts.kept / "load" / broken).unlink()
    attempts.ready.touch()
    assert attempts.run().state is AttemptState.SUCCEEDED
    assert attempts.count.read_text() == "xx"


def test_what_follows_from_a_task_that_is_executed_anew_is_executed_anew(run: Run) -> None:
    run.task("load")
    run.task("fit")
    shutil.rmtree(run.folder / "kept" / "run" / "load")
    run.start(2)
    assert (run.task("load"), run.task("fit")) == (2, 2)


def test_what_was_made_from_an_earlier_execution_is_not_mixed_with_a_later_one(run: Run) -> None:
    run.task("load")
    run.task("fit")
    shutil.rmtree(run.folder / "kept" / "run" / "load")
    run.start(2)
    run.task("load")  # and its host is lost before `fit` ends
    run.start(3)
    assert (run.task("load"), run.task("fit")) == (2, 3)
    run.start(4)
    assert (run.task("load"), run.task("fit"), run.task("report")) == (2, 3, 4)


def test_a_task_whose_products_are_too_large_is_executed_again_with_what_follows(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "MAX_KEPT", 100)
    run.task("load", lambda path: path.write_bytes(bytes(99)))
    run.task("fit")
    assert run.stored == ["fit"]
    run.start(2)
    assert (run.task("load"), run.task("fit")) == (2, 2)


def test_a_product_changed_by_a_later_task_ends_keeping(run: Run) -> None:
    run.task("load")
    run.task(
        "fit", lambda path: [one.write_text("other") for one in (path, run.project / "load.txt")]
    )
    assert run.stored == []
    assert "a notebook wrote 'load.txt', which is no product of a task that ran" in run.said[-1]
    run.start(2)
    assert run.task("load") == 2


def test_links_are_not_kept_as_what_they_lead_to_may_change(run: Run) -> None:
    (run.folder / "elsewhere").write_text("large")

    def make(path: Path) -> None:
        path.mkdir()
        (path / "link").symlink_to(run.folder / "elsewhere")

    run.task("load", make)
    assert run.stored == []
    assert "load.txt/link is a link" in run.said[-1]
    run.task("fit", lambda path: path.symlink_to(run.folder / "elsewhere"))
    assert run.stored == []


def test_the_last_task_is_not_kept(run: Run) -> None:
    for name in ("load", "fit", "report"):
        run.task(name)
    assert run.stored == ["fit", "load"]


def test_the_mode_of_a_product_is_kept(run: Run) -> None:
    def make(path: Path) -> None:
        path.touch(0o750)

    run.task("load", make)
    run.start(2)
    assert run.task("load") == 1
    assert stat.S_IMODE((run.project / "load.txt").stat().st_mode) == 0o750


def test_what_is_cut_short_is_made_again(run: Run) -> None:
    run.task("load")
    (run.folder / "kept" / "run" / "load" / "products" / "load.txt").write_text("lo")
    run.start(2)
    assert run.task("load") == 2


def test_what_nobody_asked_for_in_a_week_goes(tmp_path: Path) -> None:
    for name, days in {"old": 8, "new": 6}.items():
        (tmp_path / name / "load").mkdir(parents=True)
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    cache.prune(tmp_path, time.time())
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    cache.prune(tmp_path / "nothing", time.time())


def test_what_is_kept_of_all_runs_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MAX_ALL", 250)
    for age_s, name in enumerate(["new", "old", "older", "oldest"]):
        (tmp_path / name / "load").mkdir(parents=True)
        (tmp_path / name / "load" / "executed.ipynb").write_bytes(bytes(100))
        os.utime(tmp_path / name, (NOW.timestamp() - age_s,) * 2)
    cache.prune(tmp_path, NOW.timestamp())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_what_another_attempt_removes_meanwhile_does_not_end_this_one(tmp_path: Path) -> None:
    (tmp_path / "run").symlink_to(tmp_path / "gone")  # listed, and not there
    cache.prune(tmp_path, NOW.timestamp())
