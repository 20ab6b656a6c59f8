"""Split notebooks in Galley's own runner: in one process, and on a Dask cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from galley.cluster.address import ClusterAddress
from galley.cluster.local import LocalProvider
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.split import Fragment, Load, PlannedTask, Save, SplitPlan, SplitSource
from galley.domain.work import Outcome
from galley.project.archive import export
from galley.run.job import Job
from galley.run.journal import Journal, read_report
from galley.run.runner import Runner
from galley.run.tasks import TaskResult
from galley.run.tracked import merged_metrics

from tests.galley.project.builders import cell, notebook, project
from tests.galley.run.jobs import make_job

pytestmark = pytest.mark.integration

MEET = """\
import pathlib, time
pathlib.Path("{mine}").touch()
deadline = time.monotonic() + 60
while not pathlib.Path("{other}").exists():
    if time.monotonic() > deadline:
        raise TimeoutError("the other branch does not run")
    time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterAddress]:
    provider = LocalProvider(
        tmp_path_factory.mktemp("cluster"),
        name="oncology",
        workers=2,
        memory=2 * 2**30,
        idle_s=600,
        clock=lambda: 0.0,
    )
    yield provider.acquire()
    provider.close()


def split(
    folder: Path,
    *,
    load: str = "numbers = list(range(n))",
    left: str = "low = numbers[0]",
    right: str = "high = numbers[-1]",
    join: str = "print(shown(low), shown(high))",
    hoisted: str = "import math\nMISSING = 1\ndef shown(x):\n    return str(x)",
) -> None:
    """Write load → (left, right) → join; cells 0 and 1 are repeated where they are used."""
    made = notebook(
        cell(hoisted),
        cell("n = 3\nby = 2", "parameters"),
        cell("# Load", kind="markdown"),
        cell(load),
        cell(left),
        cell(right),
        cell(join),
    )
    lines = hoisted.split("\n")
    plan = SplitPlan(
        source=SplitSource.HEADINGS,
        tasks=(
            PlannedTask(
                name="load", cells=(2, 3), parameters=("n",), saves=(Save(names=("numbers",)),)
            ),
            PlannedTask(
                name="left",
                cells=(4,),
                upstream=("load",),
                parameters=("by",),
                loads=(Load(task="load", names=("numbers",)),),
                saves=(Save(names=("low",)),),
            ),
            PlannedTask(
                name="right",
                cells=(5,),
                upstream=("load",),
                loads=(Load(task="load", names=("numbers",)),),
                saves=(Save(names=("high",)),),
            ),
            PlannedTask(
                name="join",
                cells=(6,),
                upstream=("left", "right"),
                fragments=(
                    Fragment(cell=0, line=1, source=lines[0], names=("math",)),
                    Fragment(cell=0, line=2, source=lines[1], names=("MISSING",)),
                    Fragment(cell=0, line=3, source="\n".join(lines[2:]), names=("shown",)),
                ),
                loads=(Load(task="left", names=("low",)), Load(task="right", names=("high",))),
            ),
        ),
    )
    export(project(made, plan=plan), folder)


def run(job: Job) -> Outcome:
    return Runner(job, Journal(job.journal), os.environ).run()


def on_cluster(folder: Path, cluster: ClusterAddress, **more: Any) -> Job:
    return make_job(folder, kind=RunKind.PIPELINE, cluster=cluster, **more)


def states(outcome: Outcome) -> dict[str, TaskState]:
    return {task.name: task.state for task in outcome.tasks}


def log_of(job: Job) -> str:
    return (job.journal / "attempt.log").read_text()


def test_only_the_authors_cells_count_and_everything_is_kept(tmp_path: Path) -> None:
    split(tmp_path / "project")
    job = make_job(tmp_path, parameters={"n": 5, "by": 1})
    outcome = run(job)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert "join | 0 4" in log_of(job)
    assert outcome.cells == 4
    assert [(task.cell, task.cells) for task in outcome.tasks] == [(1, 1)] * 4
    assert {path.stem for path in job.notebooks.glob("*.ipynb")} == {
        "load",
        "left",
        "right",
        "join",
    }
    assert (job.project / "products" / "left" / "values.json").is_file()


