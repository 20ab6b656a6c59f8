"""Notebooks that misbehave: each ends in the right state, says what happened, and leaves nothing.

Each is a job of its own, as a rehearsal runs it; a plain one runs after it in the same process.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.work import Outcome
from galley.run.job import Job
from galley.run.journal import Journal, read_outcome, read_report
from galley.run.runner import Runner
from galley.sandbox import cgroup

from tests.galley.run.forking import zygotes
from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

pytestmark = pytest.mark.integration

PR_SET_CHILD_SUBREAPER = 36

ENGINES: dict[str, dict[str, Any]] = {
    "started": {"zygotes": None},
    "forked": {"zygotes": zygotes()},
}
"""Name of an engine → what a job says to have it."""

MIB = 2**20


@dataclass(frozen=True)
class Hostile:
    """A notebook and the end that it deserves.

    Attributes:
        cells: of the notebook; ``{folder}`` is the attempt's folder.
        says: parts of the sentence.
        job: limits that are not the usual ones.
        groups: whether there may be control groups.
    """

    cells: tuple[str, ...]
    state: AttemptState = AttemptState.SUCCEEDED
    failure: FailureClass | None = None
    says: tuple[str, ...] = ()
    job: dict[str, Any] = field(default_factory=dict)
    groups: bool = True


_DAEMON = (
    "import os, sys, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        os.chdir('/')\n"
    "        {then}\n"
    "    os._exit(0)\n"
    "os.wait()\n"
)
_FAILED = AttemptState.FAILED
_USER = FailureClass.USER

HOSTILE = {
    "forks and lets the child live on": Hostile(
        ("import os, time\nif os.fork() == 0:\n    time.sleep(600)\n    os._exit(0)",)
    ),
    "daemonises": Hostile((_DAEMON.format(then="time.sleep(600)"), "'done'")),
    "daemonises under another name and environment": Hostile(
        (_DAEMON.format(then="os.execve('/bin/sleep', ['innocent', '600'], {})"), "time.sleep(0.3)")
    ),
    "lets a daemon allocate": Hostile(
        (
            _DAEMON.format(then="kept = b'x' * (900 * 2**20); time.sleep(600)"),
            "time.sleep(600)",
        ),
        _FAILED,
        FailureClass.OUT_OF_MEMORY,
        ("out of memory in cell 3: ", " of 400 MiB; the next profile is cpu-large"),
        {"memory": 400 * MIB},
    ),
    "closes stdout": Hostile(
        ("import os, sys\nsys.stdout.close()\nos.close(1)\nos.close(2)", "x = 1"),
    ),
    "changes directory": Hostile(
        ("import os\nos.chdir('/')", "open('/proc/self/comm').read()"),
    ),
    "ignores all signals": Hostile(
        (
            "import signal, time\n"  # noqa: ISC004
            "for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n"
            "    signal.signal(one, signal.SIG_IGN)\n"
            "while True:\n    time.sleep(1)",
        ),
        AttemptState.TIMED_OUT,
        FailureClass.TIMEOUT,
        ("the run reached its time limit of 5 s in cell 2",),
        {"timeout_s": 5, "grace_s": 0.5},
    ),
    "fills the disk": Hostile(
        (
            "import time\nwith open('{folder}/big', 'wb') as file:\n"  # noqa: ISC004
            "    for _ in range(40):\n        file.write(b'x' * 2**20)\ntime.sleep(600)",
        ),
        _FAILED,
        _USER,
        ("scratch is full", "20.0 MiB is the limit with the profile 'cpu-small'"),
        {"scratch_limit": 20 * MIB, "grace_s": 0.5},
    ),
    "fills the disk with a file that it has deleted": Hostile(
        (
            "import os, time\nwith open('{folder}/big', 'wb') as file:\n"  # noqa: ISC004
            "    os.unlink(file.name)\n"
            "    for _ in range(40):\n        file.write(b'x' * 2**20)\n    time.sleep(600)",
        ),
        _FAILED,
        _USER,
        ("scratch is full", "20.0 MiB is the limit with the profile 'cpu-small'"),
        {"scratch_limit": 20 * MIB, "grace_s": 0.5, "timeout_s": 20},
    ),
    "prints without measure": Hostile(
        ("for _ in range(100):\n    print('x' * 2**20)", "'after'"),
        job={"max_output": MIB, "max_cell": 2 * MIB},
    ),
    "prints a lot at once": Hostile(
        ("print('x' * 150_000_000)", "'after'"),
        job={"max_output": MIB, "max_cell": 2 * MIB},
    ),
    "closes all files": Hostile(
        ("import os\nos.closerange(3, 1000)", "'after'"),
        _FAILED,
        _USER,
        ("the kernel ", " in cell 2: cell 2 calls os.closerange()"),
    ),
    "kills the parent of its shell": Hostile(
        ("!kill -9 $PPID", "'after'"), _FAILED, _USER, ("cell 2", "kill -9 $PPID")
    ),
    "allocates without end": Hostile(
        ("kept = []\nwhile True:\n    kept.append(b'x' * 2**24)",),
        _FAILED,
        FailureClass.OUT_OF_MEMORY,
        ("out of memory in cell 2: ", " of 400 MiB; the next profile is cpu-large"),
        {"memory": 400 * MIB},
    ),
    "keeps what it allocates in files that lie in memory": Hostile(
        (
            "import os, time\nfd = os.memfd_create('x')\nfor _ in range(900):\n"  # noqa: ISC004
            "    os.write(fd, b'x' * 2**20)\ntime.sleep(600)",
        ),
        _FAILED,
        FailureClass.OUT_OF_MEMORY,
        ("out of memory in cell 2: ", " of 400 MiB; the next profile is cpu-large"),
        {"memory": 400 * MIB, "timeout_s": 20},
        groups=False,
    ),
    "sleeps for ever": Hostile(
        ("x = 1", "import time\ntime.sleep(10**6)"),
        AttemptState.TIMED_OUT,
        FailureClass.TIMEOUT,
        ("reached the time limit of a cell, 2 s, in cell 3",),
        {"cell_timeout_s": 2, "grace_s": 0.5},
    ),
    "leaves by os._exit": Hostile(
        ("import os\nos._exit(3)",), _FAILED, _USER, ("ended itself with exit code 3 in cell 2",)
    ),
    "starts threads that never end": Hostile(
        (
            "import threading, time\n"  # noqa: ISC004
            "for _ in range(20):\n    threading.Thread(target=time.sleep, args=(600,)).start()",
        )
    ),
    "crashes": Hostile(
        ("import ctypes\nctypes.string_at(0)",), _FAILED, _USER, ("crashed with SIGSEGV in cell 2",)
    ),
    "recurses for ever": Hostile(
        ("def f():\n    return f()\nf()",), _FAILED, _USER, ("RecursionError", "cell 2")
    ),
    "raises what has a novel for its name": Hostile(
        ("raise type('X' * 20_000_000, (Exception,), {})('v')",), _FAILED, _USER, ("cell 2",)
    ),
    "raises a novel": Hostile(
        ("raise ValueError('x' * 50_000_000)",), _FAILED, _USER, ("ValueError", "cell 2")
    ),
}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ENGINES[request.param]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "project").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="module")
def _takes_orphans() -> Iterator[None]:
    """Orphans of this process's tests become its children; other work on the machine does not."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@pytest.fixture(autouse=True)
