"""How a task on the cluster tells what happens: several events in one message where they can wait.

A message is encrypted twice and wakes three processes: too much for each cell of some milliseconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol

from galley.run.tasks import TaskEvent

HELD_S = 0.1
"""How long an event may be held back."""
HELD_CHARACTERS = 2**16
"""No more is held back than this, in characters."""
AT_ONCE = {"started", "ended"}
"""Kinds of events that others wait for."""


class Loop(Protocol):
    """What is used of tornado's event loop; ``add_callback`` may be called by any thread."""

    def add_callback(self, callback: Callable[..., Any], *args: Any) -> None:
        """Call in the loop's thread, soon."""

    def call_later(self, delay: float, callback: Callable[..., Any]) -> object:
        """Call after ``delay`` seconds."""


class EventSender:
    """Takes events from any thread and sends them in that order.

    Args:
        loop: whose thread sends.
        send: takes events, each as JSON.
    """

    def __init__(self, loop: Loop, send: Callable[[list[str]], object]) -> None:
        self._loop = loop
        self._send = send
        self._lock = threading.Lock()
        self._held: list[str] = []
        self._characters = 0
        self._due = False

    def take(self, event: TaskEvent) -> None:
        """Send an event, soon."""
        said = event.model_dump_json()
        with self._lock:
            self._held.append(said)
            self._characters += len(said)
            at_once = event.kind in AT_ONCE or self._characters >= HELD_CHARACTERS
            due, self._due = self._due, True
        if at_once:
            self._loop.add_callback(self._flush)
        elif not due:
            self._loop.add_callback(self._loop.call_later, HELD_S, self._flush)

    def _flush(self) -> None:
        with self._lock:
            held, self._held = self._held, []
            self._characters, self._due = 0, False
        if held:
            self._send(held)
