"""The next attempt of a run goes on from what the one before made, where that is the same."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from galley.domain.runs import AttemptState, RunKind, TaskState
from galley.domain.work import Outcome
from galley.run import kept
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.runner import Runner

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import notebook, write_project


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


def test_what_nobody_asked_for_in_a_week_goes(tmp_path: Path) -> None:
    for name, days in {"old": 8, "new": 6}.items():
        (tmp_path / name / "load").mkdir(parents=True)
        then = time.time() - days * 24 * 3600
        os.utime(tmp_path / name, (then, then))
    kept.prune(tmp_path, time.time())
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    kept.prune(tmp_path / "nothing", time.time())
