"""What travels between the runner and the place where a task is executed.

This module and :mod:`galley.run.worker` import neither Ploomber nor the DAG: a worker gets the
rendered notebook, paths, limits and values; never a pickled Ploomber task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.domain.runs import FailureClass, TaskState
from galley.domain.versions import CellError
from galley.domain.work import TaskSecrets
from galley.run.outputs import MAX_CELL, MAX_OUTPUT
from galley.run.walls import Walls


class TaskTracking(Model):
    """The MLflow side of a task: it makes its own nested run below ``parent``.

    Attributes:
        uri: address of the tenant's MLflow, for what needs an answer.
        outbox: folder of the attempt's outbox, where everything else goes.
        parent: local id of the attempt's run; None: it could not be begun.
    """

    uri: str
    token: str
    experiment: str
    outbox: Path
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
        zygotes: folder of the zygotes to fork the kernel from; None: a plain kernel is started.
        walls: what a forked kernel sees of its host's files; None: all of them.
        kept: folder for the whole of outputs that are cut in the executed notebook.
        products: what it makes beside the notebook, relative to ``cwd``.
        tries: folder for the folders of the task's tries; None: there is only one try, in place.
        staged: folder of this try.
        staged_as: device and inode of that folder, whose place tasks can give to another one.
        memory: limit of all the task's processes together, bytes.
        memory_tag: the tag that the limit comes from; None: the profile.
        cpu: cores; None: all.
        gpus: devices that it gets for itself.
        next_profile: the tenant's next larger profile, for messages.
        cell_timeout_s: how long a cell may take, seconds; None: as long as the run.
        max_output: bytes of one output that the executed notebook keeps.
        max_cell: bytes of all outputs of one cell that it keeps.
        deadline: when the whole run must have ended.
        secrets: what the kernel is given beside its environment.
    """

    attempt: str
    name: str
    notebook: str
    output: Path
    cwd: Path
    environment: dict[str, str]
    python: Path | None = None
    zygotes: Path | None = None
    walls: Walls | None = None
    kept: Path | None = None
    products: tuple[Path, ...] = ()
    tries: Path | None = None
    staged: Path | None = None
    staged_as: tuple[int, int] | None = None
    memory: int
    memory_tag: str | None = None
    cpu: float | None = None
    gpus: int = 0
    profile: str
    next_profile: str | None = None
    cell_timeout_s: float | None = None
    max_output: int = MAX_OUTPUT
    max_cell: int = MAX_CELL
    deadline: Instant
    timeout_s: float
    grace_s: float
    tracking: TaskTracking | None = None
    secrets: TaskSecrets = Field(default_factory=TaskSecrets, repr=False)

    @property
    def key(self) -> str:
        """Unique name of the task on the cluster."""
        return f"galley-{self.attempt}-{self.name}"


class TaskResult(Model):
    """How a task ended.

    Attributes:
        staged: folder of the try that ended so; None: it worked in place.
        staged_as: device and inode of that folder, as it was made.
        output: the try's executed notebook.
        reused_from: number of the attempt that executed it; None: this one did, or another run.
        reused_run: the earlier run that executed it; None: this one did.
        kernel: ``forked`` or ``started``, and what stood in the way of something better; empty
            where it never had one.
    """

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
    staged: Path | None = None
    staged_as: tuple[int, int] | None = None
    output: Path | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    reused_from: int | None = None
    reused_run: UUID | None = None
    kernel: str = ""


class TaskEvent(Model):
    """Something that a running task tells.

    Attributes:
        kind: ``started`` (the kernel is about to start; ``mlflow_run_id`` is known, the local
            one), ``cell`` (``cell`` of ``cells`` code cells are finished), ``text`` (log text,
            whole lines), ``used`` (``memory`` in bytes and CPU time ``cpu_s`` in seconds, at most
            each second), ``ended`` (its ``result``; the last event of a try).
        output: executed notebook of the try that tells it; each try has its own.
    """

    task: str
    kind: Literal["started", "cell", "text", "used", "ended"]
    at: Instant
    cell: int | None = None
    cells: int | None = None
    text: str = ""
    memory: int = 0
    cpu_s: float = 0
    mlflow_run_id: str | None = None
    output: Path | None = None
    result: TaskResult | None = None


Emit = Callable[[TaskEvent], object]
"""Hands an event to whoever follows the task; must not block."""


def seeing(spec: TaskSpec, gpus: Iterable[int]) -> TaskSpec:
    """Return a task that sees these GPUs and no other."""
    devices = ",".join(map(str, gpus))
    given = {**spec.environment, "CUDA_VISIBLE_DEVICES": devices}
    return spec.model_copy(update={"environment": given})
