"""Whole jobs in this process, without a cluster, as a rehearsal runs."""

from __future__ import annotations

import errno
import json
import os
import threading
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from galley.cluster.gpus import Gpus, lay_out
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.tenants import Profile
from galley.domain.work import Outcome
from galley.inside.outbox import runs, spool
from galley.run import scratch
from galley.run.compute import InlineCompute
from galley.run.job import Job
from galley.run.journal import Journal, read_report
from galley.run.locked import Locked
from galley.run.runner import Runner
from galley.run.tasks import TaskResult, TaskSpec
from galley.run.tracked import run_tags
from galley.run.written import Written

from tests.galley.run.jobs import make_job
from tests.galley.run.projects import diamond, notebook, single, write_project

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner works in the project's folder, as its process does."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def run(job: Job) -> Outcome:
    return Runner(job, Journal(job.journal), os.environ).run()


def log_of(job: Job) -> str:
    return (job.journal / "attempt.log").read_text()


def test_a_diamond_runs_and_its_products_are_in_place(tmp_path: Path) -> None:
    diamond(tmp_path / "project")
    job = make_job(tmp_path)
    outcome = run(job)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert {task.name: task.state for task in outcome.tasks} == dict.fromkeys(
        ("load", "left", "right", "join"), TaskState.SUCCEEDED
    )
    assert (job.project / "output" / "join.txt").read_text() == "5"
    executed = nbformat.read(job.project / "output" / "join.ipynb", as_version=4)
    assert any("total 5" in str(cell.get("outputs")) for cell in executed.cells)
    assert "join | total 5" in log_of(job)
    assert outcome.cells == 11
    assert outcome.peak_memory > 2**20


def test_files_that_notebooks_write_are_kept_also_when_one_fails(tmp_path: Path) -> None:
    head = ("upstream = None\nproduct = None", ["parameters"])
    write_project(
        tmp_path / "project",
        {
            "good": {"notebook": notebook(head, "open('report.csv', 'w').write('a,b')")},
            "bad": {"notebook": notebook(head, "open('half.txt', 'w').write('h')\n1 / 0")},
        },
    )
    job = make_job(tmp_path, kind=RunKind.PIPELINE)
    assert run(job).state is AttemptState.FAILED
    kept = {path.name: path.read_text() for path in job.outputs.glob("*")}
    assert kept == {"report.csv": "a,b", "half.txt": "h"}


def test_how_a_run_ended_is_not_lost_for_what_it_wrote_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(self: Written, folder: Path) -> None:
        raise ValueError("as nobody expected")

    monkeypatch.setattr(Written, "keep", keep)
    single(tmp_path / "project", "1 + 1")
    job = make_job(tmp_path, kind=RunKind.PIPELINE)
    assert run(job).state is AttemptState.SUCCEEDED
    said = "what the run wrote beside its products is not kept: ValueError('as nobody expected')"
    assert said in log_of(job)


def test_after_a_failure_only_what_depends_on_it_is_left_out(tmp_path: Path) -> None:
    head = ("upstream = None\nproduct = None", ["parameters"])
    second = ("upstream = ['bad']\nproduct = None", ["parameters"])
    write_project(
        tmp_path / "project",
        {
            "bad": {"notebook": notebook(head, "undefined_name")},
            "after": {"notebook": notebook(second, "1")},
            "good": {"notebook": notebook(head, "1")},
        },
    )
    job = make_job(tmp_path)
    outcome = run(job)
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert (outcome.error.task, outcome.error.cell) == ("bad", 1)
    assert {task.name: task.state for task in outcome.tasks} == {
        "bad": TaskState.FAILED,
        "after": TaskState.SKIPPED,
        "good": TaskState.SUCCEEDED,
    }
    partial = (job.notebooks / "bad.ipynb").read_text()
    assert "NameError" in partial
    assert not (job.project / "output" / "bad.ipynb").exists()


VALUES: dict[str, Any] = {
    "text": 'it\'s "quoted" \\ {braces} \n 3',
    "number": 0.1,
    "whole": 3,
    "flag": True,
    "nothing": None,
    "items": [1, "2", None],
    "table": {"a b": [1.5], "{{x}}": "__import__('os')"},
}


def test_parameters_arrive_with_their_types(tmp_path: Path) -> None:
    declared = "\n".join(f"{name} = None" for name in VALUES)
    single(
        tmp_path / "project",
        (declared, ["parameters"]),
        f"import json\nprint(json.dumps([{', '.join(VALUES)}]))",
    )
    job = make_job(tmp_path, parameters=VALUES)
    assert run(job).state is AttemptState.SUCCEEDED
    line = next(line for line in log_of(job).splitlines() if "report | [" in line)
    assert json.loads(line.partition("| ")[2]) == list(VALUES.values())


