"""The cluster that notebooks reach with a plain ``Client()``: theirs alone, there when needed."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.domain.runs import AttemptState, RunKind
from galley.domain.tenants import Profile
from galley.domain.usage import Used
from galley.domain.work import Outcome, TaskSecrets
from galley.run.environment import has_dask
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.lines import MAX_LINE
from galley.run.locked import Locked
from galley.run.redaction import Redactor
from galley.run.runner import Runner
from galley.run.scaling import NAME, NotebookCluster, Printed, Size, size_of
from galley.run.zygotes import ForkedKernel, Zygotes

from tests.galley.run.batches import Batch, zygote_of
from tests.galley.run.forking import zygotes
from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

pytestmark = pytest.mark.integration

MIB = 2**20
CLIENT = "import os, time\nfrom distributed import Client\nclient = Client()"


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    """Write a notebook; return its job."""

    def made(*cells: str, memory: int = 1024 * MIB, **changes: Any) -> Job:
        single(tmp_path / "project", *cells)
        monkeypatch.chdir(tmp_path / "project")
        profile = Profile(display_name="P", cpu=1, memory=memory)
        given = {"kind": RunKind.TRIAL, "profile": profile, "dask_workers": 2, **changes}
        return make_job(tmp_path, private=tmp_path / "host", **given)

    return made


def run(job: Job) -> tuple[Outcome, str]:
    with closing(Runner(job, Journal(job.journal), os.environ)) as runner:
        outcome = runner.run()
    return outcome, (job.journal / "attempt.log").read_text()


def succeeds(job: Job) -> str:
    outcome, log = run(job)
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    return log


def processes_in(folder: Path) -> list[int]:
    """Return the processes with this working directory."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(folder):
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def test_a_run_that_uses_none_starts_none(job: Callable[..., Job]) -> None:
    assert "dask" not in succeeds(job("print('no client')"))


def test_its_workers_are_there_at_once_and_are_in_the_notebooks_folder_and_environment(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "beside.py").write_text("def twice(x):\n    return 2 * x")
    given = job(
        CLIENT,
        "print('threads', client.nthreads().values())",
        "import beside\nprint('twice', client.submit(beside.twice, 21).result())",
        "mine = os.getcwd(), os.environ['GALLEY_RUN_ID']\n"
        "theirs = client.run(lambda: (os.getcwd(), os.environ['GALLEY_RUN_ID']))\n"
        "print('same', set(theirs.values()) == {mine})",
    )
    log = succeeds(given)
    assert "a cluster of this run's own for its notebooks, 2 workers of 512.0 MiB each" in log
    for said in ("threads dict_values([1, 1])", "twice 42", "same True"):
        assert f"| {said}" in log
    assert processes_in(tmp_path / "project") == [os.getpid()], "nothing of it is left"
    lines = (given.journal / "usage.jsonl").read_text().splitlines()
    used = [point for point in map(Used.model_validate_json, lines) if point.task == NAME]
    assert used[-1].memory > MIB
    assert used[-1].cpu_s > 0


REACHES = """
def reaches():
    import ctypes, os, pathlib, signal
    found = sorted(str(one) for one in pathlib.Path(HOST).rglob("*"))
    for pid in PIDS:
        try:
            os.kill(pid, 0)
            found.append(pid)
        except OSError:
            pass
    libc = ctypes.CDLL(None)
    found += ["umount"] if libc.umount2(HOST.encode(), 2) == 0 else []
    return found
print("reached", client.submit(reaches).result())
"""


def test_what_it_executes_is_within_the_walls_of_its_notebook(
    job: Callable[..., Job], tmp_path: Path
) -> None:
    host = tmp_path / "host"
    (host / "cluster").mkdir(parents=True)
    (host / "cluster" / "key.pem").write_text("of what executes tasks")
    known = f"HOST, PIDS = {str(host)!r}, {[os.getpid(), os.getppid()]}\n"
    assert "| reached []" in succeeds(job(CLIENT, known + REACHES))


def test_a_cluster_that_a_notebook_shuts_down_comes_back_with_its_next_client(
    job: Callable[..., Job],
) -> None:
    log = succeeds(
        job(
            f"{CLIENT}\nclient.shutdown()",
            f"{CLIENT}\nprint('again', client.submit(lambda: 'there').result())",
        )
    )
    assert "| again there" in log
    assert log.count("dask: a cluster of this run's own") == 2
    assert "by itself" not in log


def test_what_its_workers_print_is_in_the_log_without_secrets(job: Callable[..., Job]) -> None:
    secrets = TaskSecrets(values={"password": "h4rd-t0-gu3ss"}, variables={"PW": "password"})
    log = succeeds(
        job(
            CLIENT,
            "client.submit(lambda: print('printed', os.environ['PW'], flush=True)).result()",
            "time.sleep(0.5)",
            secrets=secrets,
        )
    )
    assert "galley | dask: printed [secret password]" in log
    assert "h4rd" not in log


