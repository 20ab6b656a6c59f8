"""The MLflow run of a task whose notebook has made something else of the files of its outbox."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from galley.domain.runs import TaskState
from galley.inside.outbox import spool
from galley.run.task_tracking import TrackedTask
from galley.run.tasks import TaskSpec, TaskTracking

pytestmark = pytest.mark.timeout(20)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
R = {"metadata": {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}}


def spec(folder: Path, notebook: object) -> TaskSpec:
    (folder / "fit.ipynb").write_text("{}")
    return TaskSpec(
        attempt="1",
        name="fit",
        notebook=json.dumps(notebook),
        output=folder / "fit.ipynb",
        cwd=folder,
        environment={},
        memory=1,
        profile="p",
        deadline=NOW,
        timeout_s=1,
        grace_s=1,
        tracking=TaskTracking(
            uri="http://127.0.0.1:9/m",
            token="t",
            experiment="e",
            outbox=folder / "outbox",
            parent=None,
            tags={},
        ),
    )


def test_a_task_ends_where_its_notebook_cannot_be_kept(tmp_path: Path) -> None:
    said: list[str] = []
    tracked = TrackedTask(spec(tmp_path, {}), said.append, NOW)
    own = tmp_path / "outbox" / str(tracked.run)
    (own / "files").symlink_to(tmp_path)
    assert tracked.end(TaskState.SUCCEEDED) == {}
    (line,) = said
    assert line.startswith("tracking: the notebook could not be kept for MLflow: ")
    ended, closed = spool.read(own / spool.LOG)[0][-2:]
    assert (ended["status"], closed["op"]) == ("FINISHED", "closed")


def test_a_log_that_became_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    said: list[str] = []
    tracked = TrackedTask(spec(tmp_path, {}), said.append, NOW)
    log = tmp_path / "outbox" / str(tracked.run) / spool.LOG
    log.unlink()
    os.mkfifo(log)
    assert tracked.end(TaskState.SUCCEEDED) == {}
    (line,) = said
    assert line.startswith("tracking: what the task logged cannot be read: ")


def test_another_language_is_not_kept_waiting_by_what_an_earlier_task_left(tmp_path: Path) -> None:
    (tmp_path / "outbox").mkdir()
    os.mkfifo(tmp_path / "outbox" / spool.STATE)
    said: list[str] = []
    tracked = TrackedTask(spec(tmp_path, R), said.append, NOW)
    assert said[-1].startswith("tracking: the task's run could not be started: ")
    assert "state.jsonl is a link or no plain file" in said[-1]
    tracked.end(TaskState.SUCCEEDED)
