"""A real host, real runners, a real Dask cluster and a real MLflow; a service that records."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.work import TaskReport, TaskSecrets

from tests.galley.host.conftest import host_process
from tests.galley.host.recording_service import RecordingService, assignment, recording_service
from tests.galley.run.batches import until
from tests.galley.run.projects import diamond, single
from tests.galley.tracking.mlflow_process import MlflowProcess, tags_of

pytestmark = pytest.mark.integration

SLEEP = "print('asleep', flush=True)\nimport time\ntime.sleep(600)"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def processes_of(attempt: str) -> list[psutil.Process]:
    """Return what runs in the name of an attempt: kernels and what they started."""
    found = []
    for process in psutil.process_iter():
        try:
            # A forked kernel has the environment that its zygote was started with.
            named = process.environ().get("GALLEY_ATTEMPT") == attempt
            if named or (attempt in process.cwd() and "zygote.py" in " ".join(process.cmdline())):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return found


def worker_of(attempt: str) -> psutil.Process:
    """Return the Dask worker that executes the attempt's notebook: it holds a part of the pool."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            files = [file.path for file in process.open_files()]
            if any(attempt in path for path in files) and "forkserver" in " ".join(
                process.cmdline()
            ):
                return process
    raise AssertionError(f"no worker executes attempt {attempt}")


def runner_of(host: subprocess.Popen[bytes], attempt: str) -> psutil.Process:
    """Return the runner process that has the attempt's project as its folder."""
    for process in psutil.Process(host.pid).children(recursive=True):
        if "galley.run" in process.cmdline() and attempt in process.cwd():
            return process
    raise AssertionError(f"no runner of {attempt}")


def tasks_of(service: RecordingService, attempt: str) -> dict[str, TaskReport]:
    beats = service.heartbeats[attempt]
    return {task.name: task for task in beats[-1].tasks} if beats else {}


def test_a_diamond_on_the_cluster_with_mlflow(
    service: RecordingService,
    host: subprocess.Popen[bytes],
    mlflow: MlflowProcess,
    project: Path,
    tmp_path: Path,
) -> None:
    meet = (
        "import os, time\nfrom pathlib import Path as P\n"
        f"there = P({str(tmp_path)!r})\n"
        "(there / Path(product['data']).name).touch()\n"
        "while len(list(there.glob('*.txt'))) < 2:\n    time.sleep(0.05)\n"
        "import mlflow\nmlflow.log_metric('value', value)"
    )
    attempt = service.give(assignment(timeout_s=180), diamond(project, work=meet))
    outcome = service.outcome_of(attempt)
    # left and right each wait for the other: one after the other they would never end.
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert outcome.metrics["value"] in {2, 3}
    assert {task.name for task in outcome.tasks} == {"load", "left", "right", "join"}
    assert all(task.state is TaskState.SUCCEEDED for task in outcome.tasks)
    assert {task for owner, task in service.notebooks if owner == attempt} == {
        "load",
        "left",
        "right",
        "join",
    }
    assert "total 5" in service.notebooks[attempt, "join"].decode()
    assert "join | total 5" in service.log_of(attempt)
    tracked = service.tracked_of(attempt)
    runs = mlflow.runs("survival")
    by_id = {run["info"]["run_id"]: run for run in runs}  # type: ignore[index]
    parent = tracked.mlflow_run_id
    assert parent is not None
    children = [run for run in runs if tags_of(run).get("mlflow.parentRunId") == parent]
    assert {tags_of(run)["galley.task"] for run in children} == {"load", "left", "right", "join"}
    assert by_id[parent]["info"]["status"] == "FINISHED"  # type: ignore[index]
    assert by_id[tracked.tasks["join"]]["info"]["status"] == "FINISHED"  # type: ignore[index]