def test_the_number_of_cells_is_known_from_the_beginning(tmp_path: Path) -> None:
    split(tmp_path / "project", load="1 / 0")
    job = make_job(tmp_path)
    run(job)
    report = read_report(job.journal)
    assert report is not None
    assert [(task.state, task.cell, task.cells) for task in report.tasks] == [
        (TaskState.FAILED, 0, 1),
        *[(TaskState.SKIPPED, None, 1)] * 3,
    ]


@pytest.mark.parametrize(
    ("changes", "task", "cell", "message"),
    [
        (
            {"left": "low = (one for one in numbers)"},
            "left",
            None,
            "while task 'left' hands variables on: task 'left' cannot hand over 'low' (generator)",
        ),
        ({"left": "low = undefined"}, "left", 4, "cell 5, in task 'left', raised NameError"),
        ({"left": "low = 1 / 0"}, "left", 4, "cell 5 raised ZeroDivisionError"),
        (
            {"hoisted": "import math\nMISSING = 1 / 0\ndef shown(x):\n    return str(x)"},
            "join",
            0,
            "ZeroDivisionError while task 'join' is set up, in what it repeats of cell 1",
        ),
        (
            {"right": "high = 1\nimport os\nos.remove('products/left/values.json')"},
            "join",
            None,
            "while task 'join' takes over variables: task 'left' has handed over nothing",
        ),
    ],
)
def test_a_failure_names_task_and_cell(
    tmp_path: Path, changes: dict[str, str], task: str, cell: int | None, message: str
) -> None:
    split(tmp_path / "project", **changes)
    outcome = run(make_job(tmp_path))
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert (outcome.error.task, outcome.error.cell) == (task, cell)
    assert outcome.error.message.startswith(message)
    if task == "left":
        assert states(outcome) == {
            "load": TaskState.SUCCEEDED,
            "left": TaskState.FAILED,
            "right": TaskState.SUCCEEDED,
            "join": TaskState.SKIPPED,
        }


def test_a_metric_that_two_branches_log_has_the_value_of_the_later_one() -> None:
    def logged(name: str, **metrics: float) -> TaskResult:
        now = datetime.now(UTC)
        return TaskResult(
            name=name, state=TaskState.SUCCEEDED, started_at=now, ended_at=now, metrics=metrics
        )

    left, right = logged("left", score=1, loss=2), logged("right", score=3)
    for ended in ([left, right], [right, left]):
        assert merged_metrics(ended, ["left", "right"]) == {"score": 3, "loss": 2}


def test_independent_branches_run_side_by_side_on_a_cluster(
    tmp_path: Path, cluster: ClusterAddress
) -> None:
    split(
        tmp_path / "project",
        left=MEET.format(mine="l", other="r") + "low = numbers[0]",
        right=MEET.format(mine="r", other="l") + "high = numbers[-1]",
    )
    job = on_cluster(tmp_path, cluster)
    outcome = run(job)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    executed = nbformat.read(job.notebooks / "join.ipynb", as_version=4)
    assert "0 2\n" in [one.text for one in executed.cells[-1].outputs]


def test_cancelling_on_a_cluster_ends_both_branches(
    tmp_path: Path, cluster: ClusterAddress
) -> None:
    wait = "print('{side} waits', flush=True)\nimport time\ntime.sleep(600)"
    split(tmp_path / "project", left=wait.format(side="left"), right=wait.format(side="right"))
    job = on_cluster(tmp_path, cluster)
    runner = Runner(job, Journal(job.journal), os.environ)

    def cancel_when_both_wait() -> None:
        pause = threading.Event()
        while not ("left waits" in log_of(job) and "right waits" in log_of(job)):
            pause.wait(0.1)
        runner.cancel()

    threading.Thread(target=cancel_when_both_wait, daemon=True).start()
    outcome = runner.run()
    assert outcome.state is AttemptState.CANCELLED
    assert states(outcome) == {
        "load": TaskState.SUCCEEDED,
        **dict.fromkeys(("left", "right", "join"), TaskState.CANCELLED),
    }
