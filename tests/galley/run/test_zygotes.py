"""Zygotes and what they fork: who may ask, what a fork is, and that nothing is left."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.inside import zygote as program
from galley.inside.birth import NOT_BEGUN
from galley.inside.wire import Frames, frame
from galley.run import variables
from galley.run import zygotes as module
from galley.run.observer import lives_on
from galley.run.processes import lives
from galley.run.wanted import Unwanted
from galley.run.zygotes import ForkedKernel, NoZygote, Zygotes

from tests.galley.run.batches import Batch, gone, prepare_spare, template_of, until, zygote_of

pytestmark = pytest.mark.integration


@pytest.fixture(params=[True, False], ids=["apart", "in the same namespace"])
def batch(zygotes: Zygotes, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Batch]:
    made = Batch(zygotes, tmp_path, isolate=request.param)
    yield made
    made.close()


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


def test_what_it_spawns_imports_what_lies_beside_the_notebook(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    (tmp_path / "beside.py").write_text("def twice(x):\n    return 2 * x")
    batch = Batch(zygotes, tmp_path)
    code = (
        "import beside, multiprocessing\n"
        "with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "    print(pool.map(beside.twice, [21]))"
    )
    assert batch.run(code) == "[42]"
    batch.close()


def test_two_forks_share_neither_names_nor_random_numbers(zygotes: Zygotes, tmp_path: Path) -> None:
    code = "import random, numpy\nprint('kept' in dir(), random.random(), numpy.random.rand())"
    said = []
    for _ in range(2):
        one = Batch(zygotes, tmp_path)
        said.append(one.run(f"{code}\nkept = 1"))
        one.close()
    assert [text.split()[0] for text in said] == ["False", "False"]
    assert len({number for text in said for number in text.split()[1:]}) == 4


KEEPS = """\
import random, numpy
free = random.Random(), numpy.random.default_rng(), numpy.random.RandomState()
given = random.Random(3), numpy.random.default_rng(3), numpy.random.RandomState(3)
"""


def test_what_a_library_seeded_with_nothing_draws_other_numbers_in_each_fork(
    tmp_path: Path,
) -> None:
    """A spare as well, which was forked before anybody asked for it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    (site,) = (tmp_path / "v" / "lib").glob("*/site-packages")
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    (site / "keeps.py").write_text(KEEPS)
    own, python = Zygotes(tmp_path / "z"), tmp_path / "v" / "bin" / "python"
    code = "print(*(one.random() for one in keeps.free), *(one.random() for one in keeps.given))"
    said = []
    for _ in range(3):
        one = Batch(own, tmp_path, preload=["keeps"], python=python)
        template_of(one.process)
        assert one.run("import sys\nprint('keeps' in sys.modules)") == "True"
        said.append(one.run(f"import keeps\n{code}").split())
        one.close()
    own.close()
    assert [len({*drawn}) for drawn in zip(*said, strict=True)] == [3, 3, 3, 1, 1, 1]


