"""What MLflow gets of a run as a whole, and what is read back from its tasks."""

from __future__ import annotations

from collections.abc import Sequence

from galley.domain.runs import RunKind
from galley.run.job import Job
from galley.run.tasks import TaskResult


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
        "mlflow.user": job.tenant if job.kind is RunKind.PIPELINE else f"{job.tenant}-rehearsal",
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
