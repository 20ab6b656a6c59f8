"""Runs: one execution of a version for one logical date.

Glossary
    run       wanted once per (trigger kind, trigger id, scheduled time); owns parameters
    attempt   one try of a run, leased by a worker host
    task try  one task of the graph within an attempt
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model, Number, PlannedInstant
from galley.domain.schedules import DeadlineS
from galley.domain.versions import CellError, TaskNode


class RunState(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    LAUNCHING = "launching"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in {RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING}


RUN_TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.LAUNCHING, RunState.CANCELLED, RunState.SKIPPED}),
    RunState.LAUNCHING: frozenset(
        {
            RunState.RUNNING,
            RunState.QUEUED,
            RunState.FAILED,
            RunState.CANCELLED,
            RunState.TIMED_OUT,
        }
    ),
    RunState.RUNNING: frozenset(
        {
            RunState.SUCCEEDED,
            RunState.FAILED,
            RunState.CANCELLED,
            RunState.TIMED_OUT,
            RunState.QUEUED,
        }
    ),
    RunState.SUCCEEDED: frozenset(),
    # An explicit retry by a person puts an ended run back into the queue, as a new attempt.
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset(),
    RunState.TIMED_OUT: frozenset({RunState.QUEUED}),
    RunState.SKIPPED: frozenset(),
}


class RunKind(StrEnum):
    """A pipeline run has the tenant's rights; a rehearsal its author's, a trial its asker's."""

    REHEARSAL = "rehearsal"
    PIPELINE = "pipeline"
    TRIAL = "trial"

    @property
    def personal(self) -> bool:
        """Whether it runs as the person who asked for it, without the tenant's secrets."""
        return self is not RunKind.PIPELINE


_EXPERIMENTS = {
    RunKind.PIPELINE: "{}",
    RunKind.REHEARSAL: "{} (rehearsals)",
    RunKind.TRIAL: "{} (trials)",
}


def experiment_of(kind: RunKind, pipeline: str) -> str:
    """Return the name of the MLflow experiment of a pipeline's runs of one kind."""
    return _EXPERIMENTS[kind].format(pipeline)


class TriggerKind(StrEnum):
    """What asked for the run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    REHEARSAL = "rehearsal"
    BACKFILL = "backfill"
    UPSTREAM = "upstream"
    FILE = "file"
    WEBHOOK = "webhook"


class AttemptState(StrEnum):
    """Where an attempt stands; ``lost`` means that its host stopped answering."""

    LEASED = "leased"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    LOST = "lost"


ATTEMPT_TRANSITIONS: dict[AttemptState, frozenset[AttemptState]] = {
    AttemptState.LEASED: frozenset(set(AttemptState) - {AttemptState.LEASED}),
    AttemptState.RUNNING: frozenset(
        set(AttemptState) - {AttemptState.LEASED, AttemptState.RUNNING}
    ),
    AttemptState.SUCCEEDED: frozenset(),
    AttemptState.FAILED: frozenset(),
    AttemptState.CANCELLED: frozenset(),
    AttemptState.TIMED_OUT: frozenset(),
    AttemptState.LOST: frozenset(),
}


class FailureClass(StrEnum):
    """Whose failure it was; each class has a retry policy of its own."""

    USER = "user"
    OUT_OF_MEMORY = "out_of_memory"
    INFRASTRUCTURE = "infrastructure"
    TIMEOUT = "timeout"


class TaskState(StrEnum):
    """Where a task of an attempt stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class TaskTry(Model):
    """One task within an attempt."""

    name: str
    state: TaskState
    upstream: tuple[str, ...] = ()
    cell: int | None = Field(default=None, description="Code cells finished so far.")
    cells: int | None = Field(default=None, description="Code cells in total.")
    started_at: Instant | None = None
    ended_at: Instant | None = None
    peak_memory: int | None = Field(default=None, description="Bytes.")
    mlflow_run_id: str | None = None
    notebook: bool = Field(default=False, description="Whether an executed notebook is kept.")
    reused_from: int | None = Field(
        default=None,
        description="The attempt that executed it: nothing it is made from has changed since.",
    )
    reused_run: UUID | None = Field(
        default=None,
        description="The earlier run that executed it, where this one is incremental.",
    )
    kernel: str | None = Field(
        default=None,
        description="`forked`, or `started` like any other kernel; then what stood in the way of "
        "something better. Null: it never had one, or is from before this was noted.",
    )
    error: CellError | None = None


class Attempt(Model):
    """One try of a run."""

    id: UUID
    number: int
    state: AttemptState
    host: str | None
    profile: str | None = Field(
        default=None, description="What it was given; a larger one after a lack of memory."
    )
    failure_class: FailureClass | None = None
    error: CellError | None = None
    mlflow_run_id: str | None = None
    started_at: Instant
    ended_at: Instant | None = None
    tasks: tuple[TaskTry, ...] = ()


class RunCause(Model):
    """What asked for a run that neither a person nor its schedule asked for.

    Attributes:
        id: of the backfill or the trigger.
        name: of the trigger; None for a backfill.
        detail: what fired the trigger: runs upstream, the file's old and new version, or the
            request's id.
    """

    id: UUID
    name: str | None = None
    detail: dict[str, Any] = Field(default_factory=dict)


class Run(Model):
    """A run as people see it; ``attempts`` is filled on the run page, empty in lists."""

    id: UUID
    tenant: str
    pipeline: str
    pipeline_name: str
    version: int
    version_id: UUID
    kind: RunKind
    trigger: TriggerKind
    cause: RunCause | None = None
    requested_by: str | None
    state: RunState
    state_reason: str | None
    cancel_requested: bool
    logical_date: Instant
    data_interval_start: Instant
    data_interval_end: Instant
    priority: int = 0
    deadline: Instant | None = Field(
        default=None, description="By when it must have ended; null: no such instant."
    )
    incremental: bool = Field(
        default=False, description="Whether it takes over what earlier ones made of the same."
    )
    parameters: dict[str, Any]
    metrics: dict[str, float]
    goal_met: bool | None = None
    graph: tuple[TaskNode, ...] = ()
    attempt_count: int
    attempts: tuple[Attempt, ...] = ()
    cell: int | None = Field(default=None, description="Code cells finished, all tasks.")
    cells: int | None = None
    mlflow_url: str | None = None
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    files_removed_at: Instant | None = Field(
        default=None, description="Since when logs and notebooks are not kept any more."
    )


class RunRequest(Model):
    """Start a run now.

    Attributes:
        version: number; default is the live one.
        logical_date: default is now.
    """

    parameters: dict[str, Any] = Field(default_factory=dict)
    version: Number | None = None
    logical_date: PlannedInstant | None = None
    priority: int = Field(
        default=0, ge=-100, le=100, description="Runs with more go first within the tenant."
    )
    deadline_s: DeadlineS | None = Field(
        default=None,
        description="Time from now until it must have ended, seconds: if it has not started by "
        "then it is skipped, if it is running it is timed out.",
    )
    incremental: bool = Field(
        default=False,
        description="Execute only what has changed: a task is taken over from an earlier "
        "incremental run of the pipeline where its source, parameters, modules, environment and "
        "upstream tasks are the same. What it reads from elsewhere is not looked at.",
    )
