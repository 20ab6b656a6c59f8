"""A batch kernel that is made once, and forked for each task: to make one takes 20 ms.

The template is a child of the zygote, and what it forks are the zygote's children as well, who
waits for them. It is made of what is imported by then: after an import there has to be a new one.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import traceback
from collections.abc import Callable
from typing import Any

from . import birth, task

ANSWER_S = 3.0
READY = b"ready"
FORK = b"fork"


class Template:
    """The zygote's side of it.

    Args:
        forget: lets go of what is the zygote's, in the fork.

    Attributes:
        told: readable when it is ready, and when it has ended.
        ready: whether it can fork.
    """

    def __init__(self, forget: Callable[[], None]) -> None:
        self.ready = False
        self.told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.told.settimeout(ANSWER_S)
        with theirs:
            try:
                self._pid = os.fork()
            except OSError:
                self.told.close()
                raise
            if self._pid == 0:
                try:
                    self.told.close()
                    forget()
                    _serve(theirs)
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(1)

    def hear(self) -> bool:
        """Take what it tells; returns False when it has ended."""
        with contextlib.suppress(OSError):
            self.ready = self.told.recv(16) == READY
        return self.ready

    def fork(self, told: int, status: int, handoff: int) -> tuple[int, int]:
        """Have a task forked, which waits at ``handoff`` for what it is to be.

        Args:
            told, status: file descriptors, ``birth`` and ``status`` of
                :func:`galley.inside.birth.deliver`.

        Returns:
            The pid of its init, a child of this process, and the memory that it shares with the
            template until it writes to it, bytes.

        Raises:
            OSError: it cannot be forked, or the template has ended.
        """
        socket.send_fds(self.told, [FORK], [told, status, handoff])
        answer = json.loads(self.told.recv(4096) or b"{}")
        if "init" not in answer:
            raise OSError(answer.get("error", "the template has ended"))
        return answer["init"], answer["inherited"]

    def end(self) -> None:
        """Let it go; what it has forked lives on."""
        self.told.close()
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _serve(control: socket.socket) -> None:
    """Fork whenever asked, until the zygote lets go of it."""
    birth.die_with_parent()
    app = task.made_ahead()
    gc.collect()
    gc.freeze()
    control.send(READY)
    while True:
        said, fds, _, _ = socket.recv_fds(control, 16, 3, socket.MSG_CMSG_CLOEXEC)
        if said != FORK:
            return
        try:
            control.send(json.dumps(_forked(app, control, *fds)).encode())
        finally:
            for fd in fds:
                os.close(fd)


def _forked(
    app: Any, control: socket.socket, told: int, status: int, handoff: int
) -> dict[str, Any]:
    """Fork a task; returns what the zygote is answered."""
    inherited = birth.own_memory()
    try:
        init, obstacle = birth.fork(isolate=True, sibling=True)
    except OSError as error:
        return {"error": str(error)}
    if init == 0:
        try:
            control.close()
            birth.deliver(
                lambda: task.spare(app, socket.socket(fileno=handoff)),
                obstacle=obstacle,
                birth=socket.socket(fileno=told),
                status=status,
            )
        finally:
            os._exit(1)
    return {"init": init, "inherited": inherited}
