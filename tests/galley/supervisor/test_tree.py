"""The process tree: whoever dies, and however, nothing stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.sandbox import processes
from galley.supervisor.child import ChildState
from galley.supervisor.status import Status, read_status

PATIENCE_S = 30


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return value


def living(home: Path) -> dict[int, str]:
    """Return pid → command line of every process that works for this home."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if str(home) in words and process.status() != psutil.STATUS_ZOMBIE:
                found[process.pid] = " ".join(words)
    return found


class Sleepers:
    """A supervisor of sleeping children."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.process: subprocess.Popen[str] | None = None

    def start(self, *options: str, behaviour: str = "", **more: Any) -> subprocess.Popen[str]:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.galley.supervisor.sleepers", str(self.home), *options],
            env=os.environ | {"BEHAVIOUR": behaviour},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **more,
        )
        return self.process

    def ready(self, since: Callable[[Status], bool] = lambda _: True) -> Status:
        """Wait until every child is ready and return the status."""

        def found() -> Status | None:
            status = read_status(self.home)
            return status if status and status.ready and since(status) else None

        status: Status = until(found)
        return status

    def supervisor(self) -> int:
        assert self.process is not None
        (child,) = psutil.Process(self.process.pid).children()
        return child.pid

    def output(self) -> str:
        assert self.process is not None
        return self.process.communicate(timeout=PATIENCE_S)[0]


@pytest.fixture
def sleepers(tmp_path: Path) -> Iterator[Sleepers]:
    running = Sleepers(tmp_path / "home")
    yield running
    for pid in living(running.home):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if running.process:
        running.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(sleepers: Sleepers, number: signal.Signals) -> None:
    process = sleepers.start()
    sleepers.ready()
    # foreground, supervisor, two children and the orphan of each
    assert len(living(sleepers.home)) == 6
    process.send_signal(number)
    assert "stopped" in sleepers.output()
    assert process.returncode == 0
    assert living(sleepers.home) == {}
    assert read_status(sleepers.home) is None


def test_a_second_signal_ends_the_stubborn(sleepers: Sleepers) -> None:
    process = sleepers.start(behaviour="stubborn")
    sleepers.ready()
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "stopping" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    assert "that did not stop by themselves" in sleepers.output()
    assert living(sleepers.home) == {}


def test_killing_the_foreground_leaves_nothing(sleepers: Sleepers) -> None:
    process = sleepers.start()
    sleepers.ready()
    process.kill()
    until(lambda: living(sleepers.home) == {})


def test_killing_the_supervisor_leaves_nothing(sleepers: Sleepers) -> None:
    process = sleepers.start()
    sleepers.ready()
    os.kill(sleepers.supervisor(), signal.SIGKILL)
    assert "ended by SIGKILL; everything is stopped" in sleepers.output()
    assert process.returncode == 1
    assert living(sleepers.home) == {}


OUTLIVING = """
import signal, subprocess, sys, time
if sys.argv[1] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = [sys.executable, "-c", "import time; time.sleep(600)", sys.argv[2]]
subprocess.Popen(sleeper, stdout=subprocess.DEVNULL)
print("on", flush=True)
time.sleep(600)
"""


@pytest.fixture
def outliving(sleepers: Sleepers) -> Iterator[Callable[..., None]]:
    """Start what an earlier platform, both of whose processes were killed, has left."""
    started = []

    def start(folder: str, behaviour: str = "") -> None:
        words = [sys.executable, "-c", OUTLIVING, behaviour, str(sleepers.home)]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"on\n"
        where = sleepers.home / "run" / folder / f"{process.pid}.pid"
        processes.save(where, processes.identify(process.pid))

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_an_earlier_one_left_stops_as_well(
    sleepers: Sleepers, outliving: Callable[..., None]
) -> None:
    process = sleepers.start()
    sleepers.ready()
    outliving("hosts")
    outliving("servers")
    process.send_signal(signal.SIGINT)
    said = sleepers.output()
    assert "stopped" in said
    assert "by themselves" not in said
    # What it has started ends with a host, which here only sleeps.
    assert [words for words in living(sleepers.home).values() if OUTLIVING in words] == []


@pytest.mark.parametrize("who", ["nobody", "supervisor"])
def test_what_an_earlier_one_left_is_ended_with_all_of_its_own(
    sleepers: Sleepers, outliving: Callable[..., None], who: str
) -> None:
    process = sleepers.start()
    sleepers.ready()
    outliving("hosts", "deaf")
    if who == "supervisor":
        os.kill(sleepers.supervisor(), signal.SIGKILL)
    else:
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        while "stopping" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
    sleepers.output()
    assert living(sleepers.home) == {}


def test_killing_its_session_leaves_nothing(sleepers: Sleepers) -> None:
    process = sleepers.start()
    sleepers.ready()
    os.killpg(process.pid, signal.SIGKILL)
    until(lambda: living(sleepers.home) == {})


def test_it_may_end_with_its_parent(sleepers: Sleepers) -> None:
    words = [sys.executable, "-m", "tests.galley.supervisor.sleepers", str(sleepers.home), "--die"]
    parent = "import subprocess, sys, time; subprocess.Popen(sys.argv[1:]); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", parent, *words], stdout=subprocess.DEVNULL, start_new_session=True
    )
    sleepers.ready()
    process.kill()
    process.wait()
    until(lambda: living(sleepers.home) == {})


def test_it_ends_in_order_when_its_terminal_goes_away(sleepers: Sleepers) -> None:
    ours, terminal = os.openpty()
    words = [sys.executable, "-m", "tests.galley.supervisor.sleepers", str(sleepers.home)]

    def at_a_terminal() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may have been started by nohup
        os.login_tty(terminal)

    process = subprocess.Popen(words, preexec_fn=at_a_terminal)
    os.close(terminal)
    sleepers.ready()
    os.close(ours)
    assert process.wait(PATIENCE_S) == 0
    assert living(sleepers.home) == {}


def test_a_child_that_ends_is_started_again(sleepers: Sleepers) -> None:
    process = sleepers.start()
    hub = sleepers.ready().processes[0]
    assert hub.pid is not None
    os.kill(hub.pid, signal.SIGKILL)
    again = sleepers.ready(lambda status: status.processes[0].restarts == 1).processes[0]
    assert again.pid not in (None, hub.pid)
    process.send_signal(signal.SIGINT)
    assert "! hub ended (killed by SIGKILL); it starts again in 0.5 s. Log: " in sleepers.output()


def test_a_child_that_never_starts_is_given_up_with_its_last_words(sleepers: Sleepers) -> None:
    process = sleepers.start(behaviour="fails")
    said = sleepers.output()
    assert process.returncode == 1
    assert "galley: hub does not start (exit code 1). The end of " in said
    assert "no such luck" in said
    assert living(sleepers.home) == {}


def test_a_second_one_on_the_same_home_is_refused(sleepers: Sleepers) -> None:
    sleepers.start()
    sleepers.ready()
    second = Sleepers(sleepers.home)
    process = second.start()
    assert f"another `galley up` works on {sleepers.home}" in second.output()
    assert process.returncode == 1
    assert sleepers.ready().ready


def test_a_reload_restarts_the_hub_alone(sleepers: Sleepers) -> None:
    process = sleepers.start()
    before = sleepers.ready()
    tenants = sleepers.home / "tenants.yaml"
    tenants.write_text(tenants.read_text().replace("ann: [lead]", "ann: [lead], bob: [mle]"))
    process.send_signal(signal.SIGHUP)
    after = sleepers.ready(lambda status: status.reloads == 1)
    assert after.reload_problem is None
    assert after.processes[0].pid != before.processes[0].pid
    assert after.processes[1] == before.processes[1]
    process.send_signal(signal.SIGINT)
    said = sleepers.output()
    accounts = (sleepers.home / "accounts.txt").read_text()
    assert said.count("team (mle)") == accounts.count("team (mle)") == 1


def test_a_bad_tenants_file_changes_nothing(sleepers: Sleepers) -> None:
    process = sleepers.start()
    before = sleepers.ready()
    (sleepers.home / "tenants.yaml").write_text("tenants: {}")
    process.send_signal(signal.SIGHUP)
    after = sleepers.ready(lambda status: status.reloads == 1)
    assert "tenants" in (after.reload_problem or "")
    assert after.processes == before.processes


def test_what_it_says(sleepers: Sleepers) -> None:
    process = sleepers.start()
    status = sleepers.ready()
    assert [one.state for one in status.processes] == [ChildState.READY] * 2
    assert status.left_out == ("team",)
    process.send_signal(signal.SIGINT)
    said = sleepers.output()
    accounts = sleepers.home / "accounts.txt"
    assert accounts.stat().st_mode & 0o777 == 0o600
    (line,) = (one for one in accounts.read_text().splitlines() if not one.startswith("#"))
    assert line.split()[0] == "ann"
    for sentence in (
        "✓ hub      ready after",
        "Galley is ready at http://127.0.0.1:8000",
        line,
        "No isolation: bwrap not installed. To enable it, run: apt-get install bubblewrap",
        "Left out, because they require isolation: team",
    ):
        assert sentence in said
    assert line.split()[1] not in (sleepers.home / "hub" / "passwords.json").read_text()
    sleepers.start()
    sleepers.ready()
    assert sleepers.process is not None
    sleepers.process.send_signal(signal.SIGINT)
    assert "New accounts" not in sleepers.output()
