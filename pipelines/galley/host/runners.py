"""Runner processes: forked from one that has their imports, so that an attempt begins at once."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from galley.forks import TO_FORK, Forked, WarmParent, read_line, readable

START_S = 180.0


class Spare:
    """A runner that is there, or on its way, and has no job yet; closing it ends it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def give(
        self,
        job: Path,
        packages: str = "",
        secrets: str = "",
        wanted: Callable[[], bool] = lambda: True,
    ) -> Forked:
        """Give it a job and return its process, the leader of its own session.

        It gets the job once it is there, so that after an error no runner has it.

        Args:
            job: path of the job's file.
            packages: JSON of where distributions come from; it may hold a password, which must
                be neither in a file nor in an environment that kernels can read.
            secrets: JSON of what the tasks are given, for the same reason not in the job's file.
            wanted: asked twice a second while it is on its way.

        Raises:
            OSError: it is not there, or not wanted any more.
        """
        latest = time.monotonic() + START_S
        while not readable(self._connection, 0.5):
            if not wanted():
                raise OSError("it is not wanted any more")
            if time.monotonic() >= latest:
                raise TimeoutError(f"it was not forked within {START_S:g} s")
        pid = int(json.loads(read_line(self._connection))["pid"])
        self._connection.sendall(f"{job}\n{packages}\n{secrets}\n".encode())
        given = Forked(self._connection.dup(), pid)
        self.close()
        return given

    def close(self) -> None:
        """Let it go, if it has no job."""
        self._connection.close()


class Runners:
    """Has runner processes forked.

    A runner ends when its connection does, so none outlives the host.

    Args:
        module: ``galley.run``, or ``galley.rehearsal`` in the host of a rehearsal.
    """

    def __init__(self, module: str = "galley.run") -> None:
        self._parent = WarmParent(
            [sys.executable, "-P", "-m", module, "-"], {**os.environ, **TO_FORK}
        )

    def warm(self) -> None:
        """Make sure that what forks them is there or on its way."""
        self._parent.warm()

    def spare(self) -> Spare:
        """Have a runner forked.

        Raises:
            OSError: what forks them cannot be started.
        """
        return Spare(self._parent.fork())

    def cool(self) -> None:
        """End what forks them; there must be no runner."""
        self._parent.cool()


def end(runner: Forked, *, grace_s: float) -> None:
    """Have a runner end itself, or kill it after the grace time."""
    runner.terminate()
    try:
        runner.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        runner.kill()
        runner.wait()