@pytest.mark.parametrize("where", ["edited", "edited in place", "replaced"])
@pytest.mark.parametrize("owned", [False, True], ids=["one's own", "a host's"])
def test_a_package_that_changed_is_imported_anew(
    tmp_path: Path, *, where: str, owned: bool
) -> None:
    """A spare as well, which has the old one. What is installed for a host is only replaced."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    (site,) = (tmp_path / "v" / "lib").glob("*/site-packages")
    source = tmp_path / "source"
    source.mkdir()
    (site / "ours.pth").write_text(f"{sysconfig.get_path('purelib')}\n{source}")
    folder = source if where == "edited" else site
    (folder / "ours").mkdir()
    file = folder / "ours" / "__init__.py"
    file.write_text("print_me = 1")
    own, python = Zygotes(tmp_path / "z"), tmp_path / "v" / "bin" / "python"
    if owned:
        own.own()
    first = Batch(own, tmp_path, preload=["ours"], python=python)
    template_of(first.process)
    again = Batch(own, tmp_path, preload=["ours"], python=python)
    assert zygote_of(first.process) == zygote_of(again.process)
    file.write_text("print_me = 22")
    if where == "replaced":
        (site / "ours-2.dist-info").mkdir()
    second = Batch(own, tmp_path, preload=["ours"], python=python)
    stays = owned and where == "edited in place"
    assert second.run("import ours\nprint(ours.print_me)") == ("1" if stays else "22")
    assert first.run("import ours\nprint(ours.print_me)") == "1"
    assert (zygote_of(first.process) == zygote_of(second.process)) == stays
    for one in (first, again, second):
        one.close()
    own.close()


SETTING = "import os, sys\nVALUE = os.environ.get('SETTING', 'none')\n"
READY = "import sys\nprint('reads' in sys.modules, end=' ')\nimport reads\nprint(reads.VALUE)"


@pytest.mark.parametrize("owned", [False, True], ids=["one's own", "a host's"])
def test_what_a_library_reads_of_the_environment_when_it_is_imported_is_the_tasks(
    tmp_path: Path, *, owned: bool
) -> None:
    """A host's zygote starts with nothing that came with a version."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    (site,) = (tmp_path / "v" / "lib").glob("*/site-packages")
    (site / "ours.pth").write_text(sysconfig.get_path("purelib"))
    (site / "reads.py").write_text(SETTING)
    own, python = Zygotes(tmp_path / "z"), tmp_path / "v" / "bin" / "python"
    if owned:
        own.own()

    def said(assigned: tuple[str, ...] = (), **more: Any) -> str:
        one = Batch(own, tmp_path, preload=["reads"], python=python, assigned=assigned, **more)
        printed = one.run(READY)
        assert "SETTING" not in zygote_of(one.process).environ() or not owned
        one.close()
        return printed

    for _ in range(2):
        assert said() == "True none"
        assert said(SETTING="a") == f"{not owned} a"
        assert said(OTHER="b") == "True none"
    assert said(("OTHER",)) == "True none"
    assert said(("SETTING",)) == said(("OMP_NUM_THREADS",)) == "False none"
    own.close()


def test_what_was_read_need_not_be_kept_for_a_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk is no reason to execute a task outside of its walls."""

    def without_room(file: Path, names: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    own = Zygotes(tmp_path / "z")
    monkeypatch.setattr(variables, "write_names", without_room)
    one = Batch(own, tmp_path, preload=["pandas"])
    assert one.run("import sys\nprint('pandas' in sys.modules)") == "True"
    assert not (tmp_path / "z" / "read").exists()
    one.close()
    own.close()


def test_a_folder_with_settings_of_matplotlib_has_it_imported_there(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "matplotlibrc").write_text("lines.linewidth: 7")
    for folder, width in ((tmp_path, "1.5"), (tmp_path / "there", "7.0")):
        one = Batch(own, folder, preload=["matplotlib.pyplot"])
        assert one.run("import matplotlib\nprint(matplotlib.rcParams['lines.linewidth'])") == width
        one.close()
    own.close()


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
    until(lambda: all(map(lives, zygote.children())))
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


def test_what_the_loader_reads_when_a_process_starts_is_the_callers(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    library = Path("/proc/self/maps").read_text().partition("libc.so.6")[0].split()[-1]
    copy = tmp_path / "libutil.so.1"
    copy.write_bytes(Path(f"{library}libutil.so.1").read_bytes())
    code = "import ctypes\nctypes.CDLL('libutil.so.1')\nprint(open('/proc/self/maps').read())"
    callers: list[dict[str, Any]] = [
        {"LD_LIBRARY_PATH": str(tmp_path)},
        {"LD_PRELOAD": str(copy)},
        {},
    ]
    for more in callers:
        one = Batch(own, tmp_path, preload=(), **more)
        assert (str(copy) in one.run(code)) == bool(more)
        one.close()
    own.close()


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
    one = Batch(zygotes, tmp_path, preload=())
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


def test_what_is_unfit_is_known_to_the_zygotes_that_come_after(tmp_path: Path) -> None:
    """Or a notebook that imports it and one that does not take turns to lose their zygote."""
    zygotes = Zygotes(tmp_path / "zygotes")
    one = Batch(zygotes, tmp_path, preload=["json"])
    with pytest.raises(NoZygote, match=r"unfit to be imported ahead: \['this'\]"):
        Batch(zygotes, tmp_path, preload=["this"])
    again = Batch(zygotes, tmp_path, preload=["json"])
    unfit = Batch(zygotes, tmp_path, preload=["this", "json"])
    assert zygote_of(one.process) != zygote_of(again.process) == zygote_of(unfit.process)
    assert unfit.run("import this").startswith("The Zen of Python")
    for made in (one, again, unfit):
        made.close()
    zygotes.close()


def test_a_client_that_dies_takes_its_fork_with_it(zygotes: Zygotes, tmp_path: Path) -> None:
    one = Batch(zygotes, tmp_path)
    pid = one.process.pid
    one.process.connection.close()  # as the system closes it for a process that is killed
    until(lambda: gone(pid))
    one.pipe.close()
    one.output.close()


SPEAKS_FOR_ITSELF = """
import contextlib, os, stat
own = get_ipython().kernel.session.pipe.fileno()
for fd in map(int, os.listdir("/proc/self/fd")):
    with contextlib.suppress(OSError):
        if fd != own and stat.S_ISSOCK(os.fstat(fd).st_mode):
            os.write(fd, b'{"status": 0}\\n')
