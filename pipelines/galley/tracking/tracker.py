"""Tracking that a run can rely on and never waits for.

Each operation is tried; when MLflow does not answer, the tracker says so once, leaves MLflow alone
for a while and answers None, and the run goes on without.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from galley.tracking.client import (
    TrackedRun,
    TrackingClient,
    TrackingRefused,
    TrackingUnavailable,
)

T = TypeVar("T")

PAUSE_S = 20.0
KEY = "galley.key"
"""Tag that is unique per run we make: a create whose answer was lost is found again by it."""


class Tracker:
    """Guards a client.

    Args:
        client: the REST client.
        say: takes one line for the attempt's log.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        client: TrackingClient,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self._say = say
        self._clock = clock
        self._closed_until = 0.0

    def attempt(self, what: str, operation: Callable[[TrackingClient], T]) -> T | None:
        """Return the operation's result, or None when MLflow does not do it now."""
        if self._clock() < self._closed_until:
            return None
        try:
            return operation(self.client)
        except TrackingUnavailable as error:
            if not isinstance(error, TrackingRefused):
                self._closed_until = self._clock() + PAUSE_S
            self._say(f"tracking: could not {what}; the run goes on without. {error.reason}")
            return None

    def create_once(
        self,
        experiment_id: str,
        *,
        key: str,
        name: str,
        start_ms: int,
        tags: Mapping[str, str],
    ) -> TrackedRun | None:
        """Return the run with this key, started if it does not exist; None when MLflow is away.

        MLflow gives no way to choose a run's id, so a create whose answer is lost would double the
        run: before a second try, the run is looked for by its key.
        """

        def create(client: TrackingClient) -> TrackedRun:
            marked = {**tags, KEY: key}
            try:
                return client.create(experiment_id, name=name, start_ms=start_ms, tags=marked)
            except TrackingUnavailable:
                found = client.find(experiment_id, {KEY: key})
                if found is not None:
                    return found
                return client.create(experiment_id, name=name, start_ms=start_ms, tags=marked)

        return self.attempt(f"start the MLflow run {name!r}", create)
