"""What a zygote has delivered, and the one task that it keeps ready for the next request."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from dataclasses import dataclass
from typing import Any

GO = b"go"
"""What goes to a spare with the files of its request."""


@dataclass
class Born:
    """A task that stands apart: its init, the pipe with its status, and its pid.

    ``inherited`` is the memory that it shares with the zygote until it writes to it, bytes.
    """

    init: int
    status: int
    pid: int
    obstacle: str
    inherited: int


@dataclass
class Spare(Born):
    """A batch kernel that waits for its request at the other end of ``handoff``."""

    handoff: socket.socket

    @staticmethod
    def serves(request: dict[str, Any]) -> bool:
        """Whether a kernel that was made in the zygote's own environment is what is asked for."""
        return request["kind"] == "batch" and bool(request["isolate"] and request["plain"])

    def take(self, request: dict[str, Any], fds: list[int]) -> bool:
        """Give it the request; returns False when it is not what is asked for, or is gone."""
        if not self.serves(request):
            return False
        try:
            socket.send_fds(self.handoff, [GO], fds)
        except OSError:
            return False
        self.handoff.close()
        return os.waitpid(self.init, os.WNOHANG) == (0, 0)

    def end(self) -> None:
        """Let it go."""
        self.handoff.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.init, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.init, 0)
        os.close(self.status)
