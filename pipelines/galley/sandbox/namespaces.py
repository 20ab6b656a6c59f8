"""Entering the network namespace of a sandbox from outside, for single threads only.

A socket belongs to the network namespace of the thread that made it, for as long as it lives.
So one thread of the runner joins the sandbox's network and makes sockets there, and the rest of
the runner uses them as any other. Nothing of ours runs inside, and no socket file is shared.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_NS_GET_USERNS = 0xB701
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_LOOPBACK_IS_UP = "host LOCAL"
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process a signal when its parent dies."""
    _prctl(_PR_SET_PDEATHSIG, signal_number)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, so that none is lost."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def _setns(fd: int, kind: int) -> None:
    if _libc.setns(fd, kind) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


class Network:
    """The network namespace of a process, and the user namespace that owns it."""

    def __init__(self, pid: int) -> None:
        self.fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.owner: int | None = None
        if os.geteuid() != 0:
            self.owner = fcntl.ioctl(self.fd, _NS_GET_USERNS)

    def become_owner(self) -> None:
        """Join the owning user namespace; this process must have a single thread still."""
        if self.owner is not None:
            _setns(self.owner, _CLONE_NEWUSER)

    def thread(self) -> ThreadPoolExecutor:
        """Return an executor whose one thread, and what it starts, is in the network."""
        return ThreadPoolExecutor(max_workers=1, initializer=self.join)

    def join(self) -> None:
        """Put the calling thread into the network; it must own it, or be root."""
        _setns(self.fd, _CLONE_NEWNET)


def make_socket() -> socket.socket:
    """Return a TCP socket of the calling thread's network."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    return made


def listen(port: int) -> socket.socket:
    """Listen on 127.0.0.1:``port`` of the calling thread's network.

    Raises:
        OSError: the port is taken.
    """
    listener = make_socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    listener.listen(128)
    return listener


def wait_for_loopback(pid: int, *, patience: float = 30.0) -> None:
    """Wait until bubblewrap has brought up the loopback interface in the network of ``pid``.

    Nobody else may touch that network before: bubblewrap fails when it finds the interface up.

    Raises:
        OSError: the process ended, or there is none after ``patience`` seconds.
    """
    routes = Path(f"/proc/{pid}/net/fib_trie")
    deadline = time.monotonic() + patience
    while _LOOPBACK_IS_UP not in routes.read_text():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the sandbox has no loopback interface after {patience:g} seconds")
        time.sleep(0.002)


def children(pid: int) -> list[int]:
    """Return the children of ``pid``; empty once it is gone."""
    found: list[int] = []
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found


def descendants(pid: int) -> list[int]:
    """Return all processes below ``pid``, parents before their children."""
    found = children(pid)
    for child in found:
        found.extend(children(child))
    return found
