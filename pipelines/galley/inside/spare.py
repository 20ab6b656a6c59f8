"""What a zygote has delivered, and the one task that it keeps ready for the next request."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from dataclasses import dataclass
from typing import Any

MAX_HANDOFF = 64 * 2**10
"""A request that is longer, in bytes, might have to wait for a spare that is not ready."""


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
        env = request["env"]
        made_for = request["kind"] == "batch" and bool(request.get("isolate"))
        return made_for and "IPYTHONDIR" not in env and "JPY_SESSION_NAME" not in env

    def take(self, request: dict[str, Any], fds: list[int]) -> bool:
        """Give it the request; returns False when it is not what is asked for, or is gone."""
        data = json.dumps(request).encode() + b"\n"
        if not self.serves(request) or len(data) > MAX_HANDOFF:
            return False
        try:
            socket.send_fds(self.handoff, [data], fds[:3])
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
