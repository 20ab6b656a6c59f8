"""Zygotes and what they fork: who may ask, what a fork is, and that nothing is left."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.inside import preload
from galley.inside.birth import NOT_BEGUN
from galley.inside.wire import Frames, frame
from galley.run import zygotes as module
from galley.run.observer import lives_on
from galley.run.walls import Walls
from galley.run.zygotes import ForkedKernel, NoZygote, Zygotes

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def zygotes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygotes]:
    made = Zygotes(tmp_path_factory.mktemp("zygotes"))
    yield made
    made.close()


class Batch:
    """A forked batch kernel, spoken to in frames."""

    def __init__(
        self,
        zygotes: Zygotes,
        folder: Path,
        *,
        isolate: bool = True,
        preload: Sequence[str] = ("pandas",),
        walls: Walls | None = None,
        gone: bool = False,
        **more: str,
    ) -> None:
        self.pipe, theirs = socket.socketpair()
        self.output = (folder / "kernel.out").open("w+b")
        if gone:
            (folder / "kernel.out").unlink()
            folder.rmdir()
        environment = {name: os.environ[name] for name in ("PATH", "HOME")}
        with theirs:
            self.process = zygotes.fork(
                python=None,
                env={**environment, "OF_THE_TASK": "yes", **more},
                cwd=folder,
                kind="batch",
                files=(theirs.fileno(), self.output.fileno(), self.output.fileno()),
                preload=preload,
                isolate=isolate,
                walls=walls,
            )
        self.frames = Frames()

    def run(self, code: str) -> str:
        """Execute a cell; return what it printed, or the name of its error."""
        self.ask(code)
        printed = ""
        while True:
            data = self.pipe.recv(1 << 16)
            assert data, "the kernel ended"
            for text, _ in self.frames.feed(data):
                message = json.loads(text)
                kind, content = message["header"]["msg_type"], message["content"]
                if kind == "stream":
                    printed += content["text"]
                elif kind == "error":
                    printed += content["ename"]
                elif kind == "status" and content["execution_state"] == "idle":
                    return printed.strip()

    def ask(self, code: str) -> None:
        header = {"msg_id": "1", "msg_type": "execute_request", "session": "s", "username": "u"}
        content = {"code": code, "silent": False, "store_history": True}
        request = {"header": header, "content": content, "metadata": {}, "parent_header": {}}
        self.pipe.sendall(frame(json.dumps(request).encode()))

    def close(self) -> None:
        self.process.kill()
        self.pipe.close()
        self.output.close()


@pytest.fixture(params=[True, False], ids=["apart", "in the same namespace"])
def batch(zygotes: Zygotes, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Batch]:
    made = Batch(zygotes, tmp_path, isolate=request.param)
    yield made
    made.close()


def zygote_of(process: ForkedKernel) -> psutil.Process:
    """Return the zygote: the last ancestor that runs its program, before it the init."""
    ancestors = psutil.Process(process.pid).parents()
    return [
        one for one in ancestors if any(word.endswith("inside/zygote.py") for word in one.cmdline())
    ][-1]


def template_of(process: ForkedKernel) -> psutil.Process:
    """Return what its zygote forks tasks from, soon after the first: its child without walls."""
    zygote = zygote_of(process)
    found: list[psutil.Process] = []

    def there() -> bool:
        found[:] = [one for one in zygote.children() if walls_of(one) == walls_of(zygote)]
        return bool(found)

    until(there)
    (template,) = found
    return template


def walls_of(process: psutil.Process) -> str | None:
    """Return the pid namespace of a process; None: it has gone."""
    with contextlib.suppress(FileNotFoundError):
        return str(Path(f"/proc/{process.pid}/ns/pid").readlink())
    return None


def gone(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_a_fork_has_its_imports_and_only_the_tasks_environment(batch: Batch) -> None:
    said = batch.run("import sys, os\nprint('pandas' in sys.modules, sorted(os.environ))")
    assert said.startswith("True")
    assert "OF_THE_TASK" in said
    assert "OPENBLAS" not in said


def test_a_fork_has_its_callers_umask_and_limits(zygotes: Zygotes, tmp_path: Path) -> None:
    """A spare as well, which was forked before anybody asked for it."""
    code = "import os, resource\nprint(os.umask(0), resource.getrlimit(resource.RLIMIT_NOFILE))"
    Batch(zygotes, tmp_path).close()  # the zygote is another one's
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    umask = os.umask(0o037)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[0] - 7, limits[1]))
    said = []
    try:
        for _ in range(3):
            one = Batch(zygotes, tmp_path)
            template_of(one.process)
            said.append(one.run(code))
            one.close()
    finally:
        os.umask(umask)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert said == [f"{0o037} ({limits[0] - 7}, {limits[1]})"] * 3


def test_two_forks_share_neither_names_nor_random_numbers(zygotes: Zygotes, tmp_path: Path) -> None:
    code = "import random, numpy\nprint('kept' in dir(), random.random(), numpy.random.rand())"
    said = []
    for _ in range(2):
        one = Batch(zygotes, tmp_path)
        said.append(one.run(f"{code}\nkept = 1"))
        one.close()
    assert [text.split()[0] for text in said] == ["False", "False"]
    assert len({number for text in said for number in text.split()[1:]}) == 4


OWN = """\
import os, sys
from ipykernel.kernelapp import IPKernelApp
app = IPKernelApp.instance()
session = app.session
lock = os.fstat(session._processes)
print(app._ahead, session.session, session.key.hex(), lock.st_ino)
"""


def test_tasks_are_forked_from_a_kernel_that_was_made_once_and_share_none_of_it(
    tmp_path: Path,
) -> None:
    own = Zygotes(tmp_path / "z")
    first = Batch(own, tmp_path)
    assert first.run(OWN).split()[0] == "False", "nobody made one for the first"
    template = template_of(first.process)
    until(lambda: len(zygote_of(first.process).children()) == 3)  # and a spare
    said = []
    for _ in range(3):  # the spare, and two for which there is none yet
        one = Batch(own, tmp_path)
        assert one.process.obstacle == ""
        assert zygote_of(one.process) == zygote_of(first.process)
        said.append(one.run(OWN).split())
        one.close()
    assert [ahead for ahead, *_ in said] == ["True"] * 3
    for number in (1, 2, 3):
        assert len({words[number] for words in said}) == 3
    assert template.is_running()
    assert template.num_threads() == 1
    first.close()
    own.close()
    until(lambda: gone(template.pid))


def test_a_new_import_makes_a_new_template(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    first = Batch(own, tmp_path, preload=["colorsys"])
    old = template_of(first.process)
    second = Batch(own, tmp_path, preload=["wave"])
    until(lambda: gone(old.pid))
    until(lambda: len(zygote_of(first.process).children()) == 4)  # two tasks, template and spare
    third = Batch(own, tmp_path, preload=["wave"])
    assert third.run("import sys\nprint('wave' in sys.modules)") == "True"
    assert third.run(OWN).split()[0] == "True"
    for one in (first, second, third):
        one.close()
    own.close()


def test_a_template_that_dies_is_replaced_and_takes_nothing_along(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    first = Batch(own, tmp_path)
    template = template_of(first.process)
    until(lambda: len(zygote_of(first.process).children()) == 3)
    second = Batch(own, tmp_path)
    assert second.run(OWN).split()[0] == "True"
    template.kill()
    until(lambda: gone(template.pid))
    assert second.run("print('alive')") == "alive"
    third = Batch(own, tmp_path)
    assert third.run("print('alive')") == "alive"
    assert template_of(first.process).pid != template.pid
    for one in (first, second, third):
        one.close()
    own.close()


def test_a_template_that_does_not_answer_is_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    first = Batch(own, tmp_path)
    zygote, template = zygote_of(first.process), template_of(first.process)
    until(lambda: len(zygote.children()) == 3)
    template.suspend()
    second = Batch(own, tmp_path)  # takes the spare; the next one is asked for in vain
    until(lambda: gone(template.pid))
    third = Batch(own, tmp_path)
    for one in (first, second, third):
        assert one.run("print('alive')") == "alive"
        one.close()
    until(lambda: all(one.status() != psutil.STATUS_ZOMBIE for one in zygote.children()))
    own.close()


def test_a_fork_is_found_by_its_outer_pid_and_interrupted(batch: Batch) -> None:
    # In short naps: what comes just before a system call waits for its end.
    batch.ask("import time\nprint('sle' 'eps', flush=True)\nwhile True:\n    time.sleep(0.05)")
    seen = b""
    while b"sleeps" not in seen:
        seen += batch.pipe.recv(1 << 16)
    os.killpg(batch.process.pid, signal.SIGINT)
    while b"KeyboardInterrupt" not in seen:
        seen += batch.pipe.recv(1 << 16)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("import os\nos._exit(3)", 3),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)", -signal.SIGSEGV),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    ],
)
def test_its_end_is_told_as_any_childs(batch: Batch, code: str, status: int) -> None:
    batch.ask(code)
    assert batch.process.wait(30) == status


DAEMON = """\
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        with open("daemon", "w") as file:
            file.write("x")
        time.sleep(600)
    os._exit(0)
