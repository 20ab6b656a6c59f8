"""Real tasks on a real cluster of two workers: what they share, and what a lost worker does."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.cluster.address import ClusterAddress
from galley.cluster.gpus import Gpus, lay_out
from galley.cluster.local import LocalProvider
from galley.cluster.resources import Need
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.tenants import Profile
from galley.domain.work import Outcome
from galley.run.dask import DaskCompute, topic
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.runner import Runner
from galley.run.tasks import TaskResult, TaskSpec

from tests.galley.cluster.test_local import connect
from tests.galley.run.jobs import make_job
from tests.galley.run.projects import notebook, write_project

pytestmark = pytest.mark.integration

MIB = 2**20


@pytest.fixture(scope="module")
def gpu_locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The machine's, which another tenant might hold."""
    folder = tmp_path_factory.mktemp("gpus")
    lay_out(folder, 6)
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, gpu_locks: Path) -> Iterator[ClusterAddress]:
    """Two workers, 1000 MiB, and two GPUs, of which only the numbers are needed."""
    made = LocalProvider(
        tmp_path_factory.mktemp("cluster"),
        name="oncology",
        workers=2,
        memory=1000 * MIB,
        idle_s=60,
        gpus=(3, 5),
        machine_gpus=gpu_locks,
        preload=("galley.run.dask",),
    )
    yield made.acquire()
    made.close()


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def job_on(cluster: ClusterAddress, folder: Path, **changes: Any) -> Job:
    profile = Profile(
        display_name="P",
        cpu=changes.pop("cpu", 1),
        memory=changes.pop("memory", 400 * MIB),
        gpus=changes.pop("gpus", 0),
    )
    return make_job(
        folder, kind=RunKind.PIPELINE, cluster=cluster, profile=profile, timeout_s=90, **changes
    )


def tasks_of(folder: Path, **sources: str | tuple[str, str]) -> None:
    """Write tasks; each is code, or the task it waits for and code. ``{folder}`` is shared."""
    tasks = {}
    for name, source in sources.items():
        upstream, code = ("None", source) if isinstance(source, str) else (source[0], source[1])
        listed = upstream if upstream == "None" else f"[{upstream!r}]"
        tasks[name] = {
            "notebook": notebook(
                (f"upstream = {listed}\nproduct = None", ["parameters"]),
                "import os, time\nfrom pathlib import Path\nshared = Path('{folder}')".replace(
                    "{folder}", str(folder)
                ),
                code,
            ),
            "products": {"data": f"products/{name}.txt"},
        }
    write_project(folder / "project", tasks)


def run(job: Job) -> Outcome:
    with closing(Runner(job, Journal(job.journal), os.environ)) as runner:
        return runner.run()


def beside(job: Job, act: Callable[[], None]) -> Outcome:
    """Run a job; ``act`` in a thread meanwhile."""
    acting = threading.Thread(target=act, daemon=True)
    acting.start()
    outcome = run(job)
    acting.join(timeout=60)
    return outcome


def until(path: Path) -> str:
    pause = threading.Event()
    for _ in range(600):
        if path.exists() and (text := path.read_text()):
            return text
        pause.wait(0.1)
    raise AssertionError(f"{path.name} was never written")


OVERLAP = (
    "(shared / '{me}').touch()\n"
    "until = time.monotonic() + 4\n"
    "while not (shared / '{other}').exists() and time.monotonic() < until:\n"
    "    time.sleep(0.05)\n"
    "met = (shared / '{other}').exists()\n"
    "time.sleep(0.3)\n"
    "(shared / '{me}').unlink()\n"
    "Path(product['data']).write_text(str(met) + os.environ['CUDA_VISIBLE_DEVICES'])"
)


