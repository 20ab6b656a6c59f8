"""A process that another one forked for us, which tells on a connection how it ended."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess


class Forked:
    """A forked process, as far as a :class:`subprocess.Popen` is one.

    Args:
        connection: on which whoever forked it says once, ``{"status": N}``, what it was waited
            for with; what ends without a word has lost its parent.

    Attributes:
        pid: of the process, which leads its own session and process group.
        returncode: as of a :class:`subprocess.Popen`; None until its end was seen.
        stdin, stdout, stderr: None, as its files are the caller's.
    """

    stdin = stdout = stderr = None

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.connection = connection
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return how it ended, as :attr:`subprocess.Popen.returncode`; None while it lives."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Args:
            timeout: in seconds; None: however long it takes.

        Raises:
            subprocess.TimeoutExpired: it lives on.
        """
        if (code := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(f"the forked process {self.pid}", timeout or 0)
        return code

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def send_signal(self, number: int) -> None:
        """Send a signal to the process."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is None and readable(self.connection, timeout):
            self.returncode = _returncode(self.connection)
            self.connection.close()
        return self.returncode


def readable(connection: socket.socket | int, timeout: float | None) -> bool:
    """Wait until there is something to read, or the other side is gone.

    Args:
        connection: or any file descriptor.
        timeout: in seconds; None: however long it takes.
    """
    waiting = select.poll()  # not ``select``, which knows no file descriptors beyond 1023
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(None if timeout is None else timeout * 1000))


def read_line(connection: socket.socket) -> bytes:
    """Read one line and not a byte more.

    Raises:
        OSError: the other side is gone, or the connection's time-out has passed.
    """
    line = b""
    while not line.endswith(b"\n"):
        more = connection.recv(1)
        if not more:
            raise ConnectionResetError("the process that forks went away")
        line += more
    return line


def _returncode(connection: socket.socket) -> int:
    """Read the last word of whoever forked it; without one, that process is gone, and its forks."""
    try:
        said = json.loads(connection.recv(4096) or b"{}")
        return os.waitstatus_to_exitcode(int(said["status"]))
    except (OSError, ValueError, KeyError):
        return -signal.SIGKILL