@pytest.mark.parametrize(("gpus", "visible"), [(0, ""), (2, "0,1")])
def test_a_task_outside_of_a_cluster_sees_as_many_gpus_as_its_profile_has(
    tmp_path: Path, gpus: int, visible: str
) -> None:
    """CUDA itself takes the variable; without it the task would see all of the machine's."""
    single(tmp_path / "project", "import os\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'])")
    profile = Profile(display_name="GPU", cpu=1, memory=2**30, gpus=gpus)
    job = make_job(tmp_path, profile=profile)
    assert run(job).state is AttemptState.SUCCEEDED
    assert f"| sees {visible}\n" in log_of(job)


def test_a_task_outside_of_a_cluster_sees_gpus_that_nobody_uses(tmp_path: Path) -> None:
    single(tmp_path / "project", "import os\nprint('sees', os.environ['CUDA_VISIBLE_DEVICES'])")
    lay_out(tmp_path / "gpus", 3)
    profile = Profile(display_name="GPU", cpu=1, memory=2**30, gpus=1)
    job = make_job(tmp_path, profile=profile, machine_gpus=tmp_path / "gpus")
    with Gpus(tmp_path / "gpus").some(2):
        assert run(job).state is AttemptState.SUCCEEDED
    assert "| sees 2\n" in log_of(job)


def test_an_unknown_parameter_starts_nothing(tmp_path: Path) -> None:
    single(tmp_path / "project", "print('ran')")
    job = make_job(tmp_path, parameters={"alhpa": 1})
    outcome = run(job)
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert "alhpa" in outcome.error.message
    assert not job.notebooks.exists()


def test_a_project_that_does_not_load_is_told(tmp_path: Path) -> None:
    (tmp_path / "project" / "pipeline.yaml").write_text("tasks: [{source: missing.ipynb}]")
    outcome = run(make_job(tmp_path))
    assert outcome.state is AttemptState.FAILED
    assert outcome.error is not None
    assert "the project cannot be built" in outcome.error.message


def test_a_product_that_was_not_made_is_a_failure(tmp_path: Path) -> None:
    head = ("upstream = None\nproduct = None", ["parameters"])
    write_project(
        tmp_path / "project",
        {"fit": {"notebook": notebook(head, "1"), "products": {"model": "output/model.bin"}}},
    )
    outcome = run(make_job(tmp_path))
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert "model.bin" in outcome.error.message


def test_a_disk_that_is_full_is_no_fault_of_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("galley.run.executor._place", full)
    single(tmp_path / "project", "1 + 1")
    outcome = run(make_job(tmp_path))
    assert outcome.state is AttemptState.FAILED
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE
    assert outcome.error is not None
    assert "No space left on device" in outcome.error.message


def test_a_full_scratch_ends_the_run(tmp_path: Path) -> None:
    single(
        tmp_path / "project",
        "import os, time\n"
        f"with open({str(tmp_path / 'attempt' / 'big')!r}, 'wb') as file:\n"
        "    file.write(os.urandom(3 * 2**20))\n"
        "time.sleep(600)",
    )
    job = make_job(tmp_path, scratch_limit=2 * 2**20)
    outcome = run(job)
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert "is full during task 'report' (after 1 of 2 cells): the run's" in outcome.error.message


def test_a_scratch_that_cannot_be_measured_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> int:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(scratch, "size_of", broken)
    single(tmp_path / "project", "import time\ntime.sleep(600)")
    outcome = run(make_job(tmp_path))
    assert (outcome.state, outcome.failure_class) == (
        AttemptState.FAILED,
        FailureClass.INFRASTRUCTURE,
    )
    assert outcome.error is not None
    assert "could not be measured any more" in outcome.error.message


def test_cancelling_ends_running_and_waiting_tasks(tmp_path: Path) -> None:
    diamond(tmp_path / "project", work="print('here', flush=True)\nimport time\ntime.sleep(600)")
    job = make_job(tmp_path)
    runner = Runner(job, Journal(job.journal), os.environ)

    def cancel_when_it_works() -> None:
        pause = threading.Event()
        while "here" not in log_of(job):
            pause.wait(0.1)
        runner.cancel()

    threading.Thread(target=cancel_when_it_works, daemon=True).start()
    outcome = runner.run()
    assert (outcome.state, outcome.failure_class) == (AttemptState.CANCELLED, None)
    states = {task.name: task.state for task in outcome.tasks}
    assert states["load"] is TaskState.SUCCEEDED
    assert {states[name] for name in ("left", "right", "join")} == {TaskState.CANCELLED}


def test_of_what_is_ready_nothing_is_submitted_after_a_cancel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = {"notebook": notebook(("upstream = None\nproduct = None", ["parameters"]), "1")}
    write_project(tmp_path / "project", dict.fromkeys(("first", "second", "third"), task))
    job = make_job(tmp_path)
    runner = Runner(job, Journal(job.journal), os.environ)
    submitted: list[str] = []
    submit = InlineCompute.submit

    def submit_and_cancel(self: InlineCompute, spec: TaskSpec) -> Future[TaskResult]:
        submitted.append(spec.name)
        runner.cancel()
        return submit(self, spec)

    monkeypatch.setattr(InlineCompute, "slots", 3)
    monkeypatch.setattr(InlineCompute, "submit", submit_and_cancel)
    assert runner.run().state is AttemptState.CANCELLED
    assert len(submitted) == 1