def leaves_nothing() -> Iterator[None]:
    """No process that began during the test is alive after it."""
    before = set(psutil.pids())
    yield
    left = [one for one in psutil.Process().children() if one.pid not in before and _is_left(one)]
    assert left == []


def _is_left(process: psutil.Process) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # What kernels are forked from stays for the next test.
        return process.cwd() != str(zygotes())
    except psutil.NoSuchProcess:
        return False


def job_of(folder: Path, *cells: str, **changes: Any) -> Job:
    text = [cell.replace("{folder}", str(folder / "attempt")) for cell in cells]
    single(folder / "project", *text)
    fields = {"timeout_s": 60, "next_profile": "cpu-large", **changes}
    return make_job(folder, **fields)


def run(job: Job, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.chdir(job.project)
    return Runner(job, Journal(job.journal), os.environ).run()


@pytest.mark.parametrize("how", HOSTILE)
def test_each_ends_as_it_deserves_and_harms_nobody(
    tmp_path: Path, engine: dict[str, Any], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = HOSTILE[how]
    if not hostile.groups:
        monkeypatch.setattr(cgroup, "ROOT", tmp_path)
    job = job_of(tmp_path / "one", *hostile.cells, **hostile.job, **engine)
    outcome = run(job, monkeypatch)
    sentence = outcome.error.message if outcome.error else ""
    assert (outcome.state, outcome.failure_class) == (hostile.state, hostile.failure), sentence
    assert [part for part in hostile.says if part not in sentence] == [], sentence
    assert len(sentence) < 10_000
    assert len(outcome.model_dump_json()) < 200_000
    assert json.loads((job.notebooks / "report.ipynb").read_bytes())["cells"]

    plain = run(job_of(tmp_path / "two", "import os", "print(os.getcwd())", **engine), monkeypatch)
    assert (plain.state, plain.error) == (AttemptState.SUCCEEDED, None)


def test_what_is_printed_without_measure_is_cut_everywhere_and_kept_whole(
    tmp_path: Path, engine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    limits = {"max_output": MIB, "max_cell": 2 * MIB}
    job = job_of(
        tmp_path / "one",
        "for i in range(200):\n    print('x' * 2**20, flush=True)",
        **limits,
        **engine,
    )
    assert run(job, monkeypatch).state is AttemptState.SUCCEEDED
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert grown < 150 * MIB
    assert (job.journal / "attempt.log").stat().st_size < 128 * MIB
    assert "is cut here" in (job.journal / "attempt.log").read_text()
    notebook = job.notebooks / "report.ipynb"
    assert notebook.stat().st_size < 2 * MIB
    (output,) = nbformat.read(notebook, as_version=4).cells[-1].outputs
    assert output.text.endswith(
        "[stdout is cut here, after 1.0 MiB; the whole is file 'report.cell-2.stdout.txt' of this "
        "attempt]\n"
    )
    whole = job.outputs / "report.cell-2.stdout.txt"
    assert whole.stat().st_size == 200 * (MIB + 1)


@pytest.mark.parametrize(
    ("cell", "file"),
    [
        ("display({'text/plain': 'x'}, metadata={'big': 'y' * 30_000_000}, raw=True)", "json"),
        ("import ipywidgets\nipywidgets.HTML('x' * 30_000_000)", None),
        ("for i in range(20_000):\n    display(i)", "jsonl"),
        (
            "shown = [display('a', display_id=True) for _ in range(30)]\n"  # noqa: ISC004
            "for one in shown:\n    one.update({'text/plain': 'z' * 1_000_000}, raw=True)",
            "txt",
        ),
    ],
    ids=["metadata", "widget", "number", "updates"],
)
def test_whatever_is_put_out_without_measure_is_cut(
    tmp_path: Path, cell: str, file: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"max_output": MIB, "max_cell": 2 * MIB, "timeout_s": 120}
    job = job_of(tmp_path / "one", cell, **limits)
    assert run(job, monkeypatch).state is AttemptState.SUCCEEDED
    assert (job.notebooks / "report.ipynb").stat().st_size < 4 * MIB
    if file is None:
        assert (
            "widgets with more than 2.0 MiB of state" in (job.journal / "attempt.log").read_text()
        )
    else:
        assert list(job.outputs.glob(f"report.cell-2.*.{file}"))


def test_the_error_that_ends_a_cell_is_told_after_any_number_that_did_not(
    tmp_path: Path, engine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(
        tmp_path / "one",
        "for i in range(300):\n    get_ipython().showtraceback((KeyError, KeyError(i), None))\n"
        "raise LookupError('the last')",
        **engine,
        max_cell=10_000,
    )
    outcome = run(job, monkeypatch)
    assert outcome.failure_class is FailureClass.USER
    outputs = nbformat.read(job.notebooks / "report.ipynb", as_version=4).cells[-1].outputs
    assert len(outputs) < 50
    assert (outputs[-1].ename, outputs[-1].evalue) == ("LookupError", "the last")


def test_who_kills_its_parent_fails_alone(tmp_path: Path, engine: dict[str, Any]) -> None:
    job = job_of(
        tmp_path / "one",
        "x = 1",
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(5)",
        **engine,
    )
    path = tmp_path / "job.json"
    path.write_text(job.model_dump_json())
    mark = uuid.uuid4().hex
    runner = subprocess.Popen(
        [sys.executable, "-P", "-m", "galley.run", str(path)],
        env={**os.environ, "TEST_MARK": mark},
    )
    returncode = runner.wait(timeout=120)
    outcome = read_outcome(job.journal)
    if job.zygotes is not None:  # In its pid namespace it cannot even reach its own parent.
        assert outcome is not None
        assert outcome.state is AttemptState.SUCCEEDED
        return
    if returncode == -signal.SIGKILL:  # Then its host says what was running.
        assert outcome is None
        report = read_report(job.journal)
        assert report is not None
        assert report.tasks[0].cell == 2
    else:
        assert outcome is not None
        assert outcome.state is AttemptState.FAILED
        assert outcome.error is not None
