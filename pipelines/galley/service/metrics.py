"""What Prometheus reads: runs by state, the queue, how late schedules are, HTTP, the loops."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galley.domain.runs import RunState
from galley.domain.tenants import Tenants
from galley.schedule import next_due
from galley.store import Store, runs

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.durations = Histogram(
            "galley_http_request_seconds",
            "Time to the end of an answer.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self.loop_errors = Counter(
            "galley_loop_errors",
            "Failed steps of background loops.",
            ["loop"],
            registry=self.registry,
        )
        self.loop_ticks = Gauge(
            "galley_loop_last_tick_seconds",
            "Unix time of a loop's last good step.",
            ["loop"],
            registry=self.registry,
        )
        self.streams = Gauge(
            "galley_event_streams", "Open streams of live events.", registry=self.registry
        )

    def watch(
        self, store: Store, tenants: Callable[[], Tenants], clock: Callable[[], datetime]
    ) -> None:
        """Report on the runs and schedules of ``store``."""
        self.registry.register(_Work(store, tenants, clock))

    def text(self) -> bytes:
        """Return all of them in Prometheus' text format."""
        return generate_latest(self.registry)


class _Work(Collector):
    """Counts when asked, in one read; over all tenants, for anybody near may read it."""

    def __init__(
        self, store: Store, tenants: Callable[[], Tenants], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._tenants = tenants
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        tenants = self._tenants()
        counts, due = self._store.read(lambda s: (runs.counts(s), next_due(s, tenants)))
        by_state = GaugeMetricFamily("galley_runs", "Runs by state.", labels=["state"])
        totals = dict.fromkeys(RunState, 0)
        for (_, state), count in counts.items():
            totals[state] += count
        for state, total in totals.items():
            by_state.add_metric([str(state)], total)
        depth = GaugeMetricFamily(
            "galley_queue_depth", "Runs that wait.", value=totals[RunState.QUEUED]
        )
        late = max(0.0, (self._clock() - due).total_seconds()) if due else 0.0
        lag = GaugeMetricFamily(
            "galley_schedule_lag_seconds", "How late the earliest firing is.", value=late
        )
        yield from (by_state, depth, lag)


class Measured:
    """ASGI middleware that times each answer by its route, never by its path."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.durations.labels(scope["method"], route, str(status)).observe(
                time.perf_counter() - began
            )
