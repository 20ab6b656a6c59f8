"""Messages to a forked kernel that it has not taken yet: it reads between its cells.

Meanwhile nbclient tells it the whole state of an ``Output`` widget with each output that goes
there. Of such states only the newest is kept: they take no more memory than the widgets.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from typing import Any


class Unsent:
    """A queue before a socket, to which nothing is written that would have to wait.

    Args:
        pack: message → its bytes.
    """

    def __init__(self, pipe: socket.socket, pack: Callable[[dict[str, Any]], bytes]) -> None:
        self._pipe = pipe
        self._pack = pack
        self._messages: deque[dict[str, Any]] = deque()
        self._rest = memoryview(b"")

    def add(self, message: dict[str, Any]) -> None:
        """Add a message; a state takes the place of an older one of its widget.

        Not of one before another kind of message, such as the next cell.
        """
        state = _state_of(message)
        if state is not None:
            for place in reversed(range(len(self._messages))):
                earlier = _state_of(self._messages[place])
                if earlier is None:
                    break
                if earlier == state:
                    del self._messages[place]
                    break
        self._messages.append(message)

    def flush(self) -> bool:
        """Write what can be written now; returns whether that was all.

        Raises:
            OSError: the other end is closed.
            TooLarge: a message is.
        """
        while self._rest or self._messages:
            if not self._rest:
                self._rest = memoryview(self._pack(self._messages.popleft()))
            try:
                self._rest = self._rest[self._pipe.send(self._rest, socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                return False
        return True


def _state_of(message: dict[str, Any]) -> tuple[str, frozenset[str]] | None:
    """Return the widget and the names of what a message tells of it; None for any other message."""
    if message["header"]["msg_type"] != "comm_msg" or message.get("buffers"):
        return None
    data = message["content"]["data"]
    if data.get("method") != "update" or data.get("buffer_paths"):
        return None
    return message["content"]["comm_id"], frozenset(data["state"])
