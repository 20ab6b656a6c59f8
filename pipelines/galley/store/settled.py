"""How far the events are final: no event with a lower id can appear any more.

On PostgreSQL an event gets its id when it is written and appears when its transaction commits, so
that a lower one may come later, and a reader that went on from the higher one would skip it. The
snapshot's ``xmin`` alone does not say which ids are safe, because a transaction that began later
may take its ids earlier. But every writer numbers its transaction before it numbers an event.
So once all transactions have ended that were begun when an id was the newest, everything up to
that id has appeared or never will.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from galley.store.engine import Store

EVERYTHING = 2**63 - 1


class Settled:
    """Follows a store; :meth:`advance` may be called from any thread.

    Args:
        monotonic: seconds.
    """

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._final: int | None = None
        self._newest = -1
        self._waiting: deque[tuple[int, int, float]] = deque()
        """(id, a number that is higher than of all transactions that took one up to it, when)."""

    def advance(self) -> int | None:
        """Look, and return the id up to which the events are final.

        None: not known yet, because a transaction that was open at the first look still is.
        """
        with self._lock:
            numbered = self._store.numbered(self._newest)
            if numbered is None:
                return EVERYTHING
            newest, upcoming = numbered
            if newest > self._newest:
                self._newest = newest
                self._waiting.append((newest, upcoming, self._monotonic()))
            oldest_open = self._store.oldest_open() if self._waiting else 0
            while self._waiting and self._waiting[0][1] <= oldest_open:
                self._final = self._waiting.popleft()[0]
            return self._final

    def held_s(self) -> float:
        """Return for how long events have waited for a transaction to end, seconds."""
        with self._lock:
            return self._monotonic() - self._waiting[0][2] if self._waiting else 0.0
