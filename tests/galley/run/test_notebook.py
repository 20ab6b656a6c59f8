"""Real kernels: what an executed notebook looks like, and how each bad end is told."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
import pytest
from galley.domain.runs import FailureClass
from galley.run.notebook import Execution, execute
from galley.run.observer import FORKED, STARTED, Limits
from galley.run.sockets import KernelManager
from galley.run.zygotes import Zygotes, own_zygotes
from galley.sandbox import landlock
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from tests.galley.run.conformance import Cell, comparable, executed_cells, phenomena
from tests.galley.run.projects import notebook

pytestmark = pytest.mark.integration

STARTED_TOO = ("streams", "error", "system exit", "widgets", "input", "skipped cell", "plot")
"""Phenomena for a started kernel as well, which is papermill's own but for the observer."""


class Executed:
    """Executes notebooks below a folder."""

    def __init__(self, folder: Path, zygotes: Zygotes | None) -> None:
        self.folder = folder
        self.zygotes = zygotes
        self.output = folder / "executed.ipynb"
        self.progress: list[tuple[int, int]] = []
        self.text = ""

    def run(
        self,
        *cells: Cell,
        memory: int = 2**30,
        seconds: float = 120,
        grace_s: float = 1,
        cell_timeout_s: float | None = None,
        cancelled: Callable[[], bool] = lambda: False,
        on_text: Callable[[str], None] = lambda _: None,
    ) -> Execution:
        def take(_: str, text: str) -> None:
            self.text += text
            on_text(text)

        return execute(
            json.dumps(notebook(*cells)),
            self.output,
            task="fit",
            environment={
                **{name: os.environ[name] for name in ("PATH", "HOME")},
                "MPLBACKEND": "module://matplotlib_inline.backend_inline",
                "TOKEN_OF_NOBODY": "x",
            },
            cwd=self.folder,
            limits=Limits(
                memory=memory,
                profile="cpu-small",
                deadline=datetime.now(UTC) + timedelta(seconds=seconds),
                timeout_s=seconds,
                grace_s=grace_s,
                next_profile="cpu-large",
                cell_timeout_s=cell_timeout_s,
            ),
            cancelled=cancelled,
            on_cell=lambda cell, cells: self.progress.append((cell, cells)),
            on_text=take,
            zygotes=self.zygotes,
        )


@pytest.fixture(scope="module")
def zygotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    made = Zygotes(tmp_path_factory.mktemp("zygotes"))
    yield made
    made.close()


@pytest.fixture(params=[STARTED, FORKED])
def executed(tmp_path: Path, request: pytest.FixtureRequest, zygotes: Zygotes) -> Executed:
    return Executed(tmp_path, zygotes if request.param == FORKED else None)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the zygotes of papermill's engine of ours live; a short path, for their sockets."""
    folder = tmp_path_factory.mktemp("runtime")
    yield folder
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_RUNTIME_DIR", str(folder))
        own_zygotes().close()


def by_papermill(source: Path, output: Path, engine: str, **options: Any) -> Exception | None:
    """Have papermill execute a notebook in a folder of its own; return what it failed with."""
    folder = output.with_suffix("")
    folder.mkdir()
    try:
        papermill.execute_notebook(
            str(source),
            str(output),
            engine_name=engine,
            kernel_name="python3",
            progress_bar=False,
            cwd=folder,
            **options,
        )
    except (papermill.PapermillExecutionError, DeadKernelError) as error:
        return error
    return None


