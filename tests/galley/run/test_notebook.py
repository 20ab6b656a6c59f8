"""Real kernels: what an executed notebook looks like, and how each bad end is told."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import papermill
import psutil
import pytest
from galley.domain.runs import FailureClass
from galley.run.notebook import Execution, Limits, execute
from nbclient.exceptions import DeadKernelError

from tests.galley.run.projects import notebook

pytestmark = pytest.mark.integration

Cell = str | tuple[str, list[str]]

PHENOMENA: dict[str, list[Cell]] = {
    "streams": ["import sys\nprint('out')\nprint('err', file=sys.stderr)\nprint('more')"],
    "result and display": ["display({'a': 1})\n'result'", "_ * 2"],
    "display update": [
        "handle = display('one', display_id=True)",
        "handle.update('two')",
        "from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('kept')",
    ],
    "error": ["x = 1", "x / 0", "print('never')"],
    "syntax error": ["x = = 1"],
    "system exit": ["print('before')", "raise SystemExit(0)", "print('after')"],
    "system exit with a message": ["import sys\nsys.exit('stop here')"],
    "raises-exception": [("1 / 0", ["raises-exception"]), "print('after')"],
    "skipped cell": ["a = 1", "", ("print('skipped')", ["skip-execution"]), "a"],
    "magics": ["%%capture said\nprint('captured')", "said.stdout", "%pwd", "!echo shell"],
    "await": ["import asyncio\nawait asyncio.sleep(0)\n'awaited'"],
    "input": ["input('name? ')"],
    "plot": ["import matplotlib.pyplot as plt\nplt.plot([1, 2]);"],
    "carriage return": ["print('10%\\r100%')"],
    "parameters": [("a = 1", ["parameters"]), ("a = 2", ["injected-parameters"]), "a"],
}

_FIXED = {
    # what differs between any two runs of the same notebook → why
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\b": "ids",
    r"/tmp/[\w./-]+": "folders of the two runs",
    r"0x[0-9a-f]+": "memory addresses",
    r"ipykernel_\d+": "process ids in tracebacks",
}


def comparable(path: Path) -> dict[str, Any]:
    """Return an executed notebook without times, ids and paths."""
    document = nbformat.read(path, as_version=4)
    document.metadata.pop("papermill")
    for cell in document.cells:
        cell.pop("id", None)
        meta = cell.metadata.pop("papermill", {})
        cell.metadata.status = (meta.get("status"), meta.get("exception"))
        cell.metadata.pop("execution", None)
    text = json.dumps(document, sort_keys=True)
    for pattern, name in _FIXED.items():
        text = re.sub(pattern, f"<{name}>", text)
    result: dict[str, Any] = json.loads(text)
    return result


class Executed:
    """Executes notebooks below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
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
        )


@pytest.fixture
def executed(tmp_path: Path) -> Executed:
    return Executed(tmp_path)


@pytest.mark.parametrize("phenomenon", PHENOMENA)
def test_the_executed_notebook_is_papermills(
    executed: Executed, phenomenon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = PHENOMENA[phenomenon]
    ours = executed.run(*cells)
    source, peer = executed.folder / "in.ipynb", executed.folder / "peer.ipynb"
    source.write_text(json.dumps(notebook(*cells)))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    try:
        papermill.execute_notebook(
            str(source), str(peer), kernel_name="python3", progress_bar=False, cwd=executed.folder
        )
        failed = None
    except (papermill.PapermillExecutionError, DeadKernelError) as error:
        failed = error
    assert comparable(executed.output) == comparable(peer)
    assert (ours.error is None) == (failed is None)


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
        "print('kept')", "import time\nwhile True:\n    time.sleep(0.1)", seconds=3
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
    assert not any("612" in one.cmdline() for one in psutil.process_iter() if runs(one.pid))


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
        "import subprocess\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print(child.pid)"
    )
    assert result.error is None
    assert not runs(int(executed.text))


def runs(pid: int) -> bool:
    """Whether a process runs; one that only waits to be collected by its parent does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_kernel_has_only_the_given_environment(
    executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_RUNNER", "s")
    executed.run("import os\nprint(sorted(os.environ))")
    assert "TOKEN_OF_NOBODY" in executed.text
    assert "SECRET_OF_THE_RUNNER" not in executed.text


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
