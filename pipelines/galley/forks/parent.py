"""The warm parent of processes that this one wants, started when the first is wanted."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence

from galley.forks.server import RUN

TO_FORK = {
    # Pools of one thread are none; each fork makes its own, as large as its profile says.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
"""Variables of an interpreter that is to be forked: its libraries start no threads."""


class WarmParent:
    """Starts what runs :func:`galley.forks.server.serve_forks`, and has it fork.

    What it forks learns by the end of its connection that nobody wants it any more; to end is its
    own business.

    Args:
        command: the program and its arguments.
        environment: all of it.
        quiet: whether what it writes to its standard error is nobody's business.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        self._command = list(command)
        self._environment = dict(environment)
        self._errors = subprocess.DEVNULL if quiet else None
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def warm(self) -> None:
        """Make sure that it is there or on its way."""
        with self._lock:
            self._started()

    def fork(self) -> socket.socket:
        """Have a process forked; return the connection to it, on which its pid comes first.

        Raises:
            OSError: the parent cannot be started.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs, self._lock:
                try:
                    socket.send_fds(self._started(), [RUN], [theirs.fileno()])
                except ConnectionError:  # it ended just now: it was idle
                    self._end()
                    socket.send_fds(self._started(), [RUN], [theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        return ours

    def cool(self) -> None:
        """End the parent; nothing that it has forked may be left."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        server, self._server = self._server, None
        control, self._control = self._control, None
        if server is None or control is None:
            return
        control.close()
        server.terminate()
        try:
            server.wait(timeout=2)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def _started(self) -> socket.socket:
        if self._control is not None:
            if self._server is not None and self._server.poll() is None:
                return self._control
            self._control.close()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, contextlib.ExitStack() as unless_started:
            unless_started.callback(self._forget)
            self._server = subprocess.Popen(
                self._command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env=self._environment,
                start_new_session=True,
            )
            unless_started.pop_all()
        return self._control

    def _forget(self) -> None:
        if self._control is not None:
            self._control.close()
        self._control = self._server = None