os.wait()
while not os.path.exists("daemon"):
    time.sleep(0.01)
"""


def test_nothing_of_it_is_left(batch: Batch) -> None:
    batch.run(DAEMON)
    init = psutil.Process(batch.process.pid).parents()[0]
    tree = [init.pid, *(one.pid for one in init.children(recursive=True))]
    assert len(tree) >= 3
    batch.process.kill()
    assert [pid for pid in tree if not gone(pid)] == []


def test_a_daemon_that_outlives_the_kernels_own_end_is_gone_when_that_is_told(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    batch = Batch(zygotes, tmp_path)
    batch.run(DAEMON)
    init = psutil.Process(batch.process.pid).parents()[0]
    tree = [init.pid, *(one.pid for one in init.children(recursive=True))]
    batch.ask("import os\nos._exit(3)")
    assert batch.process.wait(30) == 3
    assert [pid for pid in tree if not gone(pid)] == []
    batch.close()


def test_a_client_that_goes_before_the_last_message_keeps_no_notebook_from_its_own_end(
    batch: Batch, tmp_path: Path
) -> None:
    batch.run("import atexit, pathlib\natexit.register(lambda: pathlib.Path('left').touch())")
    batch.ask("import time\nwhile not pathlib.Path('gone').exists():\n    time.sleep(0.01)")
    batch.pipe.close()
    (tmp_path / "gone").touch()
    assert batch.process.wait(30) == 0
    assert (tmp_path / "left").exists()


def test_a_zygote_outlives_news_of_one_task_that_come_at_once(tmp_path: Path) -> None:
    zygotes = Zygotes(tmp_path / "zygotes")
    first, second = (Batch(zygotes, tmp_path) for _ in range(2))
    zygote = zygote_of(first.process)
    zygote.suspend()
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(next(zygotes.folder.glob("*.sock"))))
        asking.sendall(b'{"kind": "end", "tag": ""}\n')  # first of all, it collects both
        first.ask("import os\nos._exit(3)")
        second.process.connection.shutdown(socket.SHUT_WR)
        until(lambda: gone(first.process.pid))
        zygote.resume()
        asking.settimeout(30)
        assert asking.recv(64) == b"{}\n"
    assert first.process.wait(30) == 3
    third = Batch(zygotes, tmp_path)
    assert zygote_of(third.process) == zygote
    for batch in (first, second, third):
        batch.close()
    zygotes.close()


def test_one_that_does_not_answer_keeps_no_other_from_ending_an_attempts_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    zygotes = Zygotes(tmp_path / "zygotes")
    one, other = (
        Batch(zygotes, tmp_path, preload=(), LANG=lang, GALLEY_ATTEMPT="a")
        for lang in ("C", "POSIX")
    )
    first = next(zygotes.folder.glob("*.sock")).name
    stopped, reached = (one, other) if first in zygote_of(one.process).cmdline() else (other, one)
    zygote_of(stopped.process).suspend()
    monkeypatch.setattr("galley.run.zygotes.ANSWER_S", 0.2)
    zygotes.end("a")
    assert reached.process.wait(30) == -signal.SIGKILL
    zygote_of(stopped.process).resume()
    assert stopped.process.wait(30) == -signal.SIGKILL
    for batch in (one, other):
        batch.close()
    zygotes.close()


ASK_THE_OWNERS = """
import sys
from galley.run.zygotes import Zygotes
from pathlib import Path
from typing import Any
Zygotes(Path(sys.argv[1])).end("")
Zygotes(Path(sys.argv[1])).close()
"""


def test_what_a_host_owns_is_ended_by_it_alone_and_forks_nothing_without_walls(
    tmp_path: Path,
) -> None:
    zygotes = Zygotes(tmp_path / "zygotes")
    zygotes.own()
    one = Batch(zygotes, tmp_path, isolate=False)
    assert one.process.obstacle == ""
    assert one.run(f"import os\nos.kill({os.getpid()}, 0)") == "ProcessLookupError"
    command = [sys.executable, "-c", ASK_THE_OWNERS, str(zygotes.folder)]
    subprocess.run(command, check=True, timeout=60)
    assert one.run("print('alive')") == "alive"
    zygotes.close()
    assert one.process.wait(30) == -signal.SIGKILL
    one.close()


def test_what_each_kernel_has_of_its_own_is_no_reason_for_another_interpreter(
    tmp_path: Path,
) -> None:
    zygotes = Zygotes(tmp_path / "zygotes")
    zygotes.own(at_start=("IPYTHONDIR", "SETTING"))
    first, second, third = (
        Batch(zygotes, tmp_path, IPYTHONDIR=str(tmp_path / folder), SETTING=setting)
        for folder, setting in (("a", "1"), ("b", "1"), ("b", "2"))
    )
    assert zygote_of(first.process) == zygote_of(second.process) != zygote_of(third.process)
    for one in (first, second, third):
        one.close()
    zygotes.close()


def test_one_that_goes_away_when_it_was_just_found_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def once(connection: socket.socket, *rest: Any) -> ForkedKernel:
        asked.append(connection)
        if len(asked) == 1:
            connection.close()
            raise ConnectionResetError("it has gone")
        return ask(connection, *rest)

    ask = module._ask
    monkeypatch.setattr(module, "_ask", once)
    zygotes = Zygotes(tmp_path / "zygotes")
    one = Batch(zygotes, tmp_path)
    assert one.run("print('alive')") == "alive"
    assert len(asked) == 2
    one.close()
    zygotes.close()


def test_a_zygote_that_forks_no_more_ends_an_attempts_tasks(tmp_path: Path) -> None:
    zygotes = Zygotes(tmp_path / "zygotes")
    one = Batch(zygotes, tmp_path, preload=(), GALLEY_ATTEMPT="a")
    zygote = zygote_of(one.process)
    with pytest.raises(NoZygote, match=r"unfit to be imported ahead: \['this'\]"):
        Batch(zygotes, tmp_path, preload=["this"])  # it prints a poem
    other = Batch(zygotes, tmp_path, preload=(), GALLEY_ATTEMPT="a")
    assert zygote_of(other.process) != zygote
    zygotes.end("a")
    assert [made.process.wait(30) for made in (one, other)] == [-signal.SIGKILL] * 2
    until(lambda: gone(zygote.pid))
    assert len(list(zygotes.folder.glob("*.sock"))) == 1
    for made in (one, other):
        made.close()
    zygotes.close()


def test_a_client_that_dies_takes_its_fork_with_it(zygotes: Zygotes, tmp_path: Path) -> None:
    one = Batch(zygotes, tmp_path)
    pid = one.process.pid
    one.process.connection.close()  # as the system closes it for a process that is killed
    until(lambda: gone(pid))
    one.pipe.close()
    one.output.close()


def test_a_zygote_that_dies_takes_its_forks_with_it(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    one = Batch(own, tmp_path)
    template = template_of(one.process)
    zygote_of(one.process).kill()
    assert one.process.wait(30) == -signal.SIGKILL
    until(lambda: gone(one.process.pid) and gone(template.pid))
    again = Batch(own, tmp_path)
    assert again.run("print(1 + 1)") == "2"
    again.close()
    own.close()


def until(true: object) -> None:
    deadline = time.monotonic() + 30
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_an_idle_zygote_ends(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z", idle_s=0.1)
    one = Batch(own, tmp_path)
    zygote = zygote_of(one.process)
    one.close()
    until(lambda: gone(zygote.pid))
    assert list((tmp_path / "z").glob("*.sock")) == []


def test_removing_the_folder_ends_its_zygotes(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    one = Batch(own, tmp_path)
    zygote = zygote_of(one.process)
    for file in (tmp_path / "z").iterdir():
        file.unlink()
    until(lambda: gone(zygote.pid))
    one.close()


def test_a_zygote_has_one_thread_and_no_secret(batch: Batch) -> None:
    zygote = zygote_of(batch.process)
    assert zygote.num_threads() == 1
    assert "OF_THE_TASK" in batch.run("import os\nprint(list(os.environ))")
    with contextlib.suppress(psutil.AccessDenied):  # only root can look at all
        assert "OF_THE_TASK" not in zygote.environ()


ASK = """\
import socket
asking = socket.socket(socket.AF_UNIX)
asking.connect({path!r})
print(asking.recv(1000).decode())
"""


def test_a_notebook_cannot_have_itself_forked(batch: Batch, zygotes: Zygotes) -> None:
    (path,) = zygotes.folder.glob("*.sock")
    code = ASK.format(path=str(path))
    assert "may not ask" in batch.run(code)
    by_child = f"import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', {code!r}], "
    assert "may not ask" in batch.run(f"{by_child}capture_output=True, text=True))")


TRY = {
    "signal": "os.kill(pid, signal.SIGTERM)",
    "stop a group": "os.killpg(pid, signal.SIGSTOP)",
    "a signal by a file descriptor": "signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGTERM)",
    "trace": "check(libc.ptrace(16, pid, None, None))",
    "trace without a stop": "check(libc.ptrace(0x4206, pid, None, None))",
    "take a file": "check(libc.syscall(438, os.pidfd_open(pid), 1, 0))",
    "read memory": "open(f'/proc/{pid}/mem', 'rb').read(1)",
    "write memory": "open(f'/proc/{pid}/mem', 'r+b').read(1)",
    "read the map of memory": "open(f'/proc/{pid}/maps').read()",
    "read the environment": "open(f'/proc/{pid}/environ').read()",
    "name its files": "os.readlink(f'/proc/{pid}/fd/0')",
    "see its files": "os.listdir(f'/proc/{pid}/root/')",
    "be in its folder": "os.chdir(f'/proc/{pid}/cwd')",
    "enter its namespaces": "check(libc.setns(os.open(f'/proc/{pid}/ns/pid', 0), 0))",
    "limit": "import resource; resource.prlimit(pid, resource.RLIMIT_CPU, (1, 1))",
    "slow down": "os.setpriority(os.PRIO_PROCESS, pid, 19)",
}
"""What a task may try with a process that is not its own."""
REACH = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
reached = []
for who, pid in WHO.items():
    for what, code in TRY.items():
        try:
            exec(code)
            reached.append((who, what))
        except OSError:
            pass
print(reached)
"""


