"""Slowing down who guesses passwords."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

WINDOW_S = 60.0
MAX_KEYS = 10_000


class Throttle:
    """Counts failures per key (a user name, an address) within a sliding window.

    Args:
        limit: failures within ``WINDOW_S`` seconds after which a key has to wait.
    """

    def __init__(self, limit: int = 5) -> None:
        self._limit = limit
        self._failures: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait(self, keys: Iterable[str], now: float) -> float:
        """Return the seconds until these keys may try again; 0 when they may now."""
        return max((self._wait(key, now) for key in keys), default=0.0)

    def failed(self, keys: Iterable[str], now: float) -> None:
        """Count a failure."""
        if len(self._failures) > MAX_KEYS:
            self._forget(now)
        for key in keys:
            self._failures[key].append(now)

    def succeeded(self, keys: Iterable[str]) -> None:
        """Forget the failures of these keys."""
        for key in keys:
            self._failures.pop(key, None)

    def _wait(self, key: str, now: float) -> float:
        if key not in self._failures:
            return 0.0
        times = self._failures[key]
        while times and times[0] <= now - WINDOW_S:
            times.popleft()
        if len(times) < self._limit:
            return 0.0
        return times[-self._limit] + WINDOW_S - now

    def _forget(self, now: float) -> None:
        old = [
            key for key, times in self._failures.items() if not times or times[-1] < now - WINDOW_S
        ]
        for key in old:
            del self._failures[key]
