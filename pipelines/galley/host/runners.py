"""Runner processes: started with their imports ready, so that an attempt begins at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path


class Runners:
    """Starts runner processes and keeps a spare one.

    A runner ends when its standard input does, so none outlives the host.

    Args:
        module: ``galley.run``, or ``galley.rehearsal`` in the host of a rehearsal.
    """

    def __init__(self, module: str = "galley.run") -> None:
        self._module = module
        self._lock = threading.Lock()
        self._spare: subprocess.Popen[bytes] | None = None

    def warm(self) -> None:
        """Make sure that a spare runner is there or on its way."""
        with self._lock:
            if self._spare is None or self._spare.poll() is not None:
                self._spare = self._start()

    def run(self, job: Path, packages: str = "", secrets: str = "") -> subprocess.Popen[bytes]:
        """Give the job to a runner and return its process, the leader of its own session.

        Args:
            packages: JSON of where distributions come from; it may hold a password, which must
                be neither in a file nor in an environment that kernels can read.
            secrets: JSON of what the tasks are given, for the same reason not in the job's file.
        """
        with self._lock:
            runner, self._spare = self._spare, None
        if runner is None or runner.poll() is not None:
            runner = self._start()
        assert runner.stdin is not None
        runner.stdin.write(f"{job}\n{packages}\n{secrets}\n".encode())
        runner.stdin.flush()
        return runner

    def cool(self) -> None:
        """End the spare runner."""
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None:
            end(spare, grace_s=2)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", self._module, "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=os.environ.copy(),
            start_new_session=True,
        )


def end(runner: subprocess.Popen[bytes], *, grace_s: float) -> None:
    """Have a runner end itself, or kill it after the grace time."""
    runner.terminate()
    try:
        runner.wait(timeout=grace_s)
    except subprocess.TimeoutExpired:
        runner.kill()
        runner.wait()
    if runner.stdin is not None:
        runner.stdin.close()
