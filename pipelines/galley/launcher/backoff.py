"""How long to wait before a host that died is started again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 60.0
CALM_S = 180.0
"""A host that was not started for this long had started well; its next death counts as the first.

Longer than the longest wait: else a host that always dies would begin anew after each long wait.
"""


class Backoff:
    """Doubles the wait with each early death of the same host.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._started: dict[str, float] = {}
        self._wait: dict[str, float] = {}

    def may_start(self, name: str) -> bool:
        """Return whether the host may be started now."""
        started = self._started.get(name)
        return started is None or self._monotonic() - started >= self._wait[name]

    def started(self, name: str) -> None:
        """Note a start."""
        now, before = self._monotonic(), self._started.get(name)
        calm = before is None or now - before >= CALM_S
        self._wait[name] = FIRST_S if calm else min(self._wait[name] * 2, LONGEST_S)
        self._started[name] = now