def test_a_task_reaches_no_process_of_its_host_and_no_sibling(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    one, other = (Batch(zygotes, tmp_path) for _ in range(2))
    code = "import subprocess\nprint(subprocess.Popen(['sleep', '60'], env={'TOKEN': 'x'}).pid)"
    other.run(code)
    (started,) = psutil.Process(other.process.pid).children()
    host = subprocess.Popen(["sleep", "60"], env={"TOKEN": "x"}, start_new_session=True)
    who = {
        "who asked for it": os.getpid(),
        "another process of the host": host.pid,
        "zygote": zygote_of(one.process).pid,
        "template": template_of(one.process).pid,
        "its init": psutil.Process(one.process.pid).ppid(),
        "sibling": other.process.pid,
        "the sibling's init": psutil.Process(other.process.pid).ppid(),
        "what the sibling started": started.pid,
    }
    assert one.run(f"WHO, TRY = {who!r}, {TRY!r}{REACH}") == "[]"
    own = one.run("import subprocess\nown = subprocess.Popen(['sleep', '60'])\nprint(own.pid)")
    there = ("signal", "trace without a stop", "limit")
    tries = {what: TRY[what].replace("SIGTERM", "SIGCONT") for what in there}
    said = one.run(f"WHO, TRY = {{'own': {own}}}, {tries!r}{REACH}")
    assert said == str([("own", what) for what in there]), "what it tries can be done"
    for pid in (host.pid, other.process.pid, started.pid):
        assert psutil.Process(pid).status() == psutil.STATUS_SLEEPING
    host.kill()
    host.wait()
    one.close()
    other.close()


def test_a_fork_in_a_pid_namespace_reaches_nobody(zygotes: Zygotes, tmp_path: Path) -> None:
    one, sibling = Batch(zygotes, tmp_path), Batch(zygotes, tmp_path)
    assert one.process.obstacle == ""
    zygote = zygote_of(one.process)
    for pid in (os.getpid(), zygote.pid, sibling.process.pid):
        assert one.run(f"import os\nos.kill({pid}, 0)") == "ProcessLookupError"
    one.close()
    assert sibling.run("print('alive')") == "alive"
    sibling.close()


def test_a_fork_reads_nothing_of_a_program_that_a_sibling_started(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    one, sibling = Batch(zygotes, tmp_path), Batch(zygotes, tmp_path)
    starts = "import subprocess\nprogram = subprocess.Popen(['sleep', '600'], env={'TOKEN': 'x'})"
    sibling.run(starts)
    one.run(starts)
    (theirs,) = (
        other.pid
        for other in psutil.Process(sibling.process.pid).children()
        if other.name() == "sleep"
    )
    assert one.run(f"print(open('/proc/{theirs}/environ').read())") == "PermissionError"
    (own,) = (
        other.pid for other in psutil.Process(one.process.pid).children() if other.name() == "sleep"
    )
    assert "TOKEN" in one.run(f"print(open('/proc/{own}/environ').read())")
    assert "TOKEN" in Path(f"/proc/{theirs}/environ").read_text(), "its runner may"
    one.close()
    sibling.close()


def test_modules_that_start_threads_or_print_are_left_to_the_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "talks.py").write_text("print('I was imported')")
    (site / "threads.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    (site / "fails.py").write_text("raise SystemExit('not here')")
    (site / "quiet.py").write_text("value = 7")
    script = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "from galley.inside.preload import Preloader\n"
        "for name in ('quiet', 'fails', 'talks', 'threads'):\n"
        "    print(name, Preloader([]).load([name]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(site)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:4] == [
        "quiet True", "fails True", "talks False", "threads False"
    ]  # fmt: skip
    assert preload.Preloader(["quiet"]).load(["quiet"])


def memory_of(process: psutil.Process) -> bytes:
    """Return what a process has written into its own memory."""
    found = []
    with Path(f"/proc/{process.pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
            place, mode, *_ = line.split()
            if mode.startswith("rw"):
                start, end = (int(one, 16) for one in place.split("-"))
                memory.seek(start)
                with contextlib.suppress(OSError):
                    found.append(memory.read(end - start))
    return b"".join(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look into a zygote")
@pytest.mark.parametrize("again", [False, True], ids=["the first", "a spare"])
def test_a_zygote_knows_nothing_of_what_its_forks_are_told(
    zygotes: Zygotes, tmp_path: Path, *, again: bool
) -> None:
    if again:
        first = Batch(zygotes, tmp_path)
        template_of(first.process)
        first.close()
    token = "".join(reversed("f9d1-nekot-eht-si-siht"))
    batch = Batch(zygotes, tmp_path, TOKEN=token)
    assert batch.run("import os\nprint(os.environ['TOKEN'])") == token
    zygote = zygote_of(batch.process)
    assert b"ipykernel" in memory_of(zygote), "it was looked at"
    assert token.encode() not in memory_of(zygote)
    assert token.encode() in memory_of(psutil.Process(batch.process.pid))
    batch.close()


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a spare"])
def test_a_fork_that_cannot_be_what_it_is_told_says_why(
    zygotes: Zygotes, tmp_path: Path, *, again: bool
) -> None:
    if again:
        first = Batch(zygotes, tmp_path)
        template_of(first.process)
        first.close()
    folder = tmp_path / "gone"
    folder.mkdir()
    batch = Batch(zygotes, folder, gone=True)
    assert batch.process.wait(10) == NOT_BEGUN
    batch.output.seek(0)
    assert b"No such file or directory: " in batch.output.read()
    batch.close()


LOOK = """
import os
for folder, _, files in sorted(os.walk(FOLDER)):
    for name in sorted(files):
        path = os.path.join(folder, name)
        try:
            open(path, 'a').close()
            print('may change', os.path.relpath(path, FOLDER))
        except OSError as error:
            print('may read', os.path.relpath(path, FOLDER), error.strerror)
for path in ('zygotes/new', 'attempts/new', 'attempts/mine/new', 'tls/new'):
    try:
        open(os.path.join(FOLDER, path), 'w').close()
        print('made', path)
    except OSError as error:
        print('not made', path, error.strerror)
"""


@pytest.fixture
def kept(tmp_path: Path) -> Walls:
    """A host's folder, as far as a task is to see it."""
    folder = tmp_path / "host"
    for name in ("attempts/mine/data", "attempts/other/data", "tls/key", "x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return Walls(
        hidden=(folder,),
        shown=(folder / "attempts" / "mine", folder / "attempts" / "gone"),
        read_only=(folder / "tls",),
    )


BACK = """
import os
found = []
for fd in range(3, 300):
    for way in ('', '..', '../..'):
        try:
            found += [(fd, way, name) for name in os.listdir(os.open(way or '.', 0, dir_fd=fd))]
        except OSError:
            pass
print(found)
"""


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a spare"])
def test_a_task_sees_of_its_hosts_files_what_is_its_own(
    tmp_path: Path, kept: Walls, *, again: bool
) -> None:
    zygotes = Zygotes(kept.hidden[0] / "zygotes")
    if again:
        first = Batch(zygotes, tmp_path)
        template_of(first.process)
        first.close()
    (folder,) = kept.hidden
    batch = Batch(zygotes, tmp_path, walls=kept)
    assert batch.process.unwalled == ""
    assert batch.run(f"FOLDER = {str(folder)!r}{LOOK}").splitlines() == [
        "may change attempts/mine/data",
        "may read tls/key Read-only file system",
        "not made zygotes/new No such file or directory",
        "not made attempts/new Read-only file system",
        "made attempts/mine/new",
        "not made tls/new Read-only file system",
    ]
    assert batch.run(BACK) == "[]", "nor by what it has open"
    assert "Cap" not in batch.run(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        f"print('Cap' if libc.umount2({str(folder)!r}.encode(), 2) == 0 else 'no')"
    )
    batch.close()
    assert (folder / "attempts" / "mine" / "new").exists()
    assert (folder / "attempts" / "other" / "data").read_text() == "attempts/other/data"
    open_one = Batch(zygotes, tmp_path)
    assert "may change x" in open_one.run(f"FOLDER = {str(folder)!r}{LOOK}")
    open_one.close()
    zygotes.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root keeps its capabilities")
def test_a_task_has_no_capability_to_take_walls_down(zygotes: Zygotes, tmp_path: Path) -> None:
    batch = Batch(zygotes, tmp_path)
    said = batch.run("print([line for line in open('/proc/self/status') if 'Cap' in line])")
    assert said.count("0000000000000000") == 5
    batch.close()


STARTUP = "from pathlib import Path\nPath({!r}).touch()"


@pytest.mark.parametrize("owned", [True, False], ids=["of a host", "of a person"])
def test_what_runs_left_for_ipython_in_the_home_of_all_runs_is_not_executed(
    tmp_path: Path, *, owned: bool
) -> None:
    profile, ran = tmp_path / "home" / ".ipython" / "profile_default", tmp_path / "ran"
    (profile / "startup").mkdir(parents=True)
    (profile / "startup" / "00-x.py").write_text(STARTUP.format(str(ran / "startup")))
    (profile / "ipython_config.py").write_text(STARTUP.format(str(ran / "config")))
    ran.mkdir()
    made = Zygotes(tmp_path / "z")
    if owned:
        made.own()
    for _ in range(2):
        batch = Batch(made, tmp_path, preload=(), HOME=str(tmp_path / "home"))
        assert batch.run("print(1)") == "1"
        template_of(batch.process)
        batch.close()
    made.close()
    assert {one.name for one in ran.iterdir()} == (set() if owned else {"startup", "config"})


def test_that_a_kernel_has_gone_is_seen_while_its_zygote_is_busy(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    killed, other = (Batch(zygotes, tmp_path) for _ in range(2))
    zygote = zygote_of(killed.process)
    zygote.suspend()
    os.kill(killed.process.pid, signal.SIGKILL)
    assert not lives_on(killed.process)
    assert lives_on(other.process)
    zygote.resume()
    killed.process.end(10)
    assert killed.process.returncode == -signal.SIGKILL
    for batch in (killed, other):
        batch.close()


def test_an_interpreter_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoZygote, match="no kernel could be forked"):
        Zygotes(tmp_path / "z").fork(
            python=tmp_path / "python",
            env={},
            cwd=tmp_path,
            kind="batch",
            files=(0, 1, 2),
            isolate=False,
        )


def test_an_environment_without_ipykernel_says_so(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    with pytest.raises(NoZygote, match="ipykernel"):
        Zygotes(tmp_path / "z").fork(
            python=tmp_path / "v" / "bin" / "python",
            env={},
            cwd=tmp_path,
            kind="batch",
            files=(0, 1, 2),
            isolate=False,
        )


def test_a_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "z"
    folder.mkdir(mode=0o755)
    with pytest.raises(NoZygote, match="must belong to uid"):
        Batch(Zygotes(folder), tmp_path)


def test_frames_come_whole_however_they_are_cut() -> None:
    sent = frame(b'{"a": 1}', [b"one", b""]) + frame(b"{}")
    frames = Frames()
    got = [
        found for start in range(0, len(sent), 5) for found in frames.feed(sent[start : start + 5])
    ]
    assert got == [(b'{"a": 1}', [b"one", b""]), (b"{}", [])]
