"""Real kernels: what an executed notebook looks like, and how each bad end is told."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import psutil
import pytest
from galley.domain.runs import FailureClass
from galley.run.notebook import execute
from galley.run.observer import FORKED, STARTED, Limits
from galley.run.zygotes import Zygotes
from galley.sandbox import landlock

from tests.galley.run.executing import Executed
from tests.galley.run.projects import notebook
from tests.galley.run.test_guard import DiskThatIsFull

pytestmark = pytest.mark.integration


@pytest.fixture(params=[STARTED, FORKED])
def executed(tmp_path: Path, request: pytest.FixtureRequest, zygotes: Zygotes) -> Executed:
    return Executed(tmp_path, zygotes if request.param == FORKED else None)


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


def test_what_a_notebook_installs_has_not_been_imported_before(
    executed: Executed, zygotes: Zygotes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    Executed(tmp_path_factory.mktemp("before"), zygotes).run("import colorsys")
    installs = "import sys\nif not sys:\n    %pip install x\nprint('colorsys' in sys.modules)"
    done = executed.run(installs)
    assert executed.text == "False\n"
    assert done.kernel == (FORKED if executed.zygotes else STARTED)


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


def test_what_nbclient_cannot_take_is_a_failure_of_its_cell(executed: Executed) -> None:
    result = executed.run(
        "import ipywidgets\none, other = ipywidgets.Output(), ipywidgets.Output()",
        "one.__enter__()\nother.__enter__()\none.__exit__(None, None, None)",
        "print('after')",
        seconds=60,
    )
    assert (result.failure_class, result.cell) == (FailureClass.USER, 1)
    assert result.error is not None
    assert "in cell 2: what it sent could not be taken, AssertionError" in result.error.message


def test_a_comm_of_no_widget_may_have_any_state(executed: Executed) -> None:
    result = executed.run(
        "from comm import create_comm\n"
        "status = create_comm(target_name='status', data={'state': 'running'})\n"
        "status.send({'state': ['done']})",
        "print('after')",
        seconds=60,
    )
    assert result.error is None
    assert executed.text == "after\n"


def test_a_task_that_is_not_watched_any_more_is_ended(
    executed: Executed, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = DiskThatIsFull()
    monkeypatch.setattr("galley.run.observer.Meter", lambda _: full)
    result = executed.run("import time\ntime.sleep(600)", seconds=300)
    assert result.failure_class is FailureClass.INFRASTRUCTURE
    assert result.error is not None
    assert "could not be held to its limits: [Errno 28] No space left" in result.error.message


def test_a_kernel_that_never_answers_is_no_failure_of_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "jupyter" / "kernels" / "sleepy"
    folder.mkdir(parents=True)
    spec = {"argv": ["sleep", "600"], "display_name": "Sleepy", "language": "sleepy"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setattr("galley.run.engine.START_S", 2)
    document = notebook("first")
    document["metadata"]["kernelspec"] = {"name": "sleepy", **spec}
    result = Executed(tmp_path, None).execute(json.dumps(document), seconds=120)
    assert result.failure_class is FailureClass.INFRASTRUCTURE
    assert result.error is not None
    assert result.error.message == "the kernel did not answer within 2 s of its start"
    assert "didn't respond in 2 seconds" in result.error.evalue


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
    forked = executed.zygotes is not None  # it does not even see that there is one
    assert first == ("FileNotFoundError" if forked else "PermissionError")
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
