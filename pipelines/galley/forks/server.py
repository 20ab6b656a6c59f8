"""The warm parent itself: it has all that its forks import, and forks one whenever it is asked.

It has one thread and opens nothing, and it never reads what its forks are asked: that is in the
memory of the fork alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
RUN = b"run"
"""What asks for a process; with it comes the process's end of a connection to who asked."""


def serve_forks(
    attend: Callable[[socket.socket], int],
    warm_up: Callable[[], None] = lambda: None,
    *,
    idle_s: float | None = None,
    outlived: bool = True,
) -> None:
    """Be the parent that :class:`galley.forks.parent.WarmParent` has started.

    Args:
        attend: what is forked does this and ends with the returned exit status.
        warm_up: done before the first fork, unless somebody is waiting for that already.
        idle_s: it ends when nothing forked has lived for this time, seconds; None: it waits.
        outlived: whether what it has forked goes on where this process is killed.
    """
    control = socket.socket(fileno=os.dup(0))
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    with control:
        ForkServer(control, attend, warm_up, idle_s, outlived=outlived).serve()


class ForkServer:
    """Forks until who asks closes its end of ``control``.

    Args:
        control: a sequence of packets: each is :data:`RUN` and a connection, on which the answer is
            a line with the process's pid and, when it has ended, one with its wait status. What
            was forked reads its job there, and the connection ends with the last of both.
        attend: what is forked does this and ends with the returned exit status.
        warm_up: done before the first fork, unless somebody is waiting for that already.
        idle_s: after this time without a fork it ends too; None: never.
        outlived: whether what was forked goes on where this process is killed. What does not leaves
            nobody waiting for a pid that is not told any more.
    """

    def __init__(
        self,
        control: socket.socket,
        attend: Callable[[socket.socket], int],
        warm_up: Callable[[], None],
        idle_s: float | None = None,
        *,
        outlived: bool = True,
    ) -> None:
        self._idle_s = idle_s
        self._outlived = outlived
        self._pid = os.getpid()
        self._control = control
        self._attend = attend
        self._warm_up = warm_up
        self._connections: dict[int, socket.socket] = {}

    def serve(self) -> None:
        """Fork whenever asked; returns when who asks is gone. What was forked lives on."""
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        warm = False
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            while True:
                # Not beside a fork, who would have to share the processor.
                ready = selector.select(self._patience() if warm or self._connections else 0)
                if not ready and warm:
                    return
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

    def _patience(self) -> float | None:
        return None if self._connections else self._idle_s

    def _answer(self, selector: selectors.BaseSelector) -> bool:
        """Fork for the request that has come; return False when who asks is gone instead."""
        said, files, _, _ = socket.recv_fds(self._control, 64, 1, socket.MSG_CMSG_CLOEXEC)
        if said != RUN:
            return False
        if not files:
            sys.stderr.write("nothing could be forked: its connection did not arrive\n")
            return True
        with contextlib.ExitStack() as unless_forked:
            try:
                connection = unless_forked.enter_context(socket.socket(fileno=files[0]))
                pid, ended = self._fork(connection)
            except OSError as error:  # of files or processes there are too many
                sys.stderr.write(f"nothing could be forked: {error}\n")
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
            if not self._outlived:
                _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() != self._pid:
                    os._exit(status)
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
    with contextlib.suppress(OSError):  # who asked is gone
        connection.sendall(json.dumps(said).encode() + b"\n")