print("said")
"""


@pytest.mark.parametrize("isolate", [True, False])
def test_a_task_cannot_say_that_it_has_ended(tmp_path: Path, isolate: bool) -> None:
    own = Zygotes(tmp_path / "z")
    for _ in range(2):  # the first one is not made ahead
        one = Batch(own, tmp_path, isolate=isolate, preload=())
        assert one.run(SPEAKS_FOR_ITSELF) == "said"
        assert one.process.poll() is None
        assert one.run("print('still here')") == "still here"
        if isolate:
            template_of(one.process)
        one.close()
    own.close()


def test_what_is_forked_for_clients_that_have_gone_meanwhile_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go(*_: object) -> None:
        raise ValueError("the client ends")

    own = Zygotes(tmp_path / "z", idle_s=0.1)
    one = Batch(own, tmp_path)
    zygote = zygote_of(one.process)
    until(lambda: len(zygote.children()) == 3)  # the task, the template and a spare
    zygote.suspend()
    monkeypatch.setattr(module, "_answer", go)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        files = (theirs.fileno(), one.output.fileno(), one.output.fileno())
        for _ in range(3):
            with pytest.raises(NoZygote, match="the client ends"):
                own.fork(
                    python=None,
                    env={name: os.environ[name] for name in ("PATH", "HOME")},
                    cwd=tmp_path,
                    kind="batch",
                    files=files,
                    isolate=True,
                )
        zygote.resume()
        one.close()
        until(lambda: gone(zygote.pid))


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


PRELOAD = """\
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from galley.inside.preload import Preloader
kept = Path(sys.argv[1], "kept.unfit")
kept.touch()
preloader = Preloader(sys.argv[2:3], kept)
for name in sys.argv[2:]:
    print(name, preloader.load([name]))