def test_one_that_takes_too_much_memory_is_ended_and_said_so(job: Callable[..., Job]) -> None:
    fills = (
        "def fill():\n"
        "    import subprocess, sys, time\n"
        "    code = 'import time; kept = bytearray(2**30); kept[::4096] = bytes(2**18)'\n"
        "    subprocess.run([sys.executable, '-c', code + '; time.sleep(60)'])\n"
        "    time.sleep(60)\n"  # what it started may be ended before it
        "try:\n"
        "    client.submit(fill, pure=False, retries=0).result(timeout=60)\n"
        "except BaseException as error:\n"
        "    print('lost', type(error).__name__)\n"
        "client.close(timeout=1)"
    )
    log = succeeds(job(CLIENT, fills, memory=512 * MIB))
    assert "| lost " in log
    assert "dask: the cluster used more than 768.0 MiB of memory and was ended" in log


def test_it_ends_with_a_run_that_is_cancelled(job: Callable[..., Job], tmp_path: Path) -> None:
    made = job(CLIENT, "Path = __import__('pathlib').Path\nPath('begun').touch()\ntime.sleep(600)")
    runner = Runner(made, Journal(made.journal), os.environ)
    say = runner.journal.write

    def cancel_once_begun(text: str, **named: Any) -> None:
        say(text, **named)
        if "dask: a cluster" in text:
            runner.cancel()

    runner.journal.write = cancel_once_begun  # type: ignore[method-assign]
    with closing(runner):
        assert runner.run().state is AttemptState.CANCELLED
    assert processes_in(tmp_path / "project") == [os.getpid()]


SIZE = Size(workers=4, memory=1024 * MIB)


def refused(folder: Path, zygotes: Zygotes, environment: dict[str, str]) -> list[str]:
    """Have a client wait until it is refused; return what the log says."""
    said: list[str] = []
    cluster = NotebookCluster(folder, name="t", size=SIZE, zygotes=zygotes, say=said.append)
    with closing(cluster):
        cluster.open(
            python=None, environment=environment, cwd=folder, walls=None, redactor=Redactor({})
        )
        port = int(cluster.address.address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.settimeout(60)
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    return said


def test_where_none_can_be_started_a_client_is_refused_and_the_log_says_why(tmp_path: Path) -> None:
    nowhere = tmp_path / "no-folder"
    nowhere.write_text("")
    (said,) = refused(tmp_path, Zygotes(nowhere), {})
    assert said.startswith("dask: no cluster for this run's notebooks: no kernel could be forked")


def test_one_that_cannot_be_what_it_is_to_be_is_given_up(tmp_path: Path) -> None:
    given = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}  # nothing that encrypts
    said = refused(tmp_path, Zygotes(zygotes()), given)
    assert said.count("dask: the cluster ended by itself (1)") == 3
    assert said[-1] == "dask: no cluster for this run's notebooks: it has failed 3 times"


class ZygotesThatTell(Zygotes):
    """Tell that a fork is asked for."""

    asked = threading.Event()

    def fork(self, **of: Any) -> ForkedKernel:
        self.asked.set()
        return super().fork(**of)


def test_one_that_is_yet_to_be_forked_holds_up_no_end(tmp_path: Path) -> None:
    own, said = ZygotesThatTell(tmp_path / "z"), list[str]()
    first = Batch(own, tmp_path)
    zygote = zygote_of(first.process)
    zygote.suspend()
    own.asked.clear()
    try:
        cluster = NotebookCluster(tmp_path, name="t", size=SIZE, zygotes=own, say=said.append)
        with closing(cluster):
            environment = {name: os.environ[name] for name in ("PATH", "HOME")}
            cluster.open(
                python=None,
                environment=environment,
                cwd=tmp_path,
                walls=None,
                redactor=Redactor({}),
            )
            port = int(cluster.address.address.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)):
                assert own.asked.wait(60)
        assert said == []
    finally:
        zygote.resume()
        first.close()
        own.close()


def test_one_that_prints_without_end_ends_all_the_same(job: Callable[..., Job]) -> None:
    floods = (
        "def flood():\n"
        "    import os\n"
        "    while True:\n"
        "        os.write(1, b'x' * 4000 + b'\\n')\n"
        "futures = client.map(lambda _: flood(), range(2), pure=False)\n"
        "time.sleep(2)\n"
        "print('done')"
    )
    log = succeeds(job(CLIENT, floods))
    assert "| done" in log
    assert "no more of what it prints is kept than 1 MiB" in log
    assert "has not ended yet" not in log


@pytest.mark.parametrize(
    ("memory", "workers"), [(4096, 4), (1024, 4), (600, 2), (256, 1), (100, 1)]
)
def test_there_are_no_more_workers_than_have_room(memory: int, workers: int) -> None:
    size = size_of(4, memory * MIB)
    assert (size.workers, size.each) == (workers, memory * MIB // workers)


def test_an_environment_without_a_lock_is_the_platforms_which_has_dask() -> None:
    assert has_dask(None)
    assert has_dask(Locked())


def test_what_it_prints_has_no_values_however_it_is_cut() -> None:
    said = list[str]()
    printed = Printed(said.append, Redactor({"db": "hunter2"}))
    for data in (b"a" * (MAX_LINE - 3) + b"hunt", b"er2\nhun", b"ter2\n", b"hunt", b""):
        printed.take(data)
    lines = [line.removeprefix("dask: ") for line in said]
    assert "".join(lines[:2]) == "a" * (MAX_LINE - 3) + "[secret db]"
    assert lines[2:] == ["[secret db]", "hunt"]
