"""The job: everything a runner process needs, as one JSON file of mode 0600."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import Field

from galley.cluster.address import ClusterAddress
from galley.domain.model import Instant, Model
from galley.domain.runs import RunKind
from galley.domain.tenants import Profile
from galley.domain.work import RehearsalWork, TaskSecrets
from galley.run.outputs import MAX_CELL, MAX_OUTPUT

ENVIRONMENT_S = 900.0
"""How long making the environment of a pipeline's run may take, once per lock, seconds."""


class Tracking(Model):
    """Where the tasks log.

    Attributes:
        uri: address of the tenant's MLflow, without a trailing slash.
        token: may write the tenant's MLflow workspace and nothing else.
        experiment: name of the experiment; rehearsals have one of their own.
        outbox: folder to which tasks log; whoever gives the job sends what is in it.
    """

    uri: str
    token: str
    experiment: str
    outbox: Path


class Job(Model):
    """One attempt, as the runner sees it.

    Attributes:
        person: whose rights it has; None: the tenant's.
        project: unpacked Ploomber project; also the working directory of the tasks.
        folder: the attempt's own folder: journal, executed notebooks and ``scratch``.
        scratch_limit: bytes that ``folder`` may hold.
        next_profile: the tenant's next larger profile, for messages; None where there is none.
        cell_timeout_s: how long a cell may take, seconds; None: as long as the run.
        max_output: bytes of one output that an executed notebook keeps.
        max_cell: bytes of all outputs of one cell that it keeps.
        cluster: executes the tasks; None for a rehearsal: they run one after another in the
            runner's process.
        dask_workers: of the cluster that a plain ``Client()`` in a notebook reaches, which has the
            memory of the profile; 0: there is none.
        environment: added to the environment of each kernel.
        rehearsal: what a rehearsal does beside running the notebook; None for a pipeline's run.
        zygotes: folder of the zygotes that kernels are forked from; None: plain kernels.
        results: folder for what tasks of incremental runs have made, from run to run; None: this is
            none.
        kept: folder for what the run's tasks have made, from attempt to attempt; None: each
            attempt begins anew.
        environments: folder of the identity's own locked environments; None: its cache folder.
        private: folder of whoever gave the job, for all the jobs it gives; None: there is none.
        own_scratch: folders beside ``folder``, as ``/tmp``, that nobody outside of this sandbox
            sees; of these the tasks of each attempt have their own.
        machine_gpus: folder of the locks by which the machine shares its GPUs; None: it does not.
        secrets: what the kernels are given; comes on the runner's connection, never with the file.
        preparing_s: seconds that making the environment took; the time limit does not count them.
        grace_s: seconds between interrupting a kernel and killing it.
    """

    attempt: UUID
    run: UUID
    number: int
    kind: RunKind
    tenant: str
    person: str | None = None
    pipeline: str
    version: int
    parameters: dict[str, Any]
    logical_date: Instant | None = None
    profile: Profile
    profile_name: str
    next_profile: str | None = None
    cell_timeout_s: float | None = None
    max_output: int = MAX_OUTPUT
    max_cell: int = MAX_CELL
    started_at: Instant
    timeout_s: float = Field(gt=0)
    scratch_limit: int
    project: Path
    folder: Path
    tracking: Tracking | None = None
    cluster: ClusterAddress | None = None
    dask_workers: int = 0
    environment: dict[str, str] = Field(default_factory=dict)
    rehearsal: RehearsalWork | None = None
    zygotes: Path | None = None
    kept: Path | None = None
    results: Path | None = None
    environments: Path | None = None
    private: Path | None = None
    own_scratch: tuple[Path, ...] = ()
    machine_gpus: Path | None = None
    secrets: TaskSecrets = Field(default_factory=TaskSecrets, exclude=True, repr=False)
    preparing_s: float = 0
    grace_s: float = 5

    @property
    def deadline(self) -> Instant:
        """When the whole run must have ended."""
        return self.started_at + timedelta(seconds=self.timeout_s + self.preparing_s)

    @property
    def environment_s(self) -> float:
        """How long locking and installing the environment may take, seconds."""
        return ENVIRONMENT_S if self.rehearsal is None else self.rehearsal.environment_s

    @property
    def journal(self) -> Path:
        """Folder of the files that the host reads."""
        return self.folder / "journal"

    @property
    def notebooks(self) -> Path:
        """Folder of the executed notebooks, ``TASK.ipynb``, partial ones included."""
        return self.folder / "notebooks"

    @property
    def outputs(self) -> Path:
        """Folder of what is kept beside the notebooks: outputs cut there, files written."""
        return self.folder / "outputs"


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, replacing it in one step."""
    temporary = path.with_name(f".{path.name}.new")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(file, "w", encoding="utf-8") as opened:  # noqa: PTH123  it is open already
        opened.write(text)
    temporary.replace(path)