def both(tmp_path: Path, job: Job) -> set[str]:
    """Run two independent tasks; return whether each met the other, and its GPUs."""
    tasks_of(
        tmp_path,
        left=OVERLAP.format(me="left", other="right"),
        right=OVERLAP.format(me="right", other="left"),
    )
    outcome = run(job)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    return {(job.project / "products" / f"{one}.txt").read_text() for one in ("left", "right")}


def test_two_that_fit_run_together_and_each_sees_its_own_gpu(
    cluster: ClusterAddress, tmp_path: Path
) -> None:
    assert both(tmp_path, job_on(cluster, tmp_path, gpus=1)) == {"True3", "True5"}


def test_a_gpu_that_another_tenant_uses_is_not_taken(
    cluster: ClusterAddress, tmp_path: Path, gpu_locks: Path
) -> None:
    with Gpus(gpu_locks).some(4):  # 0 to 3
        assert both(tmp_path, job_on(cluster, tmp_path, gpus=1)) == {"False5"}


TOO_DEEP = """
import galley.run.dask as place

def again(*_):
    return again(*_)

place.run_task = again
"""


def test_whatever_a_worker_fails_by_ends_the_task(tmp_path: Path) -> None:
    """Dask tells its client nothing of an exception that it cannot pickle."""
    (tmp_path / "too_deep.py").write_text(TOO_DEEP)
    tasks_of(tmp_path, deep="1")
    failing = LocalProvider(
        tmp_path / "cluster",
        name="oncology",
        workers=1,
        memory=1000 * MIB,
        idle_s=60,
        preload=("galley.run.dask", str(tmp_path / "too_deep.py")),
    )
    try:
        outcome = run(job_on(failing.acquire(), tmp_path))
    finally:
        failing.close()
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE
    assert outcome.error is not None
    assert "'deep' could not be executed: RecursionError" in outcome.error.message


def test_two_that_do_not_fit_together_wait(cluster: ClusterAddress, tmp_path: Path) -> None:
    assert both(tmp_path, job_on(cluster, tmp_path, memory=600 * MIB)) == {"False"}


def test_what_fits_nowhere_is_refused(cluster: ClusterAddress, tmp_path: Path) -> None:
    tasks_of(tmp_path, fit="1")
    outcome = run(job_on(cluster, tmp_path, memory=1001 * MIB))
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert outcome.error.message == (
        "task 'fit' with profile 'cpu-small' fits on no worker: it needs 1001 MiB of memory; the "
        "cluster has 1000 MiB"
    )


@pytest.mark.parametrize("inline", [False, True])
def test_a_task_that_fails_as_nobody_expected_ends_the_run(
    cluster: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inline: bool
) -> None:
    spec = Runner.spec

    def spoilt(self: Runner, task: Any) -> TaskSpec:
        return spec(self, task).model_copy(update={"notebook": "no notebook"})

    monkeypatch.setattr(Runner, "spec", spoilt)
    tasks_of(tmp_path, fit="1")
    job = job_on(cluster, tmp_path)
    outcome = run(job.model_copy(update={"cluster": None}) if inline else job)
    assert outcome.state is AttemptState.FAILED
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE
    assert outcome.error is not None
    assert outcome.error.message.startswith("task 'fit' could not be executed: ")


