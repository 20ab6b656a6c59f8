"""What MLflow gets of a run as a whole, and what is read back from its tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from galley.domain.work import Outcome
from galley.inside.outbox.spool import OutboxFull
from galley.run.job import Job
from galley.run.tasks import TaskResult, TaskTracking
from galley.tracking.outbox import Outbox
from galley.tracking.parent import end_parent, start_parent


class Tracked:
    """The MLflow run of one attempt; without one the attempt goes on.

    Args:
        say: takes a line for the log.
    """

    def __init__(self, job: Job, say: Callable[[str], None]) -> None:
        self._job = job
        self._say = say
        self._parent: Outbox | None = None

    def begin(self) -> str | None:
        """Begin it, and return its id; None: there is none."""
        if self._job.tracking is None:
            return None
        try:
            self._parent = start_parent(
                self._job.tracking.outbox,
                name=f"{self._job.pipeline} v{self._job.version}",
                started_at=self._job.started_at,
                tags=run_tags(self._job),
                params=self._job.parameters,
            )
        except (OutboxFull, OSError) as error:
            self._say(f"tracking: the run goes on without MLflow: {error}")
            return None
        return self._parent.run

    def end(self, outcome: Outcome) -> None:
        """Say how the attempt ended."""
        if self._parent is None:
            return
        try:
            end_parent(
                self._parent,
                state=outcome.state,
                metrics=outcome.metrics,
                ended_at=datetime.now(UTC),
            )
        except OutboxFull as error:
            self._say(f"tracking: how the run ended could not be kept for MLflow: {error}")

    def of_tasks(self) -> TaskTracking | None:
        """Return what the attempt's tasks track to."""
        tracking = self._job.tracking
        if tracking is None:
            return None
        return TaskTracking(
            uri=tracking.uri,
            token=tracking.token,
            experiment=tracking.experiment,
            outbox=tracking.outbox,
            parent=self._parent.run if self._parent else None,
            tags=run_tags(self._job),
        )


def run_tags(job: Job) -> dict[str, str]:
    """Return the MLflow tags of the run and its tasks; the run's id is the correlation id."""
    tags = {
        "galley.run_id": str(job.run),
        "galley.correlation_id": str(job.run),
        "galley.attempt": str(job.number),
        "galley.kind": str(job.kind),
        "galley.tenant": job.tenant,
        "galley.pipeline": job.pipeline,
        "galley.version": str(job.version),
        "mlflow.user": job.person or job.tenant,
        "mlflow.source.name": f"{job.pipeline}@{job.version}",
        "mlflow.source.type": "PROJECT",
    }
    if job.logical_date is not None:
        tags["galley.logical_date"] = job.logical_date.isoformat()
    return tags


def merged_metrics(results: Sequence[TaskResult], order: Sequence[str]) -> dict[str, float]:
    """Return the metrics of a run; one that several tasks log has the value of the last of them.

    Args:
        results: in the order in which the tasks ended, which says nothing where branches ran side
            by side.
        order: names of the tasks in the order of the graph.
    """
    place = {name: number for number, name in enumerate(order)}
    metrics: dict[str, float] = {}
    for result in sorted(results, key=lambda one: place.get(one.name, len(place))):
        metrics |= result.metrics
    return metrics
