"""Waiting for a run or a version to move: by events, by looking again where there are none."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType

from galley.domain.events import Event
from galley.errors import PublicError

LEAST_S = 0.2
"""What lies between two looks at what moves all the time, seconds."""
PAUSE_S = 0.7
"""Pause between two looks while no events come, seconds."""
QUIET_S = 15.0
"""Pause between two looks while events come and none is about the subject, seconds."""


class Watch:
    """Tells when to look again at a run or a version.

    A thread listens, from the first wait on until the context is left.

    Args:
        events: makes the subscription to what is watched: given what stops it, and what to call
            with whether events come at present.
        name: of the thread that listens.
        stop: ends a wait early.
    """

    def __init__(
        self,
        events: Callable[[threading.Event, Callable[[bool], None]], Iterator[Event]],
        name: str,
        stop: threading.Event | None = None,
    ) -> None:
        self._events = events
        self._name = name
        self._stop = stop or threading.Event()
        self._left = threading.Event()
        self._moved = threading.Event()
        self._come = False
        self._listener: threading.Thread | None = None

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The thread is not waited for: it hears of this with the next line of its stream.
        self._left.set()

    def wait(self) -> bool:
        """Wait until it is worth looking again; return False once stopped."""
        if self._listener is None:
            self._listener = threading.Thread(target=self._listen, name=self._name, daemon=True)
            self._listener.start()
        began = time.monotonic()
        while not self._moved.is_set():
            left = began + (QUIET_S if self._come else PAUSE_S) - time.monotonic()
            if left <= 0 or self._stop.is_set():
                break
            self._moved.wait(min(left, PAUSE_S))
        self._moved.clear()
        return not self._stop.wait(LEAST_S)

    def _listen(self) -> None:
        try:
            for _ in self._events(self._left, self._comes):
                self._moved.set()
        except (PublicError, ValueError):
            # Who may not listen looks, and what is refused there is told by the look; so does who
            # does not know the events of a newer service.
            self._comes(False)
        except RuntimeError:
            # httpx's word for a connection that was closed while it was read.
            if not self._left.is_set():
                raise

    def _comes(self, come: bool) -> None:
        self._come = come
        if come:
            # What moved before the first event is told by none.
            self._moved.set()
