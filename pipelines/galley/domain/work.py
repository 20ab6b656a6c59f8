"""What a worker host and the service tell each other (``/internal/v1``)."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.domain.proof import Proof
from galley.domain.runs import AttemptState, FailureClass, RunKind, TaskState
from galley.domain.split import Snapshot, SplitLayout
from galley.domain.tenants import Profile
from galley.domain.usage import Used
from galley.domain.versions import Analysis, CellError

MAX_KERNEL = 500
"""Characters of what is said about a task's kernel."""


class LeaseRequest(Model):
    """A host asks for work; the service answers an :class:`Assignment` or 204 after ``wait_s``.

    Attributes:
        holds: the attempts that it has, told where a request before this one was not answered; what
            that one leased beside them is anybody's again. None: all were answered.
    """

    host: str = Field(
        max_length=300, description="Name of the host, for people: 'oncology@machine'."
    )
    slots: int = Field(default=1, ge=1)
    wait_s: float = Field(default=20, ge=0, le=60)
    holds: tuple[UUID, ...] | None = None


class RehearsalWork(Model):
    """What a rehearsal does beside running the notebook.

    Attributes:
        analysis: what reading the notebook told, with the split that is to be proved.
        layout: the author's own arrangement of the tasks.
        budget_s: how long the proof may take, seconds; 0: it is not wanted.
        environment_s: how long resolving and installing its environment may take, seconds.
    """

    analysis: Analysis
    layout: SplitLayout | None = None
    budget_s: float = Field(ge=0)
    environment_s: float = Field(default=900, ge=0)


class RehearsalReport(Model):
    """What a rehearsal found beside how the notebook ran.

    Attributes:
        snapshot: what the namespace of the plain run held after its last cell.
    """

    proof: Proof | None = None
    snapshot: Snapshot | None = None


class TaskSecrets(Model):
    """The secrets that the tasks of one attempt are given. Never in a file, never shown.

    Attributes:
        values: name → value.
        variables: environment variable → name.
        error, failure_class: why they cannot be given; the attempt ends with it.
    """

    values: dict[str, str] = Field(default_factory=dict, repr=False)
    variables: dict[str, str] = Field(default_factory=dict)
    error: CellError | None = None
    failure_class: FailureClass | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that were asked for, with their values."""
        return {variable: self.values[name] for variable, name in self.variables.items()}


class Assignment(Model):
    """One leased attempt.

    Attributes:
        next_profile: the tenant's next larger profile; None where there is none.
        cell_timeout_s: how long a cell may take, seconds; None: as long as the run.
        max_output: bytes of one output that an executed notebook keeps; None: the host's default.
        max_cell: bytes of all outputs of one cell that it keeps; None: the host's default.
        fencing: grows with each attempt of a run; a report with an old one is refused.
        incremental: whether tasks may be taken over from earlier runs.
        person: whose rights a rehearsal or a trial has; None: the tenant's.
        project_url: path of the version's project, a tar.gz (relative to the service).
        run_token: for the runner; reports state. Never given to a kernel.
        task_token: for the tasks; may write the tenant's MLflow workspace only.
        tracking_uri: path of the tenant's MLflow proxy (relative to the public address).
        lease_until: renewed by each heartbeat.
    """

    attempt: UUID
    run: UUID
    number: int
    fencing: int
    kind: RunKind
    tenant: str
    person: str | None = None
    pipeline: str
    version: int
    parameters: dict[str, Any]
    profile: Profile
    profile_name: str
    next_profile: str | None = None
    cell_timeout_s: float | None = None
    max_output: int | None = None
    max_cell: int | None = None
    timeout_s: int
    scratch: int = Field(description="Scratch limit, bytes.")
    incremental: bool = False
    project_url: str
    run_token: str
    task_token: str
    tracking_path: str
    experiment: str
    environment: dict[str, str] = Field(default_factory=dict)
    secrets: TaskSecrets = Field(default_factory=TaskSecrets, repr=False)
    rehearsal: RehearsalWork | None = None
    logical_date: Instant | None = None
    lease_until: Instant
    heartbeat_s: float = 5


class TaskReport(Model):
    """Progress of one task; the latest of each task wins."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")
    state: TaskState
    upstream: tuple[str, ...] = ()
    cell: int | None = None
    cells: int | None = None
    started_at: Instant | None = None
    ended_at: Instant | None = None
    peak_memory: int | None = None
    mlflow_run_id: str | None = None
    error: CellError | None = None
    reused_from: int | None = None
    reused_run: UUID | None = None
    kernel: str | None = Field(default=None, max_length=MAX_KERNEL)


class Heartbeat(Model):
    """Renews the lease and reports what moved since the last one.

    Attributes:
        phase: what a rehearsal does beside running the notebook, in words; None: it runs.
        log: text appended to the attempt's log since the last heartbeat, with its offset in
            bytes, so that a repeated heartbeat appends nothing twice.
        used: what tasks used since the last one; a point that is not newer than the last of its
            task is known already.
    """

    fencing: int
    phase: str | None = Field(default=None, max_length=100)
    tasks: tuple[TaskReport, ...] = ()
    mlflow_run_id: str | None = None
    log_offset: int = 0
    log: str = ""
    used: tuple[Used, ...] = ()


class HeartbeatReply(Model):
    """What the host is to do.

    Attributes:
        cancel: end the attempt now.
        lease_until: the renewed lease.
    """

    cancel: bool
    lease_until: Instant


class Outcome(Model):
    """How an attempt ended."""

    fencing: int
    state: AttemptState
    failure_class: FailureClass | None = None
    error: CellError | None = None
    tasks: tuple[TaskReport, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    duration_s: float = Field(ge=0)
    peak_memory: int = Field(default=0, ge=0)
    cells: int = Field(default=0, ge=0)
    rehearsal: RehearsalReport | None = None
    lock: str | None = Field(
        default=None, description="requirements.lock as a rehearsal resolved it, with hashes."
    )
    log_offset: int = 0
    log: str = ""


class TrackedRuns(Model):
    """What a host tells when the MLflow runs of an attempt are there, also after its end.

    Attributes:
        mlflow_run_id: of the attempt; None: it has none.
        tasks: task → id of the MLflow run of its latest try.
    """

    mlflow_run_id: str | None = Field(default=None, pattern=r"^[\w-]{1,64}$")
    tasks: dict[str, Annotated[str, Field(pattern=r"^[\w-]{1,64}$")]] = Field(default_factory=dict)