def test_what_is_submitted_while_a_run_is_cancelled_is_withdrawn(
    cluster: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = DaskCompute.submit

    def cancelled_meanwhile(self: DaskCompute, spec: TaskSpec) -> Future[TaskResult]:
        self._cancelled.set()
        return submit(self, spec)

    monkeypatch.setattr(DaskCompute, "submit", cancelled_meanwhile)
    tasks_of(tmp_path, fit="time.sleep(600)")
    outcome = run(job_on(cluster, tmp_path))
    assert [task.state for task in outcome.tasks] == [TaskState.CANCELLED]


def test_nothing_waits_behind_a_long_notebook_while_a_worker_is_idle(
    cluster: ClusterAddress, tmp_path: Path
) -> None:
    def waiting(name: str) -> list[str]:
        return ["sh", "-c", f"while [ ! -e {tmp_path / name} ]; do sleep 0.1; done"]

    part = Need(cpu=0.5, memory=MIB).dask()
    with connect(cluster) as client:
        notebooks = [
            client.submit(subprocess.call, waiting(name), pure=False, resources=part)
            for name in ("long", "short")
        ]
        others = [
            client.submit(subprocess.call, ["true"], pure=False, resources=part) for _ in range(4)
        ]
        (tmp_path / "short").touch()
        try:
            assert [one.result(timeout=30) for one in (notebooks[1], *others)] == [0] * 5
        finally:
            (tmp_path / "long").touch()
        assert notebooks[0].result(timeout=30) == 0


def test_the_scheduler_keeps_nothing_of_what_tasks_told(
    cluster: ClusterAddress, tmp_path: Path
) -> None:
    tasks_of(tmp_path, fit="print('x' * 1000)\nPath(product['data']).touch()")
    job = job_on(cluster, tmp_path)
    assert run(job).state is AttemptState.SUCCEEDED
    with connect(cluster) as client:
        assert client.get_events(topic(str(job.attempt))) == ()


def test_notebooks_on_all_workers_have_the_runs_own_cluster_work_for_them(
    cluster: ClusterAddress, tmp_path: Path
) -> None:
    code = (
        "from distributed import Client\nclient = Client()\n"
        "total = sum(client.gather(client.map(lambda x: x * x, range(40), pure=False)))\n"
        "Path(product['data']).write_text(f'{total} {client.scheduler.address}')"
    )
    tasks_of(tmp_path, left=code, right=code, third=code)
    job = job_on(cluster, tmp_path, dask_workers=2)
    outcome = run(job)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    (said,) = {(job.project / "products" / f"{one}.txt").read_text() for one in ("left", "third")}
    assert said.startswith("20540 tls://127.0.0.1:")
    assert cluster.address not in said


TWO_TRIES = (
    "first = not (shared / 'begun').exists()\n"
    "if first:\n"
    "    Path(product['data']).write_text('first')\n"
    "    if os.fork() == 0:\n"  # it outlives the worker that is killed
    "        os.setsid()\n"
    "        while not (shared / 'go').exists():\n"
    "            time.sleep(0.05)\n"
    "        Path(product['data']).write_text('late')\n"
    "        (shared / 'late').write_text(product['data'])\n"
    "        os._exit(0)\n"
    "    (shared / 'begun').write_text(str(os.getppid()))\n"
    "    time.sleep(600)\n"
    "Path(product['data']).write_text('second')\n"
    "print('the second try')"
)
AFTER = (
    "(shared / 'go').touch()\n"
    "while not (shared / 'late').exists():\n    time.sleep(0.05)\n"
    "Path(product['data']).write_text(Path(upstream['fit']['data']).read_text())"
)


def test_how_a_task_ended_is_told_before_dask_says_so(
    cluster: ClusterAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[bool] = []
    settle = DaskCompute._settle

    def asked(self: DaskCompute, promise: Future[TaskResult], spec: TaskSpec, ended: Any) -> None:
        known.append(promise.done())
        settle(self, promise, spec, ended)

    monkeypatch.setattr(DaskCompute, "_settle", asked)
    made = "Path(product['data']).touch()"
    tasks_of(tmp_path, first=made, second=("first", made), third=("second", made))
    assert run(job_on(cluster, tmp_path)).state is AttemptState.SUCCEEDED
    assert known, "Dask said of no task that it had ended"
    assert all(known), "to fetch how a task ended takes more messages, and the runner waits"


def test_a_task_whose_worker_is_killed_has_its_effect_once_also_when_the_first_try_comes_late(
    cluster: ClusterAddress, tmp_path: Path
) -> None:
    tasks_of(tmp_path, fit=TWO_TRIES, after=("fit", AFTER))
    job = job_on(cluster, tmp_path, zygotes=None)  # a daemon does not outlive a fork's namespace

    def kill() -> None:
        os.kill(int(until(tmp_path / "begun")), signal.SIGKILL)

    outcome = beside(job, kill)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert (tmp_path / "late").read_text() != str(job.project / "products" / "fit.txt")
    for name in ("fit", "after"):
        assert (job.project / "products" / f"{name}.txt").read_text() == "second"
    log = (job.journal / "attempt.log").read_text()
    assert log.count("fit | started again") == 1
    executed = (job.notebooks / "fit.ipynb").read_text()
    assert "the second try" in executed
    assert str(job.project / "products" / "fit.txt") in executed
    assert "/tries/" not in executed


ENDS = "with (shared / 'ended').open('a') as file:\n    file.write(f'{os.getppid()} ')"
WAITS = (
    "first = not (shared / 'begun').exists()\n"
    "(shared / 'begun').write_text(str(os.getppid()))\n"
    "if first:\n"
    "    time.sleep(600)"
)


def still_known(cluster: ClusterAddress, task: str) -> list[str]:
    """Return what the scheduler has not forgotten of a task ten seconds after it has ended."""
    pause = threading.Event()
    with connect(cluster) as client:
        for _ in range(100):
            keys = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))
            if not (known := [key for key in map(str, keys) if key.endswith(f"-{task}")]):
                break
            pause.wait(0.1)
    return known