assert preloader.unfit == Preloader([], kept).unfit
print(*sorted(preloader.unfit))
"""


def test_modules_that_start_threads_print_or_ask_for_ipython_are_left_to_the_notebook(
    tmp_path: Path,
) -> None:
    """Those, too, that fail then; but not what is imported after them."""
    prints = "print('I was imported')\n"
    starts = (
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    fails = "raise SystemExit('not here')\n"
    asks = "from IPython import get_ipython\nNOTEBOOK = get_ipython() is not None\n"
    modules = {
        "known": prints,
        "asks": asks,
        "asks_by_name": "try:\n    get_ipython()\nexcept NameError:\n    pass\n",
        "asks_when_called": f"def ask():\n    {asks}".replace("\nN", "\n    N"),
        "quiet": "value = 7\n",
        "fails": fails,
        "talks": prints,
        "talks_and_fails": prints + fails,
        "threads": starts,
        "threads_and_fails": starts + fails,
        "calm": "value = 8\n",
    }
    for name, source in modules.items():
        (tmp_path / f"{name}.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-c", PRELOAD, tmp_path, *modules],
        capture_output=True,
        text=True,
        check=True,
    )
    *told, unfit = done.stdout.splitlines()
    fit = {"asks_when_called", "known", "quiet", "fails", "calm"}
    assert told == [f"{name} {name in fit}" for name in modules]
    assert {*unfit.split()} == {*modules} - fit | {"known"}


PLOT = "import matplotlib.pyplot as plt\nplt.plot([1])\nprint(plt.get_fignums())"


def test_what_one_notebook_imports_for_its_plots_takes_none_from_the_next(tmp_path: Path) -> None:
    """A figure that is drawn into the notebook is closed then; the other one would stay open."""
    own = Zygotes(tmp_path / "z")
    backend = "module://matplotlib_inline.backend_inline"
    imports = ["matplotlib.pyplot", "matplotlib_inline.backend_inline"]
    first = Batch(own, tmp_path, preload=imports, MPLBACKEND=backend)
    first.run("from matplotlib_inline.backend_inline import set_matplotlib_formats")
    second = Batch(own, tmp_path, preload=imports[:1], MPLBACKEND=backend)
    assert zygote_of(first.process) == zygote_of(second.process)
    for one in (first, second):
        one.run(PLOT)
        assert one.run("print(plt.get_fignums())") == "[]"
        one.close()
    own.close()


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a spare"])
def test_a_fork_that_cannot_be_what_it_is_told_says_why(
    zygotes: Zygotes, tmp_path: Path, *, again: bool
) -> None:
    if again:
        prepare_spare(zygotes, tmp_path)
    folder = tmp_path / "gone"
    folder.mkdir()
    batch = Batch(zygotes, folder, gone=True)
    assert batch.process.wait(10) == NOT_BEGUN
    batch.output.seek(0)
    assert b"No such file or directory: " in batch.output.read()
    batch.close()


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


def test_a_zygote_that_nobody_wants_any_more_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends when who has it started wants it no more, and leaves the lock to others."""
    slow = tmp_path / "slow.py"
    slow.write_text("import os, time\nos.mkdir(str(os.getpid()))\ntime.sleep(600)")
    monkeypatch.setattr(program, "__file__", str(slow))
    own = Zygotes(tmp_path / "z")

    def pids() -> list[int]:
        return [int(one.name) for one in own.folder.iterdir() if one.is_dir()]

    with pytest.raises(Unwanted):
        Batch(own, tmp_path, wanted=lambda: not pids())
    (pid,) = pids()
    assert gone(pid)
    with next(own.folder.glob("*.lock")).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Unwanted):
            Batch(own, tmp_path, wanted=lambda: False)
    assert pids() == [pid]


def test_an_answer_that_nobody_wants_any_more_is_not_waited_for(tmp_path: Path) -> None:
    own = Zygotes(tmp_path / "z")
    one = Batch(own, tmp_path)
    zygote = zygote_of(one.process)
    until(lambda: len(zygote.children()) == 3)  # the task, the template and a spare
    zygote.suspend()
    with pytest.raises(Unwanted):
        Batch(own, tmp_path, wanted=lambda: False)
    zygote.resume()
    other = Batch(own, tmp_path)
    assert other.run("print('alive')") == "alive"
    for batch in (one, other):
        batch.close()
    until(lambda: len(zygote.children()) == 2)
    own.close()


def test_one_that_does_not_answer_in_time_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Zygotes(tmp_path / "z")
    one = Batch(own, tmp_path)
    zygote_of(one.process).suspend()
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    with pytest.raises(NoZygote, match=r"has not answered for 0\.2 s"):
        Batch(own, tmp_path)
    zygote_of(one.process).resume()
    one.close()
    own.close()


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
