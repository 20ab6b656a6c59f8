"""What a task reaches of other processes, and what it sees of the files and memory of its host."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.domain.runs import AttemptState
from galley.domain.work import TaskSecrets
from galley.inside.birth import NOT_BEGUN
from galley.run.held import OwnSharedMemory, shared_memory
from galley.run.journal import Journal
from galley.run.runner import Runner
from galley.run.walls import Walls
from galley.run.zygotes import Zygotes

from tests.galley.run.batches import Batch, prepare_spare, template_of, zygote_of
from tests.galley.run.jobs import make_job
from tests.galley.run.projects import single

pytestmark = pytest.mark.integration


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
    assert one.run(f"print(open('/proc/{theirs}/environ').read())") == "FileNotFoundError"
    assert "TOKEN" in one.run("print(open(f'/proc/{program.pid}/environ').read())")
    assert "TOKEN" in Path(f"/proc/{theirs}/environ").read_text(), "its runner may"
    one.close()
    sibling.close()


PSUTIL = (
    "import os, psutil\n"
    "print(psutil.Process().ppid() == os.getppid(), sorted(psutil.pids()) == [1, os.getpid()])"
)


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a spare"])
def test_a_task_finds_itself_in_proc_and_no_process_of_its_host(
    zygotes: Zygotes, tmp_path: Path, *, again: bool
) -> None:
    if again:
        prepare_spare(zygotes, tmp_path)
    batch = Batch(zygotes, tmp_path)
    assert batch.process.foreign == ""
    assert batch.run(PSUTIL) == "True True"
    batch.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cover a part of /proc")
def test_where_proc_is_covered_a_task_is_told_of_and_reads_nothing_of_a_sibling(
    tmp_path: Path,
) -> None:
    covered = tmp_path / "python"
    cover = f'mount --bind /proc/irq /proc/irq; exec {sys.executable} "$@"'
    covered.write_text(f"#!/bin/sh\nexec unshare --mount sh -c '{cover}' python \"$@\"\n")
    covered.chmod(0o755)
    zygotes = Zygotes(tmp_path / "z")
    one, sibling = (Batch(zygotes, tmp_path, python=covered) for _ in range(2))
    assert one.process.obstacle == ""
    assert "not permitted" in one.process.foreign
    sibling.run("import subprocess\nsubprocess.Popen(['sleep', '600'], env={'TOKEN': 'x'})")
    (theirs,) = psutil.Process(sibling.process.pid).children()
    assert one.run(f"print(open('/proc/{theirs.pid}/environ').read())") == "PermissionError"
    one.close()
    sibling.close()
    zygotes.close()


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
        prepare_spare(zygotes, tmp_path)
    token = "".join(reversed("f9d1-nekot-eht-si-siht"))
    batch = Batch(zygotes, tmp_path, TOKEN=token)
    assert batch.run("import os\nprint(os.environ['TOKEN'])") == token
    zygote = zygote_of(batch.process)
    assert b"ipykernel" in memory_of(zygote), "it was looked at"
    assert token.encode() not in memory_of(zygote)
    assert token.encode() in memory_of(psutil.Process(batch.process.pid))
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
    for up in range(9):
        try:
            way = '/'.join(['..'] * up) or '.'
            found += [(fd, way, name) for name in os.listdir(os.open(way, 0, dir_fd=fd))]
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
        prepare_spare(zygotes, tmp_path)
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


LEAVE = """
import os, pathlib
place = pathlib.Path(PLACE)
print(sorted(path.name for path in place.iterdir()))
(place / os.environ["WHO"]).write_text("left")
"""


@pytest.mark.parametrize("again", [False, True], ids=["the first", "a spare"])
def test_a_task_finds_in_folders_of_all_what_its_own_attempt_left(
    zygotes: Zygotes, tmp_path: Path, *, again: bool
) -> None:
    if again:
        prepare_spare(zygotes, tmp_path)
    place, data = tmp_path / "place", tmp_path / "place" / "data"
    data.mkdir(parents=True)
    (place / "of the host").touch()
    (data / "set").touch()
    found = []
    for who, attempt in (("one", "first"), ("two", "first"), ("three", "second")):
        inner = tmp_path / attempt
        inner.mkdir(exist_ok=True)
        walls = Walls(own={place: inner}, shown=(data,))
        batch = Batch(zygotes, tmp_path, walls=walls, WHO=who)
        found.append(batch.run(f"PLACE = {str(place)!r}{LEAVE}"))
        assert batch.run(f"print(os.listdir({str(data)!r}))") == "['set']"
        batch.close()
    assert found == ["['data']", "['data', 'one']", "['data']"]
    assert sorted(one.name for one in place.iterdir()) == ["data", "of the host"]
    assert sorted(one.name for one in (tmp_path / "first").iterdir()) == ["data", "one", "two"]


def test_what_is_open_in_a_task_leads_out_of_no_folder_of_its_own(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    (tmp_path / "inner").mkdir()
    place = tmp_path / "place"
    place.mkdir()
    batch = Batch(zygotes, tmp_path, walls=Walls(own={place: tmp_path / "inner"}))
    assert batch.run(BACK) == "[]"
    batch.close()


SWAP = """
import os, pathlib
home = pathlib.Path(HOME)
os.rename(home / ".galley", home / "away")
os.symlink(ELSEWHERE, home / ".galley")
print("swapped")
"""


def test_a_link_that_a_task_leaves_in_its_home_leads_no_later_one_astray(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    home, elsewhere, inner = (tmp_path / name for name in ("home", "elsewhere", "inner"))
    project = home / ".galley" / "attempts" / "mine" / "project"
    for folder in (project, elsewhere, inner):
        folder.mkdir(parents=True)
    (project / "data").touch()
    walls = Walls(own={home: inner}, shown=(project,))
    named = f"HOME, ELSEWHERE = {str(home)!r}, {str(elsewhere)!r}"
    first = Batch(zygotes, tmp_path, walls=walls)
    assert first.run(named + SWAP) == "swapped"
    first.close()
    assert (inner / ".galley").is_symlink()
    second = Batch(zygotes, tmp_path, walls=walls)
    assert second.run(f"import os\nprint(os.listdir({str(project)!r}))") == "['data']"
    second.close()
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_its_own_that_is_a_link_ends_a_task_before_it_begins(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    place, host = tmp_path / "place", tmp_path / "host"
    place.mkdir()
    host.mkdir()
    (tmp_path / "inner").symlink_to(host)
    batch = Batch(zygotes, tmp_path, walls=Walls(own={place: tmp_path / "inner"}))
    assert batch.process.wait(timeout=30) == NOT_BEGUN
    batch.close()


def test_one_folder_of_its_own_may_lie_in_the_place_of_another(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    own = {home: home / "own" / "home", temporary: home / "own" / "temporary"}
    for folder in (*own.values(), temporary):
        folder.mkdir(parents=True)
        (folder / folder.parent.name).touch()
    batch = Batch(zygotes, tmp_path, walls=Walls(own=own))
    seen = batch.run(f"import os\nprint(os.listdir({str(home)!r}), os.listdir({str(temporary)!r}))")
    batch.close()
    assert seen == "['own'] ['own']"


def test_what_is_mounted_in_a_folder_of_all_stays(zygotes: Zygotes, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    walls = Walls(own={Path("/dev"): tmp_path / "inner"})
    batch = Batch(zygotes, tmp_path, walls=walls)
    there = batch.run("import os\nprint(os.path.ismount('/dev/shm'), os.path.exists('/dev/zero'))")
    batch.close()
    assert there == "True False"


def test_shared_memory_is_a_tasks_own_and_counts_until_it_ends(
    zygotes: Zygotes, tmp_path: Path
) -> None:
    batch = Batch(zygotes, tmp_path, walls=Walls(shared_memory=64 * 2**20))
    assert batch.run("print('begun')") == "begun"
    pid = batch.process.pid
    own = OwnSharedMemory(pid, 64 * 2**20)
    assert shared_memory([pid], own) == 0
    writes = "open('/dev/shm/galley-left', 'wb').write(bytes(8 * 2**20))"
    assert batch.run(f"{writes}\nprint('closed')") == "closed"
    assert shared_memory([pid], own) == 8 * 2**20
    assert batch.run("open('/dev/shm/more', 'wb').write(bytes(80 * 2**20))") == "OSError"
    batch.close()
    assert not Path("/dev/shm/galley-left").exists()
    own.close()
    assert shared_memory([pid], own) == 0, "it has gone"
    assert OwnSharedMemory(os.getpid(), 2**20).used() == (None, 0), "that of all is nobody's own"


STARTED_SEES = """
import ctypes, os, pathlib
import galley
home = pathlib.Path(HOME)
(home / "left").write_text("x")
print("sees", sorted(one.name for one in home.iterdir()), os.listdir(home / ".galley" / "attempts"))
ways = ["/".join([".."] * up) for up in range(1, 9)]
print("climbs to", [way for way in ways if os.path.exists(f"{way}/key")])
print("umount", ctypes.CDLL(None).umount2(HOME.encode(), 2), len(galley.secret("password")))
"""


@pytest.mark.parametrize("started", [True, False], ids=["started", "forked"])
def test_a_kernel_has_walls_however_it_came_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, started: bool
) -> None:
    """As in a host, which keeps attempts in the home folder that each of them has for itself."""
    home = tmp_path / "home"
    private, folder = home / ".galley", home / ".galley" / "attempts" / "mine"
    for other in (home, private, private / "attempts", private / "attempts" / "other"):
        other.mkdir(exist_ok=True)
        (other / "key").touch()
    single(folder / "project", f"HOME = {str(home)!r}{STARTED_SEES}")
    monkeypatch.chdir(folder / "project")
    changes: dict[str, Any] = {"zygotes": None} if started else {}
    job = make_job(
        folder,
        private=private,
        own_scratch=(home,),
        secrets=TaskSecrets(values={"password": "h4rd-t0-gu3ss"}),
        **changes,
    )
    outcome = Runner(job, Journal(job.journal), os.environ).run()
    log = (job.journal / "attempt.log").read_text()
    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert "| sees ['.galley', 'left'] ['mine']" in log
    assert "| climbs to []" in log
    assert "| umount -1 13" in log
    assert sorted(one.name for one in home.iterdir()) == [".galley", "key"]


def test_a_task_has_no_capability_to_take_walls_down(zygotes: Zygotes, tmp_path: Path) -> None:
    batch = Batch(zygotes, tmp_path)
    said = batch.run("print(*(x for x in open('/proc/self/status') if x.startswith('Cap')))")
    batch.close()
    sets = [int(line.split()[1], 16) for line in said.splitlines()]
    assert len(sets) == 5
    takes_down = 1 << 21 if os.geteuid() == 0 else ~0  # CAP_SYS_ADMIN; root keeps its others
    assert [one & takes_down for one in sets] == [0] * 5


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