EXCHANGE = {
    "a link": "own.symlink_to(shared / 'other')",
    "another folder": "import shutil\nshutil.copytree(shared / 'other', own)",
}


@pytest.mark.parametrize("by", EXCHANGE)
def test_what_a_notebook_puts_in_place_of_its_tries_folder_is_not_taken_for_its_products(
    cluster: ClusterAddress, tmp_path: Path, by: str
) -> None:
    (tmp_path / "other" / "products").mkdir(parents=True)
    theirs = tmp_path / "other" / "products" / "load.txt"
    theirs.write_text("theirs")
    tasks_of(
        tmp_path,
        load="Path(product['data']).write_text('mine')\nown = Path(product['data']).parent.parent\n"
        f"own.rename(own.with_name('away'))\n{EXCHANGE[by]}",
    )
    outcome = run(job_on(cluster, tmp_path))
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    said = {"a link": "is a link or no folder", "another folder": "is not the folder any more"}
    assert said[by] in outcome.error.message
    assert (theirs.read_text(), theirs.is_symlink()) == ("theirs", False)
    assert not (tmp_path / "project" / "products" / "load.txt").exists()


def test_a_task_that_has_ended_is_not_executed_again_when_its_worker_is_lost(
    cluster: ClusterAddress, tmp_path: Path
) -> None:
    made = "\nPath(product['data']).write_text('made')"
    tasks_of(tmp_path, ends=ENDS + made, waits=("ends", WAITS + made))
    job = job_on(cluster, tmp_path, zygotes=None)
    remembered: list[str] = []

    def kill() -> None:
        waiting, ended = int(until(tmp_path / "begun")), int(until(tmp_path / "ended"))
        remembered.extend(still_known(cluster, "ends"))
        if ended != waiting:
            # Or what waits is sent to a worker that is dying as well, and has lost two of them.
            home = psutil.Process(ended).parent()
            assert home is not None
            before = {child.pid for child in home.children()}
            os.kill(ended, signal.SIGKILL)
            pause = threading.Event()
            while {child.pid for child in home.children()} <= before:
                pause.wait(0.02)
            with connect(cluster) as client:
                client.wait_for_workers(2, timeout=60)  # what would execute it again is there
        os.kill(waiting, signal.SIGKILL)

    outcome = beside(job, kill)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert remembered == []
    assert len((tmp_path / "ended").read_text().split()) == 1
    log = (job.journal / "attempt.log").read_text()
    assert (log.count("ends | started"), log.count("waits | started")) == (1, 2)
