from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from galley.domain.runs import TaskState
from galley.run.journal import Journal, read_report
from galley.run.progress import Progress
from galley.run.tasks import TaskEvent, TaskResult

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


@pytest.fixture
def progress(journal: Journal) -> Progress:
    return Progress(journal, {"load": (), "fit": ("load",)})


def started(run: str) -> TaskEvent:
    return TaskEvent(task="load", kind="started", at=AT, mlflow_run_id=run)


def test_tasks_wait_in_the_graphs_order(progress: Progress, journal: Journal) -> None:
    journal.settle()
    report = read_report(journal.folder)
    assert report is not None
    assert [(task.name, task.state, task.upstream) for task in report.tasks] == [
        ("load", TaskState.WAITING, ()),
        ("fit", TaskState.WAITING, ("load",)),
    ]


def test_events_and_results_show_in_the_report(progress: Progress) -> None:
    progress.on_event(started("m1"))
    progress.on_event(TaskEvent(task="load", kind="cell", at=AT, cell=2, cells=5))
    load = progress.tasks[0]
    assert (load.state, load.cell, load.cells) == (TaskState.RUNNING, 2, 5)
    progress.on_result(
        TaskResult(
            name="load",
            state=TaskState.SUCCEEDED,
            started_at=AT,
            ended_at=AT,
            cell=5,
            cells=5,
            kernel="started: no zygote",
        )
    )
    load = progress.tasks[0]
    assert (load.state, load.cell, load.mlflow_run_id, load.kernel) == (
        TaskState.SUCCEEDED,
        5,
        "m1",
        "started: no zygote",
    )


def test_a_late_event_does_not_revive_an_ended_task(progress: Progress) -> None:
    result = TaskResult(name="load", state=TaskState.FAILED, started_at=AT, ended_at=AT)
    progress.on_result(result)
    progress.on_event(started("m2"))
    assert progress.tasks[0].state is TaskState.FAILED


def test_a_task_begun_anew_has_its_new_mlflow_run(progress: Progress, tmp_path: Path) -> None:
    progress.on_event(started("m1"))
    progress.on_event(started("m2"))
    assert progress.tasks[0].mlflow_run_id == "m2"
    assert "started again" in (tmp_path / "attempt.log").read_text()


@pytest.mark.parametrize(
    ("cancelled", "state"), [(True, TaskState.CANCELLED), (False, TaskState.SKIPPED)]
)
def test_what_never_ran_says_so(progress: Progress, cancelled: bool, state: TaskState) -> None:
    progress.close(cancelled=cancelled)
    assert {task.state for task in progress.tasks} == {state}