def test_the_whole_run_has_one_deadline(tmp_path: Path) -> None:
    diamond(tmp_path / "project", work="import time\ntime.sleep(600)")
    outcome = run(make_job(tmp_path, timeout_s=6))
    assert (outcome.state, outcome.failure_class) == (
        AttemptState.TIMED_OUT,
        FailureClass.TIMEOUT,
    )
    report = {task.name: task.state for task in outcome.tasks}
    assert report["join"] is TaskState.SKIPPED


def test_making_the_environment_does_not_count(tmp_path: Path) -> None:
    single(tmp_path / "project", "1")
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    job = make_job(tmp_path, started_at=an_hour_ago, preparing_s=3600)
    outcome = Runner(job, Journal(job.journal), os.environ, Locked()).run()
    assert outcome.state is AttemptState.SUCCEEDED
    assert 0 < outcome.duration_s < 1800


def test_mlflow_that_is_away_does_not_delay_the_run(tmp_path: Path) -> None:
    single(
        tmp_path / "project",
        "import time, mlflow",
        "began = time.perf_counter()\nmlflow.log_param('depth', 3)\nmlflow.log_metric('auc', 0.9)",
        "print('took', time.perf_counter() - began)",
    )
    outbox = tmp_path / "outbox"
    nowhere = "http://127.0.0.1:9/mlflow"
    job = make_job(
        tmp_path,
        tracking={"uri": nowhere, "token": "t", "experiment": "e", "outbox": outbox},
    )
    outcome = run(job)
    assert (outcome.state, outcome.metrics) == (AttemptState.SUCCEEDED, {"auc": 0.9})
    took = next(line for line in log_of(job).splitlines() if "| took" in line)
    assert float(took.rpartition("took ")[2]) < 2  # trying to connect would take far longer
    report = read_report(job.journal)
    assert report is not None
    assert spool.logs(outbox) == [spool.RUN, outcome.tasks[0].mlflow_run_id]
    assert runs.find(outbox, str(report.mlflow_run_id)) is not None


def test_a_metric_that_is_no_number_leaves_the_outcome_readable(tmp_path: Path) -> None:
    single(
        tmp_path / "project",
        "import mlflow\n"
        "mlflow.log_metrics({'auc': 0.9, 'loss': float('nan'), 'low': -float('inf')})",
    )
    tracking = {"uri": "http://127.0.0.1:9/m", "token": "t", "experiment": "e"}
    job = make_job(tmp_path, tracking={**tracking, "outbox": tmp_path / "outbox"})
    told = Outcome.model_validate_json(run(job).model_dump_json())
    assert (told.state, told.metrics) == (AttemptState.SUCCEEDED, {"auc": 0.9})


def test_an_outbox_that_cannot_be_written_does_not_fail_the_run(tmp_path: Path) -> None:
    single(tmp_path / "project", "print('ran')")
    (tmp_path / "file").touch()
    tracking = {"uri": "http://127.0.0.1:9/m", "token": "t", "experiment": "e"}
    job = make_job(tmp_path, tracking={**tracking, "outbox": tmp_path / "file"})
    assert run(job).state is AttemptState.SUCCEEDED
    assert "tracking: the run goes on without MLflow" in log_of(job)
    assert "tracking: the task runs without MLflow" in log_of(job)


EXCHANGES = """
import os
from pathlib import Path
own = Path(os.environ["MLFLOW_TRACKING_URI"].partition(":")[2])
(own / "log.jsonl").unlink()
os.mkfifo(own / "log.jsonl")
(own / "files").symlink_to(ELSEWHERE)
"""


@pytest.mark.timeout(120)
def test_a_notebook_that_exchanges_the_files_of_its_outbox_holds_up_nobody(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    single(tmp_path / "project", f"ELSEWHERE = {str(other)!r}{EXCHANGES}")
    tracking = {"uri": "http://127.0.0.1:9/m", "token": "t", "experiment": "e"}
    job = make_job(tmp_path, tracking={**tracking, "outbox": tmp_path / "outbox"})
    outcome = run(job)
    assert (outcome.state, outcome.metrics) == (AttemptState.SUCCEEDED, {})
    log = log_of(job)
    assert "tracking: the notebook could not be kept for MLflow: " in log
    assert "'files' on the way is a link or no folder" in log
    assert "tracking: what the task logged cannot be read: " in log
    assert list(other.iterdir()) == []


def test_tags_carry_the_correlation_id_and_the_version(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    tags = run_tags(job)
    assert tags["galley.run_id"] == tags["galley.correlation_id"] == str(job.run)
    assert (tags["galley.version"], tags["galley.pipeline"]) == ("3", "survival")
    assert tags["mlflow.user"] == job.tenant
    assert run_tags(job.model_copy(update={"person": "ada"}))["mlflow.user"] == "ada"
