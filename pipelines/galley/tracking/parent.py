"""The MLflow run of a whole run; the tasks' runs are its children."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from galley.domain.runs import AttemptState
from galley.inside.outbox import spool
from galley.tracking.outbox import Outbox

_STATUS = {
    AttemptState.SUCCEEDED: "FINISHED",
    AttemptState.FAILED: "FAILED",
    AttemptState.TIMED_OUT: "FAILED",
    AttemptState.CANCELLED: "KILLED",
}


def start_parent(
    folder: Path,
    *,
    name: str,
    started_at: datetime,
    tags: Mapping[str, str],
    params: Mapping[str, Any],
) -> Outbox:
    """Begin the run's MLflow run in the attempt's outbox, with its parameters.

    Raises:
        OutboxFull, OSError: it cannot be written.
    """
    return Outbox.begin(
        folder,
        spool.RUN,
        name=name,
        start_ms=milliseconds(started_at),
        tags=tags,
        params=params,
    )


def end_parent(
    parent: Outbox, *, state: AttemptState, metrics: Mapping[str, float], ended_at: datetime
) -> None:
    """Log the run's metrics and set its final status.

    Raises:
        OutboxFull: it cannot be written.
    """
    parent.end(status_of(state), at_ms=milliseconds(ended_at), metrics=metrics)


def status_of(state: AttemptState) -> str:
    """Return MLflow's word for how an attempt ended."""
    return _STATUS.get(state, "KILLED")


def milliseconds(instant: datetime) -> int:
    """Return an instant as MLflow counts: milliseconds since 1970."""
    return int(instant.timestamp() * 1000)
