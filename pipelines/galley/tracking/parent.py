"""The MLflow run of a whole run; the tasks' runs are its children."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from galley.domain.model import Model
from galley.domain.runs import AttemptState
from galley.tracking.client import TrackingClient
from galley.tracking.tracker import Tracker

_STATUS = {
    AttemptState.SUCCEEDED: "FINISHED",
    AttemptState.FAILED: "FAILED",
    AttemptState.TIMED_OUT: "FAILED",
    AttemptState.CANCELLED: "KILLED",
}


class Parent(Model):
    """What the tasks need to know; both None where MLflow is away."""

    experiment_id: str | None = None
    run_id: str | None = None


def start_parent(
    tracker: Tracker,
    *,
    experiment: str,
    key: str,
    name: str,
    started_at: datetime,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
) -> Parent:
    """Start the run's MLflow run and log its parameters."""
    experiment_id = tracker.attempt(
        f"find the experiment {experiment!r}", lambda client: client.experiment(experiment)
    )
    if experiment_id is None:
        return Parent()
    run = tracker.create_once(
        experiment_id, key=key, name=name, start_ms=milliseconds(started_at), tags=tags
    )
    if run is None:
        return Parent(experiment_id=experiment_id)
    if params:
        tracker.attempt("log the parameters", lambda client: client.log(run.id, params=params))
    return Parent(experiment_id=experiment_id, run_id=run.id)


def end_parent(
    tracker: Tracker,
    parent: Parent,
    *,
    state: AttemptState,
    metrics: Mapping[str, float],
    ended_at: datetime,
) -> None:
    """Log the run's metrics and set its final status."""
    if parent.run_id is None:
        return
    run_id, at_ms = parent.run_id, milliseconds(ended_at)

    def end(client: TrackingClient) -> None:
        if metrics:
            client.log(run_id, metrics=metrics, at_ms=at_ms)
        client.end(run_id, status=_STATUS[state], end_ms=at_ms)

    tracker.attempt("end the MLflow run", end)


def milliseconds(instant: datetime) -> int:
    """Return an instant as MLflow counts: milliseconds since 1970."""
    return int(instant.timestamp() * 1000)
