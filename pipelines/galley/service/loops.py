"""Background work that never dies silently: a failed step is logged, counted and tried again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from galley.service.metrics import Metrics
from galley.service.wakeup import Wakeup, wait

BREATH_S = 0.1
"""The least rest of a loop that is woken often, seconds."""

SHORTEST_S = 0.01
"""The least rest of a loop that says when it is wanted next, seconds."""

STANDBY_S = 1.0
"""The longest rest of a loop that another process runs at the moment, seconds."""

_log = logging.getLogger(__name__)


@dataclass
class Loop:
    """One loop.

    Attributes:
        step: one pass; runs in a thread. It may return after how many seconds it is wanted again,
            where that is sooner than ``every_s``.
        every_s: rest between two passes, seconds.
        wake: rings to end the rest early where this process does the work.
        leads: whether it does; ``step`` does nothing where it does not.
        gained: rings when it begins to.
        last_pass: end of the last pass.
        last_good: end of the last pass that did not fail.
    """

    name: str
    step: Callable[[], object]
    every_s: float
    wake: Wakeup | None = None
    leads: Callable[[], bool] = lambda: True
    gained: Wakeup | None = None
    last_pass: datetime | None = field(default=None, init=False)
    last_good: datetime | None = field(default=None, init=False)

    async def run(self, metrics: Metrics, clock: Callable[[], datetime]) -> None:
        """Pass after pass, until cancelled."""
        while True:
            leads = self.leads()
            bell = self.wake if leads else self.gained
            ticket = bell.ticket() if bell else asyncio.Event()
            rest = self.every_s if leads else min(self.every_s, STANDBY_S)
            breath = min(BREATH_S, self.every_s)
            try:
                wanted = await asyncio.to_thread(self.step)
            except Exception:  # a loop never dies silently
                _log.exception("loop %r failed; it goes on in %s s", self.name, self.every_s)
                metrics.loop_errors.labels(self.name).inc()
                self.last_pass = clock()
            else:
                self.last_pass = self.last_good = clock()
                if self.leads():
                    metrics.loop_ticks.labels(self.name).set(self.last_good.timestamp())
                if isinstance(wanted, float):
                    rest = max(SHORTEST_S, min(rest, wanted))
                    breath = min(breath, rest)
            await asyncio.sleep(breath)
            await wait(ticket, max(0.0, rest - breath))

    def alive(self, now: datetime) -> bool:
        """Return whether its passes end, well or not."""
        return self._recent(self.last_pass, now)

    def healthy(self, now: datetime) -> bool:
        """Return whether its passes end well."""
        return self._recent(self.last_good, now)

    def _recent(self, at: datetime | None, now: datetime) -> bool:
        patience = timedelta(seconds=max(30.0, 5 * self.every_s))
        return at is not None and now - at < patience