def test_a_rehearsal_fails_with_the_name_that_is_not_defined(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    single(project, "import os\nprint('rehearsal', os.environ['GALLEY_REHEARSAL'])", "df2.head()")
    attempt = service.give(assignment(kind=RunKind.REHEARSAL), project)
    outcome = service.outcome_of(attempt)
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert outcome.error.cell == 2
    assert outcome.error.message == "cell 3 uses `df2`, which no cell of this notebook defines"
    assert "rehearsal 1" in service.log_of(attempt)
    assert "NameError" in service.notebooks[attempt, "report"].decode()


def test_the_log_names_what_the_service_had_no_room_for(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    work = assignment(kind=RunKind.REHEARSAL)
    service.full.add(str(work.attempt))
    attempt = service.give(work, single(project, "print('x' * 9 * 2**20)", "print('end')"))
    outcome = service.outcome_of(attempt)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    lines = [line for line in service.log_of(attempt).splitlines() if "is not kept" in line]
    assert [line.partition(" | ")[2] for line in lines] == [
        "the notebook of task 'report', as it was executed by now, is not kept: no room is left",
        "the file 'report.cell-2.stdout.txt' is not kept: no room is left",
    ]


def test_cancelling_ends_the_kernel_within_seconds(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    attempt = service.give(assignment(), single(project, SLEEP))
    service.wait_for(lambda service: "asleep" in service.log_of(attempt))
    assert processes_of(attempt)
    with service.moved:
        service.cancelled.add(attempt)
    outcome = service.outcome_of(attempt)
    assert (outcome.state, outcome.failure_class) == (AttemptState.CANCELLED, None)
    assert processes_of(attempt) == []
    assert "asleep" in service.notebooks[attempt, "report"].decode()


def test_a_killed_runner_is_an_infrastructure_failure(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    attempt = service.give(assignment(), single(project, SLEEP))
    service.wait_for(lambda service: "asleep" in service.log_of(attempt))
    runner_of(host, attempt).kill()
    outcome = service.outcome_of(attempt)
    assert outcome.state is AttemptState.FAILED
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE
    assert outcome.error is not None
    assert "the runner process died" in outcome.error.message
    assert [task.state for task in outcome.tasks] == [TaskState.FAILED]
    assert processes_of(attempt) == []


def test_a_task_whose_worker_was_killed_is_begun_anew(
    service: RecordingService,
    host: subprocess.Popen[bytes],
    mlflow: MlflowProcess,
    project: Path,
    tmp_path: Path,
) -> None:
    seen = tmp_path / "seen"
    single(
        project,
        f"from pathlib import Path\nseen = Path({str(seen)!r})\nfirst = not seen.exists()\n"
        "seen.touch()\nprint('first' if first else 'second', flush=True)",
        "import time\nif first:\n    time.sleep(600)",
    )
    work = assignment()
    attempt = service.give(work, project)
    service.wait_for(lambda service: "| first" in service.log_of(attempt))
    (kernel,) = processes_of(attempt)
    worker_of(attempt).kill()
    outcome = service.outcome_of(attempt)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert "| second" in service.log_of(attempt)
    assert "started again" in service.log_of(attempt)
    assert not kernel.is_running()
    tracked = service.tracked_of(attempt)
    tries = [
        run
        for run in mlflow.runs("survival")
        if tags_of(run).get("galley.run_id") == str(work.run) and "galley.task" in tags_of(run)
    ]
    assert len(tries) == 2
    finished = [run for run in tries if run["info"]["status"] == "FINISHED"]  # type: ignore[index]
    assert [run["info"]["run_id"] for run in finished] == list(  # type: ignore[index]
        tracked.tasks.values()
    )
    assert {run["info"]["status"] for run in tries} == {"FINISHED", "KILLED"}  # type: ignore[index]


def test_a_cluster_that_goes_away_is_an_infrastructure_failure_and_comes_back(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path, tmp_path: Path
) -> None:
    attempt = service.give(assignment(), single(project, SLEEP))
    service.wait_for(lambda service: "asleep" in service.log_of(attempt))
    (cluster,) = [
        process
        for process in psutil.Process(host.pid).children()
        if "galley.cluster" in process.cmdline()
    ]
    cluster.kill()
    outcome = service.outcome_of(attempt)
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE
    assert processes_of(attempt) == []
    again = service.give(assignment(), single(tmp_path / "again", "print('back')"))
    assert service.outcome_of(again).state is AttemptState.SUCCEEDED
    starting = "the tenant's cluster is not running: it is being started"
    assert starting in service.log_of(again)
    warm = service.give(assignment(), single(tmp_path / "warm", "print('back')"))
    assert service.outcome_of(warm).state is AttemptState.SUCCEEDED
    assert starting not in service.log_of(warm)


def test_runs_go_on_while_the_service_is_away(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    single(
        project,
        "print('begun', flush=True)",
        f"import os, time\nwhile not os.path.exists({str(gate)!r}):\n    time.sleep(0.05)",
        f"open({str(gate) + '.done'!r}, 'w').close()\nprint('done')",
    )
    attempt = service.give(assignment(), project)
    service.wait_for(lambda service: "begun" in service.log_of(attempt))
    with service.moved:
        service.away = True
    gate.touch()
    while not Path(f"{gate}.done").exists():
        with service.moved:
            service.moved.wait(0.1)
    assert attempt not in service.outcomes
    with service.moved:
        service.away = False
    assert service.outcome_of(attempt).state is AttemptState.SUCCEEDED
    assert "| done" in service.log_of(attempt)


def test_a_project_that_cannot_be_had_at_once_is_asked_for_again(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    work = assignment()
    service.withholds_project.add(str(work.attempt))
    attempt = service.give(work, single(project, "1 + 1"))
    assert service.outcome_of(attempt).state is AttemptState.SUCCEEDED
    assert attempt not in service.withholds_project


def test_an_attempt_begins_once_the_service_hears_of_it(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    work = assignment()
    service.withholds_start.add(str(work.attempt))
    attempt = service.give(work, single(project, "1 + 1"))
    assert service.outcome_of(attempt).state is AttemptState.SUCCEEDED
    assert attempt not in service.withholds_start


def test_a_host_tells_what_it_holds_after_a_request_that_was_not_answered(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path, tmp_path: Path
) -> None:
    first = assignment()
    attempt = service.give(first, single(project, SLEEP))
    service.wait_for(lambda service: "asleep" in service.log_of(attempt))
    with service.moved:
        service.held.clear()
        service.loses_a_lease = True
    other = service.give(assignment(), single(tmp_path / "other", "1"))
    assert service.outcome_of(other).state is AttemptState.SUCCEEDED
    assert service.held == [(first.attempt,)], "once: what follows was answered"
    with service.moved:
        service.cancelled.add(attempt)
    service.outcome_of(attempt)


def test_a_superseded_attempt_ends_without_a_word(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path, tmp_path: Path
) -> None:
    attempt = service.give(assignment(), single(project, SLEEP))
    service.wait_for(lambda service: "asleep" in service.log_of(attempt))
    (kernel, *_) = processes_of(attempt)
    with service.moved:
        service.refused.add(attempt)
    kernel.wait(timeout=60)
    other = service.give(assignment(), single(tmp_path / "other", "1"))
    assert service.outcome_of(other).state is AttemptState.SUCCEEDED
    assert attempt not in service.outcomes


SEES = """
import fcntl
import json
def sees():
    import os
    home = os.path.join(os.environ["HOME"], ".galley")
    return sorted(f"{one}/{sub}" for one in os.listdir(home) for sub in os.listdir(f"{home}/{one}"))
print("seen", json.dumps([sees(), *client.run(sees).values()]))
def changes():
    import os
    key = os.environ["DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"]
    try:
        open(key, "a").close()
    except OSError as error:
        return error.strerror
print("changes", changes(), client.submit(changes).result())
import os
print("attempt", sorted(os.listdir("..")))
"""


def test_a_notebooks_own_dask_client_reaches_workers_that_see_what_the_notebook_sees(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    single(
        project,
        "from distributed import Client\nclient = Client()",
        "print('sum', sum(client.gather(client.map(lambda x: x * x, range(20)))))",
        SEES,
    )
    attempt = service.give(assignment(), project)
    outcome = service.outcome_of(attempt)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    log = service.log_of(attempt)
    assert "| sum 2470" in log
    (line,) = [line for line in log.splitlines() if "| seen " in line]
    by_notebook, *by_workers = json.loads(line.partition("seen ")[2])
    assert by_workers == [by_notebook, by_notebook]
    assert by_notebook == [f"attempts/{attempt}", f"outbox/{attempt}"]
    assert "| changes Read-only file system Read-only file system" in log
    assert "| attempt ['dask', 'project', 'tls', 'tries']" in log


def test_nothing_of_an_ended_attempt_stays_on_disk(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    single(project, "import os\nprint('here', os.getcwd())")
    attempt = service.give(assignment(), project)
    service.outcome_of(attempt)
    line = next(line for line in service.log_of(attempt).splitlines() if "| here" in line)
    folder = Path(line.rpartition("here ")[2]).parent
    assert folder.name == attempt
    while folder.exists():
        with service.moved:
            service.moved.wait(0.05)


def test_no_token_but_the_tasks_is_in_a_kernel(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path
) -> None:
    single(project, "import json, os\nprint('env', json.dumps(dict(os.environ)))")
    work = assignment()
    attempt = service.give(work, project)
    service.outcome_of(attempt)
    line = next(line for line in service.log_of(attempt).splitlines() if "| env" in line)
    environment = json.loads(line.partition("env ")[2])
    assert environment["MLFLOW_TRACKING_TOKEN"] == work.task_token
    assert work.run_token not in environment.values()
    assert service.HOST_TOKEN not in environment.values()


def test_a_rehearsals_host_ends_after_one_attempt_that_mlflow_has(
    mlflow: MlflowProcess, project: Path, tmp_path: Path
) -> None:
    with recording_service() as own:
        attempt = own.give(
            assignment(kind=RunKind.REHEARSAL), single(project, "print('rehearsed')")
        )
        with host_process(own, tmp_path / "home", GALLEY_HOST_ONCE="1") as once:
            assert own.outcome_of(attempt).state is AttemptState.SUCCEEDED
            assert once.poll() is None
            own.mlflow = mlflow
            assert own.tracked_of(attempt).tasks.keys() == {"report"}
            assert once.wait(timeout=60) == 0


def test_a_stopped_host_reports_what_it_had_to_end(project: Path, tmp_path: Path) -> None:
    with recording_service() as own, host_process(own, tmp_path / "home") as stopped:
        attempt = own.give(assignment(kind=RunKind.REHEARSAL), single(project, SLEEP))
        own.wait_for(lambda own: "asleep" in own.log_of(attempt))
        stopped.send_signal(signal.SIGTERM)
        outcome = own.outcome_of(attempt)
        assert outcome.failure_class is FailureClass.INFRASTRUCTURE
        assert outcome.error is not None
        assert outcome.error.message == "the worker host was stopped"
        assert stopped.wait(timeout=60) == 0
        assert processes_of(attempt) == []


def test_a_killed_host_leaves_no_process(project: Path, tmp_path: Path) -> None:
    with recording_service() as own, host_process(own, tmp_path / "home") as killed:
        attempt = own.give(assignment(), single(project, SLEEP))
        own.wait_for(lambda own: "asleep" in own.log_of(attempt))
        family = [*psutil.Process(killed.pid).children(recursive=True), *processes_of(attempt)]
        killed.kill()
        _, alive = psutil.wait_procs(family, timeout=60)
        assert alive == []


def test_one_host_works_in_a_home(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Also where nobody knows of the first: its launcher was killed when it had started it."""
    kept = tmp_path / "home/.galley/attempts/of-the-first/job.json"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with (tmp_path / "home/.galley/lock").open("w") as lock, recording_service() as own:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with host_process(own, tmp_path / "home") as second:
            assert second.wait(timeout=60) == 3
    assert f"another worker host works in {tmp_path}/home/.galley" in capfd.readouterr().err
    assert kept.exists()


def test_a_host_that_is_not_known_ends(tmp_path: Path) -> None:
    with recording_service() as own:
        own.HOST_TOKEN = "another"
        home = tmp_path / "home"
        home.mkdir()
        with host_process(own, home, GALLEY_HOST_TOKEN_FILE=str(home / "mine")) as unknown:
            (home / "mine").write_text("stolen")
            assert unknown.wait(timeout=60) == 3


def test_secrets_reach_the_kernel_on_the_cluster_and_nothing_else(
    service: RecordingService, host: subprocess.Popen[bytes], project: Path, tmp_path: Path
) -> None:
    value, seen, go = "tr0ub4dor & 3", tmp_path / "seen.txt", tmp_path / "go"
    look = (
        "import galley, os, time\nfrom pathlib import Path\nvalue = galley.secret('warehouse')\n"
        "there = [p.name for p in Path.cwd().parent.rglob('*') if p.is_file()]\n"
        f"new = Path({str(tmp_path / 'new')!r})\n"
        'new.write_text(f\'{os.environ["DB"] == value} {"job.json" in there} {Path.home()}\')\n'
        f"new.rename({str(seen)!r})\n"
        f"while not Path({str(go)!r}).exists():\n    time.sleep(0.05)\n"
        "print('it is', value)\nraise RuntimeError(value)"
    )
    secrets = TaskSecrets(values={"warehouse": value}, variables={"DB": "warehouse"})
    work = assignment().model_copy(update={"secrets": secrets})
    attempt = service.give(work, single(project, look))
    until(seen.exists)
    arrives, sees_the_job, home = seen.read_text().split(" ", 2)
    assert (arrives, sees_the_job) == ("True", "False")
    folder = Path(home) / ".galley" / "attempts" / attempt
    there = [path for path in folder.rglob("*") if path.is_file()]
    assert "job.json" in {path.name for path in there}
    assert [path.name for path in there if value.encode() in path.read_bytes()] == []
    go.touch()
    outcome = service.outcome_of(attempt)
    assert outcome.failure_class is FailureClass.USER
    assert outcome.error is not None
    assert outcome.error.message.endswith("RuntimeError: [secret warehouse]")
    assert "it is [secret warehouse]" in service.log_of(attempt)
    said = [
        service.logs[attempt],
        service.notebooks[attempt, "report"],
        outcome.model_dump_json().encode(),
        *(beat.model_dump_json().encode() for beat in service.heartbeats[attempt]),
    ]
    assert not any(value.encode() in one for one in said)
