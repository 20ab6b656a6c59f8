"""A version: one immutable, content-addressed state of a pipeline, and how it becomes approved.

Glossary
    digest     SHA-256 of the canonical manifest: what approvals are bound to
    check      one finding of the analysis, pointing at a cell
    evidence   what the rehearsal saw: passed or the cell that failed, figures, outputs
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.domain.parameters import ParameterSchema
from galley.domain.pipelines import Goal
from galley.domain.proof import Proof
from galley.domain.reviews import Decision, GateStatus
from galley.domain.schedules import ScheduleRequest
from galley.domain.secrets import SecretReference
from galley.domain.split import Snapshot, SplitLayout, SplitPlan


class VersionState(StrEnum):
    """Where a version stands."""

    ANALYSING = "analysing"
    REHEARSING = "rehearsing"
    IN_REVIEW = "in_review"
    APPROVED = "approved"
    FAILED = "failed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


VERSION_TRANSITIONS: dict[VersionState, frozenset[VersionState]] = {
    VersionState.ANALYSING: frozenset({VersionState.REHEARSING, VersionState.FAILED}),
    VersionState.REHEARSING: frozenset(
        {
            VersionState.IN_REVIEW,
            VersionState.APPROVED,
            VersionState.FAILED,
            VersionState.WITHDRAWN,
        }
    ),
    VersionState.IN_REVIEW: frozenset(
        {VersionState.APPROVED, VersionState.REJECTED, VersionState.WITHDRAWN}
    ),
    VersionState.APPROVED: frozenset(),
    VersionState.FAILED: frozenset(),
    VersionState.REJECTED: frozenset(),
    VersionState.WITHDRAWN: frozenset(),
}


class Severity(StrEnum):
    """How much a check matters: an error stops publishing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Check(Model):
    """One finding of the analysis.

    Attributes:
        code: stable name, such as ``undefined-name`` or ``absolute-path``.
        cell: index of the notebook's cell, counted from 0 over all cells; None for the whole.
        line: line within the cell, counted from 1.
    """

    code: str
    severity: Severity
    message: str
    cell: int | None = None
    line: int | None = None


class TaskNode(Model):
    """One task of the pipeline's graph."""

    name: str
    upstream: tuple[str, ...] = ()
    cells: tuple[int, ...] = ()


class Requirement(Model):
    """One distribution that the notebook imports, at its exact version."""

    name: str
    version: str
    imports: tuple[str, ...] = ()


class FileUse(Model):
    """A file that the notebook reads or writes: a candidate input or output of its pipeline.

    Attributes:
        path: as it is written in the source; None where it is only known when it runs.
        cell, line: of the statement that uses it, or calls what does.
    """

    path: str | None
    mode: Literal["read", "write"]
    cell: int
    line: int


