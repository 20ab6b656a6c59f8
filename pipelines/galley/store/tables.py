"""Tables of pipelines, versions and runs: what the platform promises to remember.

Glossary
    deployment  which version holds a role of a pipeline, since when and until when
    schedule    one row per change, never deleted; ``series`` is the identity over its changes
    attempt     one lease of a run; ``fencing`` tells a current report from a late one
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from galley.domain.reviews import Verdict
from galley.domain.runs import (
    AttemptState,
    FailureClass,
    RunKind,
    RunState,
    TaskState,
    TriggerKind,
)
from galley.domain.schedules import CatchUp, Overlap
from galley.domain.tenants import Gate
from galley.domain.versions import VersionState
from galley.store.columns import UtcDateTime, enum_column, new_id

CHAMPION = "champion"


class Base(DeclarativeBase):
    """Base of every row; constraints have names, so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it as a class attribute)
        datetime: UtcDateTime,
        dict[str, Any]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
        list[dict[str, Any]]: JSON(none_as_null=True),
        CatchUp: enum_column(CatchUp),
        Overlap: enum_column(Overlap),
        VersionState: enum_column(VersionState),
        RunState: enum_column(RunState),
        RunKind: enum_column(RunKind),
        TriggerKind: enum_column(TriggerKind),
        AttemptState: enum_column(AttemptState),
        FailureClass: enum_column(FailureClass),
        TaskState: enum_column(TaskState),
        Gate: enum_column(Gate),
        Verdict: enum_column(Verdict),
    }


