"""The runner: doors both ways, exit status, memory limit, and an end that leaves nothing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from galley.sandbox import command
from galley.sandbox.spec import SandboxSpec

from tests.galley.sandbox.sandboxes import (
    PATIENCE_S,
    log_of,
    member_spec,
    python,
    run,
    running,
    settings_in,
    tree,
    until,
)
from tests.journey.platform import free_port

ECHO = """
import socket
with socket.create_server(("127.0.0.1", 7000)) as server:
    while True:
        client, _ = server.accept()
        while data := client.recv(65536):
            client.sendall(data[::-1])
        client.sendall(b"bye")
        client.close()
"""
CALL = """
import socket, sys
for port in (7001, 7002):
    with socket.create_connection(("127.0.0.1", port)) as made:
        made.sendall(b"from inside")
        made.shutdown(socket.SHUT_WR)
        print(made.makefile().read())
"""
STUBBORN = """
import os, signal, subprocess, sys
from pathlib import Path
code = "from signal import *; signal(SIGTERM, SIG_IGN); print(1, flush=True); pause()"
for _ in range(3):
    daemon = subprocess.Popen(
        [sys.executable, "-I", "-c", code], start_new_session=True, stdout=subprocess.PIPE
    )
    daemon.stdout.readline()
Path("ready").touch()
signal.pause()
"""
GREEDY = """
import subprocess, sys
code = "held = bytearray(400 * 2**20); print(len(held), flush=True); import signal; signal.pause()"
sys.exit(128 - subprocess.run([sys.executable, "-I", "-c", code]).returncode)
"""

Isolated = pytest.mark.parametrize("isolated", [True, False], ids=["isolated", "plain"])


def spec_in(home: Path, *argv: str, **changes: Any) -> SandboxSpec:
    spec = member_spec(settings_in(home), "alice", "oncology", *argv)
    if not changes.get("isolated", True):
        changes |= {"cwd": home, "home": home}
    return spec.model_copy(update=changes)


@contextmanager
def answering(listener: socket.socket, answer: bytes) -> Iterator[list[bytes]]:
    """Answer one connection once its sender has finished; yields what was received."""
    received: list[bytes] = []

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            received.append(client.makefile("rb").read())
            client.sendall(answer)

    with listener:
        listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield received
        thread.join(PATIENCE_S)


@Isolated
def test_the_way_in_leads_to_the_port_inside(tmp_path: Path, isolated: bool) -> None:
    settings, port = settings_in(tmp_path), free_port()
    spec = spec_in(tmp_path, *python(ECHO), inbound={port: 7000}, isolated=isolated)
    with running(settings, spec) as runner:

        def answer() -> bytes:
            assert runner.poll() is None, log_of(settings, spec)
            try:
                with socket.create_connection(("127.0.0.1", port)) as made:
                    made.sendall(b"abc")
                    made.shutdown(socket.SHUT_WR)
                    return made.makefile("rb").read()
            except OSError:
                return b""

        # The half-closed connection still brings the answer.
        assert until(answer, "an answer through the door") == b"cbabye"


@Isolated
def test_the_ways_out_lead_where_they_were_told(tmp_path: Path, isolated: bool) -> None:
    unix = tmp_path / "server.sock"
    by_path, by_port = socket.socket(socket.AF_UNIX), socket.socket()
    by_path.bind(str(unix))
    by_port.bind(("127.0.0.1", 0))
    doors = {7001: f"unix:{unix}", 7002: f"127.0.0.1:{by_port.getsockname()[1]}"}
    spec = spec_in(tmp_path, *python(CALL), outbound=doors, isolated=isolated)
    with answering(by_path, b"by path") as first, answering(by_port, b"by port") as second:
        done = run(settings_in(tmp_path), spec)
    assert done.stdout.split("\n") == ["by path", "by port", ""], done.stderr
    assert (first, second) == ([b"from inside"], [b"from inside"])


@Isolated
@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(7)", 7),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 128 + 9),
    ],
)
def test_the_exit_status_is_passed_on(
    tmp_path: Path, isolated: bool, code: str, status: int
) -> None:
    done = run(settings_in(tmp_path), spec_in(tmp_path, *python(code), isolated=isolated))
    assert done.returncode == status


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = run(settings_in(tmp_path), spec_in(tmp_path, "/no/such/program"))
    assert done.returncode != 0
    assert "/no/such/program" in done.stderr


def test_a_door_whose_port_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(settings_in(tmp_path), spec_in(tmp_path, *python("pass"), inbound={port: 1}))
    assert done.returncode == 1
    assert "galley sandbox oncology-alice: cannot start" in done.stderr
    assert "in use" in done.stderr


@Isolated
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_its_end_leaves_no_process(tmp_path: Path, isolated: bool, number: int) -> None:
    """Not even daemons that ignore SIGTERM; isolated, not when the runner itself is killed."""
    settings = settings_in(tmp_path)
    spec = spec_in(tmp_path, *python(STUBBORN), isolated=isolated)
    ready = (settings.homes / "users/alice/oncology" if isolated else tmp_path) / "ready"
    with running(settings, spec) as runner:
        until(ready.exists, log_of(settings, spec))
        below = tree(runner)
        assert len(below) >= 4
        daemons: list[psutil.Process] = []
        if not isolated and number == signal.SIGKILL:
            # Without a pid namespace nobody is left who could end what left its session.
            daemons = [process for process in below if process.ppid() != runner.pid]
        runner.send_signal(number)
        runner.wait(PATIENCE_S)
    for daemon in daemons:
        daemon.kill()
    _, alive = psutil.wait_procs(below, timeout=PATIENCE_S)
    assert alive == []


@Isolated
def test_the_memory_limit_holds_and_says_so(tmp_path: Path, isolated: bool) -> None:
    spec = spec_in(tmp_path, *python(GREEDY), memory=200 * 2**20, isolated=isolated)
    done = run(settings_in(tmp_path), spec)
    assert done.returncode != 0
    assert "galley sandbox oncology-alice: memory limit: " in done.stderr
    assert "200 MiB" in done.stderr


# In a process of its own: the watcher kills among all that its root has started, and the test
# runner has servers of other tests below it.
LARGEST = """
import os, subprocess, sys
from galley.sandbox.memory import kill_largest_if_over
code = "import sys; held = bytearray(int(sys.argv[1]) * 2**20); print(1, flush=True); input()"
small, large = [
    subprocess.Popen(
        [sys.executable, "-I", "-c", code, size], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    for size in ("1", "200")
]
for process in (small, large):
    process.stdout.readline()
print(kill_largest_if_over(2**40, os.getpid()))
print(kill_largest_if_over(150 * 2**20, os.getpid()))
print(large.wait(60), small.poll())
small.kill()
"""


def test_without_control_groups_the_largest_process_is_killed() -> None:
    """What the runner does where the kernel does not keep the limit."""
    done = subprocess.run(
        [sys.executable, "-c", LARGEST], capture_output=True, text=True, check=True, timeout=120
    )
    before, said, ends = done.stdout.splitlines()
    assert before == "None"
    assert said.startswith("memory limit: the processes used ")
    assert "of 150 MiB; killed the largest one" in said
    assert ends == f"-{int(signal.SIGKILL)} None"


def test_the_instructions_hold_secrets_and_are_gone_once_read(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    spec = spec_in(tmp_path, *python("pass"), env={"TOKEN": "secret"})
    path = settings.run / "spec.json"
    argv = command(spec, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not any("secret" in word for word in argv)
    assert subprocess.run(argv, check=False).returncode == 0
    assert not path.exists()
