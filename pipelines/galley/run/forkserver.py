"""The parent of a host's runners: it has all that they import, and forks one for each job.

It has one thread and opens nothing, and it never reads a job: its secrets are in the memory of
the runner alone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

RUN = b"run"
"""What asks for a runner; with it comes the runner's end of a connection to the host."""


class ForkServer:
    """Forks until the host closes its end of ``control``.

    Args:
        control: a sequence of packets: each is :data:`RUN` and a connection, on which the answer is
            a line with the process's pid and, when it has ended, one with its wait status. What
            was forked reads its job there, and the connection ends with the last of both.
        attend: what is forked does this and ends with the returned exit status.
        warm_up: done before the first fork, unless somebody is waiting for that already.
    """

    def __init__(
        self,
        control: socket.socket,
        attend: Callable[[socket.socket], int],
        warm_up: Callable[[], None],
    ) -> None:
        self._control = control
        self._attend = attend
        self._warm_up = warm_up
        self._connections: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Fork whenever asked; returns when the host is gone. What was forked lives on."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        warm = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            while True:
                # Not beside a runner, who would have to share the processor.
                ready = selector.select(None if warm or self._connections else 0)
                if not ready:
                    self._warm_up()
                    gc.collect()
                    gc.freeze()  # or the first collection of a fork copies all of its memory
                    warm = True
                for key, _ in ready:
                    if key.data is not None:
                        selector.unregister(key.fd)
                        self._ended(key.fd, key.data)
                    elif not self._answer(selector):
                        return

    def _answer(self, selector: selectors.BaseSelector) -> bool:
        """Fork for the request that has come; return False when the host is gone instead."""
        said, files, _, _ = socket.recv_fds(self._control, 64, 1, socket.MSG_CMSG_CLOEXEC)
        if said != RUN:
            return False
        if not files:
            sys.stderr.write("no runner could be forked: its connection did not arrive\n")
            return True
        with contextlib.ExitStack() as unless_forked:
            try:
                connection = unless_forked.enter_context(socket.socket(fileno=files[0]))
                pid, ended = self._fork(connection)
            except OSError as error:  # of files or processes there are too many
                sys.stderr.write(f"no runner could be forked: {error}\n")
                return True
            unless_forked.pop_all()
        self._connections[pid] = connection
        selector.register(ended, selectors.EVENT_READ, pid)
        _say(connection, pid=pid)
        return True

    def _fork(self, connection: socket.socket) -> tuple[int, int]:
        """Return the pid of a fork, and a file descriptor that tells of its end."""
        if (pid := os.fork()) == 0:
            self._become(connection)
        try:
            return pid, os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise

    def _become(self, connection: socket.socket) -> NoReturn:
        status = 1
        try:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for other in (self._control, *self._connections.values()):
                other.close()
            status = self._attend(connection)
        except BaseException:  # as an interpreter does with what nobody catches
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError):
                sys.stderr.flush()
            os._exit(status)  # taking down the interpreter takes longer than a small run

    def _ended(self, fd: int, pid: int) -> None:
        os.close(fd)
        _, status = os.waitpid(pid, 0)
        with self._connections.pop(pid) as connection:
            _say(connection, status=status)


def _say(connection: socket.socket, **said: int) -> None:
    with contextlib.suppress(OSError):  # the host is gone
        connection.sendall(json.dumps(said).encode() + b"\n")