class PipelineRow(Base):
    """A named series of versions."""

    __tablename__ = "pipelines"
    __table_args__ = (UniqueConstraint("tenant", "slug"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant: Mapped[str] = mapped_column(String(48))
    slug: Mapped[str] = mapped_column(String(48))
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    goal: Mapped[dict[str, Any] | None]
    source_path: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]


class VersionRow(Base):
    """One version; its content lies in two blobs.

    ``digest`` and ``project_blob`` are those of the unsplit notebook until its rehearsal has proved
    a split, whose ``tasks`` are there from then on; ``published_digest`` stays what it was when it
    was published.
    """

    __tablename__ = "versions"
    __table_args__ = (
        UniqueConstraint("pipeline_id", "number"),
        Index(None, "tenant", "state", "id"),
        Index(
            "ix_versions_unmirrored",
            "id",
            sqlite_where=text("mirror_commit IS NULL"),
            postgresql_where=text("mirror_commit IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    tenant: Mapped[str] = mapped_column(String(48))
    number: Mapped[int]
    state: Mapped[VersionState]
    state_reason: Mapped[str | None] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    author: Mapped[str] = mapped_column(Text)
    owner: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text)
    goal: Mapped[dict[str, Any] | None]
    profile: Mapped[str] = mapped_column(String(48))
    timeout_s: Mapped[int]
    cell_timeout_s: Mapped[float | None]
    retries: Mapped[int]
    schedule: Mapped[dict[str, Any] | None]
    defaults: Mapped[dict[str, Any]]
    rehearsal_parameters: Mapped[dict[str, Any]]
    rehearse_only: Mapped[bool]
    layout: Mapped[dict[str, Any] | None]
    prove: Mapped[str] = mapped_column(String(16), default="budget")
    published_digest: Mapped[str] = mapped_column(String(64))
    source_path: Mapped[str | None] = mapped_column(Text)
    analysis: Mapped[dict[str, Any]]
    tasks: Mapped[list[dict[str, Any]] | None]
    evidence: Mapped[dict[str, Any] | None]
    progress: Mapped[dict[str, Any] | None]
    gates: Mapped[list[str]]
    project_blob: Mapped[str] = mapped_column(Text)
    notebook_blob: Mapped[str] = mapped_column(Text)
    rehearsal_run_id: Mapped[UUID | None]
    mirror_commit: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class DecisionRow(Base):
    """What one reviewer said at one gate."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("version_id", "gate"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"))
    gate: Mapped[Gate]
    verdict: Mapped[Verdict]
    reviewer: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(String(64))
    comment: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime]


class DeploymentRow(Base):
    """A version in a role; ``until`` None: now. The history stays."""

    __tablename__ = "deployments"
    __table_args__ = (
        Index(None, "pipeline_id", "since"),
        Index(
            "uq_deployments_current",
            "pipeline_id",
            "role",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    role: Mapped[str] = mapped_column(String(16))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"))
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    deployed_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)


class ScheduleRow(Base):
    """One wording of a schedule; ``until`` None: in force.

    ``next_firing`` is when the first firing that no run was recorded for is due, its jitter
    included: what is missed after a time of absence is counted from it. It is None while paused
    and after the last firing before ``ends_at``. A wording that has ended has one as long as it
    owes firings from before its end.
    ``version_id`` is the version that brought it; None: an operator set it.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        Index(None, "pipeline_id", "since"),
        Index(
            "uq_schedules_current",
            "pipeline_id",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
        Index(
            "ix_schedules_due",
            "next_firing",
            sqlite_where=text("next_firing IS NOT NULL"),
            postgresql_where=text("next_firing IS NOT NULL"),
        ),
        Index(
            "ix_schedules_limited",
            "tenant",
            sqlite_where=text("until IS NULL AND max_active_runs IS NOT NULL"),
            postgresql_where=text("until IS NULL AND max_active_runs IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    series: Mapped[UUID]
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    version_id: Mapped[UUID | None] = mapped_column(ForeignKey("versions.id"))
    tenant: Mapped[str] = mapped_column(String(48))
    cron: Mapped[str] = mapped_column(Text)
    timezone: Mapped[str] = mapped_column(Text)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    jitter_s: Mapped[int] = mapped_column(default=0)
    catch_up: Mapped[CatchUp]
    catch_up_limit: Mapped[int] = mapped_column(default=100)
    overlap: Mapped[Overlap] = mapped_column(default=Overlap.ALLOW)
    depends_on_past: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=0)
    deadline_s: Mapped[int | None]
    max_active_runs: Mapped[int | None]
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    paused: Mapped[bool]
    paused_by: Mapped[str | None] = mapped_column(Text)
    next_firing: Mapped[datetime | None]
    since: Mapped[datetime]
    until: Mapped[datetime | None]
    set_by: Mapped[str] = mapped_column(Text)


class RunRow(Base):
    """One wanted execution; recorded before anything is launched.

    ``profile`` is that of the next attempt where it is not the version's own. ``overlap`` and
    ``depends_on_past`` are the schedule's when it was recorded; none for other triggers.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("trigger", "trigger_id", "scheduled_at"),
        Index(None, "tenant", "id"),
        Index(None, "tenant", "state", "id"),
        Index(None, "tenant", "kind", "id"),
        Index(None, "pipeline_id", "id"),
        Index(None, "tenant", "logical_date", "id"),
        Index(None, "tenant", "state", "logical_date", "id"),
        Index(None, "pipeline_id", "state", "id"),
        Index(None, "pipeline_id", "logical_date", "id"),
        Index(None, "version_id"),
        Index(
            "ix_runs_open",
            "state",
            "tenant",
            "id",
            sqlite_where=text("state IN ('queued', 'launching', 'running')"),
            postgresql_where=text("state IN ('queued', 'launching', 'running')"),
        ),
        Index(
            "ix_runs_series_open",
            "trigger_id",
            "scheduled_at",
            sqlite_where=text("state IN ('queued', 'launching', 'running')"),
            postgresql_where=text("state IN ('queued', 'launching', 'running')"),
        ),
        Index(
            "ix_runs_succeeded",
            "pipeline_id",
            "logical_date",
            sqlite_where=text("state = 'succeeded'"),
            postgresql_where=text("state = 'succeeded'"),
        ),
        Index(
            "ix_runs_deadline",
            "deadline",
            sqlite_where=text("state = 'queued' AND deadline IS NOT NULL"),
            postgresql_where=text("state = 'queued' AND deadline IS NOT NULL"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    tenant: Mapped[str] = mapped_column(String(48))
    pipeline_id: Mapped[UUID] = mapped_column(ForeignKey("pipelines.id"))
    version_id: Mapped[UUID] = mapped_column(ForeignKey("versions.id"))
    kind: Mapped[RunKind]
    trigger: Mapped[TriggerKind]
    trigger_id: Mapped[UUID]
    scheduled_at: Mapped[datetime]
    requested_by: Mapped[str | None] = mapped_column(Text)
    state: Mapped[RunState]
    state_reason: Mapped[str | None] = mapped_column(Text)
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    cancelled_by: Mapped[str | None] = mapped_column(Text)
    logical_date: Mapped[datetime]
    data_interval_start: Mapped[datetime]
    data_interval_end: Mapped[datetime]
    parameters: Mapped[dict[str, Any]]
    metrics: Mapped[dict[str, Any]]
    goal_met: Mapped[bool | None]
    attempt_count: Mapped[int] = mapped_column(default=0)
    repeats: Mapped[int] = mapped_column(default=0)
    profile: Mapped[str | None] = mapped_column(String(48))
    not_before: Mapped[datetime]
    priority: Mapped[int] = mapped_column(default=0)
    deadline: Mapped[datetime | None]
    incremental: Mapped[bool] = mapped_column(default=False)
    overlap: Mapped[Overlap | None]
    depends_on_past: Mapped[bool] = mapped_column(default=False)
    cell: Mapped[int | None]
    cells: Mapped[int | None]
    mlflow_run_id: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    files_removed_at: Mapped[datetime | None]


Index(
    "ix_runs_waiting",
    RunRow.tenant,
    RunRow.priority.desc(),
    RunRow.id,
    sqlite_where=text("state = 'queued'"),
    postgresql_where=text("state = 'queued'"),
)


class AttemptRow(Base):
    """One lease of a run by a worker host.

    ``larger_profile`` is where the run is tried again when this attempt runs out of memory; None:
    it is not. ``extra_s`` is the time beyond its version's limit that it has to make its
    environment, and as a rehearsal to prove a split; ``rehearsal`` what that found beside how the
    notebook ran.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        UniqueConstraint("run_id", "number"),
        Index(
            "ix_attempts_open",
            "tenant",
            "lease_until",
            sqlite_where=text("state IN ('leased', 'running')"),
            postgresql_where=text("state IN ('leased', 'running')"),
        ),
        Index(
            "ix_attempts_used",
            "tenant",
            "profile",
            "cpu",
            "memory",
            sqlite_where=text("state IN ('leased', 'running')"),
            postgresql_where=text("state IN ('leased', 'running')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("runs.id"))
    tenant: Mapped[str] = mapped_column(String(48))
    number: Mapped[int]
    fencing: Mapped[int]
    state: Mapped[AttemptState]
    host: Mapped[str] = mapped_column(Text)
    cpu: Mapped[float]
    memory: Mapped[int] = mapped_column(BigInteger)
    profile: Mapped[str | None] = mapped_column(String(48))
    larger_profile: Mapped[str | None] = mapped_column(String(48))
    lease_until: Mapped[datetime]
    deadline: Mapped[datetime]
    failure_class: Mapped[FailureClass | None]
    error: Mapped[dict[str, Any] | None]
    mlflow_run_id: Mapped[str | None] = mapped_column(Text)
    log_size: Mapped[int] = mapped_column(BigInteger, default=0)
    duration_s: Mapped[float | None]
    peak_memory: Mapped[int | None] = mapped_column(BigInteger)
    code_cells: Mapped[int | None]
    extra_s: Mapped[int] = mapped_column(default=0)
    rehearsal: Mapped[dict[str, Any] | None]
    started_at: Mapped[datetime]
    running_since: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class TaskTryRow(Base):
    """One task within an attempt."""

    __tablename__ = "task_tries"

    attempt_id: Mapped[UUID] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    position: Mapped[int]
    state: Mapped[TaskState]
    upstream: Mapped[list[str]]
    cell: Mapped[int | None]
    cells: Mapped[int | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    peak_memory: Mapped[int | None] = mapped_column(BigInteger)
    mlflow_run_id: Mapped[str | None] = mapped_column(Text)
    reused_from: Mapped[int | None]
    reused_run: Mapped[UUID | None]
    kernel: Mapped[str | None] = mapped_column(Text)
    notebook_blob: Mapped[str | None] = mapped_column(Text)
    error: Mapped[dict[str, Any] | None]