@pytest.mark.parametrize("phenomenon", phenomena())
def test_the_executed_notebook_is_papermills(
    tmp_path: Path,
    phenomenon: str,
    zygotes: Zygotes,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of the fork that executes a batch, and of the forked kernel with sockets."""
    cells = phenomena()[phenomenon]
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # ipykernel would not capture what C code prints
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    for name in ("forked", "started"):
        (tmp_path / name).mkdir()
    source, peer, kernel = (tmp_path / f"{name}.ipynb" for name in ("in", "peer", "kernel"))
    source.write_text(json.dumps(notebook(*cells)))
    # With papermill's own manager it waits for ever, sometimes.
    failed = by_papermill(source, peer, "nbclient", kernel_manager_class=KernelManager)
    ours = by_papermill(source, kernel, "galley-kernel")
    assert type(ours) is type(failed)
    assert comparable(kernel) == comparable(peer), "galley-kernel"
    engines = {FORKED: Executed(tmp_path / "forked", zygotes)}
    if phenomenon in STARTED_TOO:
        engines[STARTED] = Executed(tmp_path / "started", None)
    for way, executed in engines.items():
        done = executed.run(*cells)
        assert done.kernel == way
        assert (done.error is None) == (failed is None), done.error
        assert comparable(executed.output) == comparable(peer), way


@pytest.mark.parametrize(
    "phenomenon",
    # To papermill SystemExit(0) is a good end, to nbclient an error: there we are papermill's.
    [name for name in STARTED_TOO if name != "system exit"],
)
def test_the_executed_notebook_is_nbclients(
    tmp_path: Path, phenomenon: str, zygotes: Zygotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What papermill adds, its banners and its status, is left out."""
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    cells = phenomena()[phenomenon]
    peer = tmp_path / "peer.ipynb"
    document = nbformat.reads(json.dumps(notebook(*cells)), as_version=4)
    (tmp_path / "peer").mkdir()
    client = NotebookClient(
        document,
        kernel_manager_class=KernelManager,
        resources={"metadata": {"path": str(tmp_path / "peer")}},
    )
    failed = None
    try:
        client.execute()
    except (CellExecutionError, DeadKernelError) as error:
        failed = error
    nbformat.write(document, peer)
    (tmp_path / "ours").mkdir()
    executed = Executed(tmp_path / "ours", zygotes)
    done = executed.run(*cells)
    assert (done.error is None) == (failed is None), done.error
    assert executed_cells(executed.output) == executed_cells(peer)


def test_a_long_cell_is_saved_while_it_runs(
    executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It prints until its own output is in the notebook on disk."""
    monkeypatch.setattr("galley.run.notebook.AUTOSAVE_S", 1)

    def look(_: str) -> None:
        outputs = json.loads(executed.output.read_text())["cells"][0]["outputs"]
        if "tick" in str(outputs):
            (executed.folder / "seen").touch()

    result = executed.run(
        "import time\nfrom pathlib import Path\n"
        "while not Path('seen').exists():\n    print('tick', flush=True)\n    time.sleep(0.1)",
        on_text=look,
        seconds=30,
    )
    assert result.error is None


def test_progress_and_text_come_as_they_happen(executed: Executed) -> None:
    seen: list[tuple[int, int]] = []
    result = executed.run(
        "print('one')", "print('two')", on_text=lambda _: seen.extend(executed.progress[-1:])
    )
    assert result.error is None
    assert executed.progress == [(0, 2), (1, 2), (2, 2)]
    assert seen[0] == (0, 2)
    assert executed.text == "one\ntwo\n"
    assert result.peak_memory > 2**20


def test_output_is_read_to_its_end_however_late(tmp_path: Path) -> None:
    executed = Executed(tmp_path, None)
    result = executed.run(
        *("for line in range(30):\n    print(line, flush=True)", "print('after')"),
        on_text=lambda _: time.sleep(0.2),
    )
    assert result.error is None
    assert executed.text.split() == [*map(str, range(30)), "after"]


def test_a_name_that_no_cell_defines_is_named(executed: Executed) -> None:
    result = executed.run("a = 1", "df2.head()")
    assert result.failure_class is FailureClass.USER
    assert result.error is not None
    assert result.error.cell == 1
    assert result.error.message == "cell 2 uses `df2`, which no cell of this notebook defines"


def test_memory_over_the_limit_is_told_with_its_cell(executed: Executed) -> None:
    result = executed.run(
        "a = 1",
        "import time\nkept = []\nwhile True:\n    kept.append(bytearray(20 * 2**20))\n"
        "    time.sleep(0.02)",
        memory=300 * 2**20,
    )
    assert result.failure_class is FailureClass.OUT_OF_MEMORY
    assert result.error is not None
    assert result.error.message.startswith("out of memory in cell 2: ")
    assert result.error.message.endswith("of 300 MiB; the next profile is cpu-large")


def test_the_deadline_interrupts_and_keeps_the_partial_notebook(executed: Executed) -> None:
    result = executed.run(
        "print('kept')", "import time\nwhile True:\n    time.sleep(0.1)", seconds=8
    )
    assert result.failure_class is FailureClass.TIMEOUT
    cells = nbformat.read(executed.output, as_version=4).cells
    assert any("kept" in str(cell.get("outputs")) for cell in cells)


def test_a_cell_has_a_deadline_of_its_own(executed: Executed) -> None:
    result = executed.run(
        "import time\ntime.sleep(1.2)",
        "time.sleep(1.2)",
        ("time.sleep(2.5)", ["timeout:60"]),
        "while True:\n    time.sleep(0.1)",
        cell_timeout_s=2,
    )
    assert result.failure_class is FailureClass.TIMEOUT
    assert result.error is not None
    assert result.error.message.startswith("reached the time limit of a cell, 2 s, in cell 4")
    assert result.cell == 3


def test_what_cuts_itself_off_is_ended_all_the_same(executed: Executed) -> None:
    result = executed.run(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        os.execve('/bin/sleep', ['sleep', '612'], {})\n"
        "    os._exit(0)\n"
        "os.wait()\ntime.sleep(0.3)"
    )
    assert result.error is None
    assert not runs("612")


def test_who_ignores_the_interrupt_is_killed(executed: Executed) -> None:
    result = executed.run(
        "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "while True:\n    time.sleep(0.1)",
        seconds=3,
    )
    assert result.failure_class is FailureClass.TIMEOUT
    assert json.loads(executed.output.read_text())["cells"]


def test_cancelling_is_no_failure(executed: Executed) -> None:
    running = threading.Event()
    result = executed.run(
        "print('go')\nimport time\ntime.sleep(600)",
        cancelled=running.is_set,
        on_text=lambda _: running.set(),
    )
    assert result.cancelled
    assert result.failure_class is None


@pytest.mark.parametrize(
    ("code", "failure", "says"),
    [
        ("import os\nos._exit(7)", FailureClass.USER, "ended itself with exit code 7 in cell 1"),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
            FailureClass.USER,
            "crashed with SIGSEGV in cell 1",
        ),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
            FailureClass.USER,
            "crashed with SIGKILL in cell 1: cell 1 calls os.kill(os.getpid(), signal.SIGKILL)",
        ),
        (  # as from outside: nothing in the notebook says so
            "import os, signal\nme = os.getpid()\nos.kill(me, signal.SIGKILL)",
            FailureClass.INFRASTRUCTURE,
            "was killed in cell 1",
        ),
    ],
)
def test_a_kernel_that_dies(
    executed: Executed, code: str, failure: FailureClass, says: str
) -> None:
    result = executed.run(code)
    assert result.failure_class is failure
    assert result.error is not None
    assert says in result.error.message


def test_nothing_that_the_notebook_started_outlives_it(executed: Executed) -> None:
    result = executed.run(
        "import subprocess\nsubprocess.Popen(['sleep', '613'], start_new_session=True)\nprint('on')"
    )
    assert result.error is None
    assert executed.text == "on\n"
    assert not runs("613")


def runs(word: str) -> bool:
    """Whether a process with this word in its command line runs."""
    for one in psutil.process_iter(["cmdline", "status"]):
        if word in (one.info["cmdline"] or ()) and one.info["status"] != psutil.STATUS_ZOMBIE:
            return True
    return False


def test_the_kernel_has_only_the_given_environment(
    executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_RUNNER", "s")
    executed.run("import os\nprint(sorted(os.environ))")
    assert "TOKEN_OF_NOBODY" in executed.text
    assert "SECRET_OF_THE_RUNNER" not in executed.text


@pytest.mark.skipif(landlock.version() < landlock.REFER, reason="this system has no Landlock")
def test_a_kernel_reaches_no_program_of_another_task(executed: Executed) -> None:
    program = subprocess.Popen(["sleep", "600"], env={"TOKEN": "of another task"})
    # Root may read an environment all the same; what it may not trace, it cannot follow either.
    executed.run(
        "import os\n"
        f"for look in (lambda: os.readlink('/proc/{program.pid}/exe'), "
        f"lambda: os.kill({program.pid}, 9)):\n"
        "    try:\n        print(look())\n"
        "    except OSError as error:\n        print(type(error).__name__)"
    )
    first, second = executed.text.split()
    assert first == "PermissionError"
    assert second in {"PermissionError", "ProcessLookupError"}
    assert program.poll() is None
    program.kill()
    program.wait()


def test_walls_that_a_started_kernel_lacks_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    told = Executed(tmp_path, None).run("1").kernel
    assert told == f"{STARTED}: it reaches other processes of its uid: {landlock.enter()}"


def test_a_kernel_of_the_authors_machine_is_replaced(executed: Executed) -> None:
    document = notebook("1 + 1")
    document["metadata"]["kernelspec"]["name"] = "conda-env-mine"
    (executed.folder / "n").write_text(json.dumps(document))
    result = execute(
        json.dumps(document),
        executed.output,
        task="fit",
        environment={name: os.environ[name] for name in ("PATH", "HOME")},
        cwd=executed.folder,
        limits=Limits(2**30, "p", datetime.now(UTC) + timedelta(seconds=60), 60, 1),
        cancelled=lambda: False,
        on_cell=lambda *_: None,
        on_text=lambda *_: None,
    )
    assert result.error is None