class Analysis(Model):
    """What reading a notebook tells, without running anything of it.

    Attributes:
        title: text of the first Markdown heading, or None.
        proposed: what could be parameters where no cell is tagged; its ``cell`` is the one to
            tag, None where the lines must move to a cell of their own first.
        tasks: the tasks of the version as it would run without a proved split: one.
        split: the split that a rehearsal would try to prove; None where the notebook was read by
            an earlier release.
        missing_modules: imported names that are neither in the environment nor among the
            modules sent: the caller looks for them beside the notebook and asks again.
        requirements: what the imports are installed as where the notebook was read.
        stated: requirement lines of the author's own; one wins over an import's of that name.
        modules: names of the local modules that were sent and are imported.
        scripts: paths of the files that were sent and are run with ``%run``.
        missing_scripts: paths of those that were not sent: the caller looks for them as well.
        secrets: the secrets that it names; never their values.
    """

    title: str | None = None
    parameters: ParameterSchema = Field(default_factory=ParameterSchema)
    proposed: ParameterSchema | None = None
    checks: tuple[Check, ...] = ()
    tasks: tuple[TaskNode, ...] = ()
    split: SplitPlan | None = None
    files: tuple[FileUse, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    stated: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    missing_modules: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    missing_scripts: tuple[str, ...] = ()
    secrets: tuple[SecretReference, ...] = ()

    @property
    def errors(self) -> tuple[Check, ...]:
        """The checks that stop publishing."""
        return tuple(check for check in self.checks if check.severity is Severity.ERROR)


class CellError(Model):
    """The error that ended a run or a rehearsal.

    Attributes:
        cell: index of the *published* notebook's cell, counted from 0; None outside a cell.
        message: one sentence for people, such as "cell 7 uses `df2`, which no cell defines".
    """

    task: str | None = None
    cell: int | None = None
    ename: str
    evalue: str
    message: str
    traceback: tuple[str, ...] = ()


class LockFacts(Model):
    """The locked environment that a version was rehearsed in, and runs in.

    Attributes:
        digest: SHA-256 of what it installs.
        of_platform: the platform's own environment had all of it, and served.
        packages: how many distributions it has.
    """

    digest: str
    of_platform: bool
    packages: int


class Evidence(Model):
    """What the rehearsal saw; part of the review."""

    format: int = 1
    passed: bool
    started_at: Instant
    duration_s: float = Field(ge=0, description="Wall time, seconds.")
    peak_memory: int = Field(ge=0, description="Largest resident memory of the task, bytes.")
    cells: int = Field(ge=0, description="Code cells that ran.")
    parameters: dict[str, Any] = Field(default_factory=dict)
    metrics: dict[str, float] = Field(default_factory=dict)
    error: CellError | None = None
    proof: Proof | None = Field(
        default=None, description="What comparing the split and the unsplit run showed."
    )
    lock: LockFacts | None = Field(default=None, description="The environment that it ran in.")
    snapshot: Snapshot | None = Field(
        default=None, description="What the clean run's namespace held after its last cell."
    )


class PublishRequest(Model):
    """What the publish dialog sends.

    Attributes:
        notebook: the notebook as nbformat 4 JSON.
        modules: path relative to the notebook's folder (``helpers.py``, ``pkg/__init__.py``) →
            source of each local module that it imports and each file that it runs with ``%run``.
        defaults: parameter values that replace the notebook's own defaults.
        rehearsal_parameters: cheaper values, for the rehearsal only.
        timeout_s: whole-run time limit, seconds.
        cell_timeout_s: time limit of each cell, seconds; None: the tenant's. A cell tagged
            ``timeout:SECONDS`` or ``timeout:none`` has its own.
        retries: how often an attempt that failed for a reason of the platform's is repeated,
            beyond the two repeats that are always granted.
        layout: which cells form which task; without one, tags and headings decide. One task with
            all the cells asks for no split.
        prove: ``budget`` proves a split where that fits the tenant's ``limits.proof``; ``always``
            also where it takes longer; ``never`` leaves one task.
        rehearse_only: stop after the rehearsal; nothing goes to review.
        source_path: where the author keeps the notebook, relative to their home; only shown, and
            used to find the pipeline of an open notebook.
        continues: true says that this is meant as the next version of a pipeline that somebody
            else owns; without it, an existing name of another owner is refused.
    """

    notebook: dict[str, Any]
    modules: dict[str, str] = Field(default_factory=dict)
    name: str = Field(min_length=1, max_length=120)
    description: str = Field(default="", max_length=4000)
    owner: str | None = None
    goal: Goal | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)
    rehearsal_parameters: dict[str, Any] = Field(default_factory=dict)
    profile: str | None = None
    timeout_s: int = Field(default=3600, ge=1, le=7 * 86400)
    cell_timeout_s: float | None = Field(default=None, gt=0, le=7 * 86400)
    retries: int = Field(default=1, ge=0, le=10)
    schedule: ScheduleRequest | None = None
    note: str = Field(default="", max_length=4000)
    layout: SplitLayout | None = None
    prove: Literal["budget", "always", "never"] = "budget"
    rehearse_only: bool = False
    source_path: str | None = Field(default=None, max_length=1000)
    continues: bool | None = None


class Version(Model):
    """A version as people see it."""

    id: UUID
    tenant: str
    pipeline: str
    number: int
    state: VersionState
    state_reason: str | None
    digest: str | None
    author: str
    name: str
    description: str
    note: str
    goal: Goal | None
    profile: str
    timeout_s: int
    cell_timeout_s: float | None = Field(
        default=None, description="Time limit of each cell, seconds; null: the tenant's."
    )
    retries: int
    schedule: ScheduleRequest | None
    defaults: dict[str, Any] = Field(
        default_factory=dict, description="Values that replace the notebook's own defaults."
    )
    rehearsal_parameters: dict[str, Any] = Field(
        default_factory=dict, description="Cheaper values, for the rehearsal only."
    )
    rehearse_only: bool
    source_path: str | None
    analysis: Analysis | None
    evidence: Evidence | None
    tasks: tuple[TaskNode, ...] = Field(
        default=(), description="The tasks that a run of this version has: the accepted split."
    )
    progress: dict[str, Any] | None = Field(
        default=None, description="Latest progress of the rehearsal: {cell, cells, task}."
    )
    rehearsal_run: UUID | None
    gates: tuple[GateStatus, ...]
    decisions: tuple[Decision, ...]
    live: bool
    created_at: Instant
    updated_at: Instant


def digest_of(manifest: dict[str, Any]) -> str:
    """Return the SHA-256 (hex) of a manifest in canonical JSON."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
