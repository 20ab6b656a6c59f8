"""What travels between the runner and the place where a task is executed.

This module and :mod:`galley.run.worker` import neither Ploomber nor the DAG: a worker gets the
rendered notebook, paths, limits and values; never a pickled Ploomber task.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.domain.runs import FailureClass, TaskState
from galley.domain.versions import CellError


class TaskTracking(Model):
    """The MLflow side of a task: it makes its own nested run below ``parent``.

    ``experiment_id`` and ``parent`` are None where MLflow was away when the run began; the task
    tries again.
    """

    uri: str
    token: str
    experiment: str
    experiment_id: str | None
    parent: str | None
    tags: dict[str, str]


class TaskSpec(Model):
    """One task, ready to be executed.

    Attributes:
        notebook: the rendered notebook (JSON text), parameters injected.
        output: where the executed notebook is written while it grows; in place of nothing else.
        cwd: working directory of the kernel.
        environment: environment of the kernel, complete but for what MLflow and Dask add.
        python: interpreter of the kernel; None: the one that runs here.
        memory: limit of the kernel's process tree, bytes.
        deadline: when the whole run must have ended.
    """

    attempt: str
    name: str
    notebook: str
    output: Path
    cwd: Path
    environment: dict[str, str]
    python: Path | None = None
    memory: int
    profile: str
    deadline: Instant
    timeout_s: float
    grace_s: float
    tracking: TaskTracking | None = None

    @property
    def key(self) -> str:
        """Unique name of the task on the cluster."""
        return f"galley-{self.attempt}-{self.name}"


class TaskResult(Model):
    """How a task ended."""

    name: str
    state: TaskState
    failure_class: FailureClass | None = None
    error: CellError | None = None
    started_at: Instant
    ended_at: Instant
    cell: int = 0
    cells: int = 0
    peak_memory: int = 0
    mlflow_run_id: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)


class TaskEvent(Model):
    """Something that a running task tells.

    Attributes:
        kind: ``started`` (the kernel is about to start; ``mlflow_run_id`` is known), ``cell``
            (``cell`` of ``cells`` code cells are finished), ``text`` (log text, whole lines),
            ``used`` (``memory`` in bytes and CPU time ``cpu_s`` in seconds, at most each second).
    """

    task: str
    kind: Literal["started", "cell", "text", "used"]
    at: Instant
    cell: int | None = None
    cells: int | None = None
    text: str = ""
    memory: int = 0
    cpu_s: float = 0
    mlflow_run_id: str | None = None


Emit = Callable[[TaskEvent], None]
"""Hands an event to whoever follows the task; must not block."""
