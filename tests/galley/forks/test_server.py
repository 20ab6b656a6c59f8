"""What is asked for before a fork server is warm is not kept waiting."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from galley.forks.forked import Forked, read_line
from galley.forks.server import RUN

SERVES = """
import os, socket
from galley.forks.server import ForkServer

def attend(connection):
    word = connection.recv(100).decode()
    print("attends to", word, flush=True)
    if word == "mistake":
        raise RuntimeError("a mistake")
    return len(word)

def warm_up():
    children = open(f"/proc/self/task/{os.getpid()}/children").read().split()
    print("warm, forks:", len(children), flush=True)

ForkServer(socket.socket(fileno=0), attend, warm_up, outlived={outlived}).serve()
print("host gone", flush=True)
"""


@contextmanager
def serving(control: socket.socket, *, outlived: bool = True) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", SERVES.replace("{outlived}", str(outlived))],
        stdin=control.fileno(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        control.close()
        yield process


def forked(control: socket.socket, word: str) -> Forked:
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(control, [RUN], [theirs.fileno()])
    ours.sendall(word.encode())
    return Forked(ours, json.loads(read_line(ours))["pid"])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        yield ours, theirs


def test_it_warms_up_while_nobody_waits(pair: tuple[socket.socket, socket.socket]) -> None:
    control, theirs = pair
    with serving(theirs) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "warm, forks: 0\n"
        assert forked(control, "four").wait(30) == 4
        assert forked(control, "seven").wait(30) == 5
        control.close()
        assert server.stdout.read() == "attends to four\nattends to seven\nhost gone\n"


def test_who_waits_already_comes_first(pair: tuple[socket.socket, socket.socket]) -> None:
    """And what warms up the next ones does not run beside it."""
    control, theirs = pair
    ours, its = socket.socketpair()
    with its:
        socket.send_fds(control, [RUN], [its.fileno()])
    with serving(theirs) as server:
        pid = json.loads(read_line(ours))["pid"]
        ours.sendall(b"one")
        assert server.stdout is not None
        assert server.stdout.readline() == "attends to one\n"
        assert server.stdout.readline() == "warm, forks: 0\n"
        assert Forked(ours, pid).wait(30) == 3
        control.close()


def test_what_nobody_catches_is_written_and_ends_only_the_fork(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    control, theirs = pair
    with serving(theirs) as server:
        assert forked(control, "mistake").wait(30) == 1
        assert forked(control, "four").wait(30) == 4
        control.close()
        assert server.stderr is not None
        assert "RuntimeError: a mistake" in server.stderr.read()


@pytest.mark.parametrize("outlived", [True, False])
def test_what_it_forked_goes_on_without_it_where_that_is_wanted(
    pair: tuple[socket.socket, socket.socket], outlived: bool
) -> None:
    control, theirs = pair
    ours, connection = socket.socketpair()
    with serving(theirs, outlived=outlived) as server, ours:
        with connection:
            socket.send_fds(control, [RUN], [connection.fileno()])
        fork = psutil.Process(json.loads(read_line(ours))["pid"])
        while fork.status() != psutil.STATUS_SLEEPING:  # it waits for its word
            time.sleep(0.01)
        server.kill()
        server.wait(30)
        if outlived:
            assert fork.is_running()
            ours.sendall(b"end")
        else:
            ours.settimeout(30)
            with contextlib.suppress(ConnectionError):
                assert ours.recv(1) == b"", "nobody holds the other end any more"
        psutil.wait_procs([fork], timeout=30)
