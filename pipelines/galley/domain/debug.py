"""Debugging a run: what a person needs to go through its notebook in their own sandbox.

Nothing of the run's memory travels: no pickle, no product of a task. The state before the failed
cell is made again by running the cells above it, with the person's own rights.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field

from galley.domain.model import Model
from galley.domain.tenants import DatasetMode
from galley.domain.versions import CellError, FileUse

FAILED_TAG = "galley-failed"
"""Tag of the cell at which the run failed."""


class DebugDataset(Model):
    """A dataset of the tenant, as a run sees it."""

    name: str
    path: str
    mode: DatasetMode


class DebugLock(Model):
    """The environment that a run had.

    Attributes:
        digest: SHA-256 of what it installs; names its folder where it is kept.
        of_platform: it is the platform's own environment.
        text: ``requirements.lock``.
        packages: name → version.
    """

    digest: str | None
    of_platform: bool
    python: str | None
    text: str
    packages: dict[str, str]


class DebugKit(Model):
    """One attempt's notebook, ready to be gone through.

    Attributes:
        notebook: the published notebook without outputs; the values of the run are injected, the
            failed cell is tagged, and a first cell says what this is.
        failed: index of the failed cell in ``notebook``; None where no cell failed.
        modules: path → source of the local modules of the version.
        files: files that its cells read, up to the failed one.
        missing: what a run has and this has not, each as a sentence.
    """

    run: UUID
    tenant: str
    pipeline: str
    pipeline_name: str
    version: int
    attempt: int
    task: str | None
    error: CellError | None
    parameters: dict[str, Any]
    notebook: dict[str, Any]
    failed: int | None
    modules: dict[str, str]
    lock: DebugLock
    files: tuple[FileUse, ...]
    datasets: tuple[DebugDataset, ...]
    missing: tuple[str, ...]


class PackageDifference(Model):
    """A distribution that the run had at another version than there is here; None: not there."""

    name: str
    run: str
    here: str | None


class Unreadable(Model):
    """Data that the notebook uses and this person cannot read here."""

    path: str
    why: str


class DebugPlan(Model):
    """What debugging a run here means, told before anything is written.

    Attributes:
        folder: where it goes, relative to the person's home.
        notebook: path of its notebook.
        exists: the folder is there already, with what was done in it.
        written: it has been written now.
        kernel: name of the kernel that its notebook asks for.
        same_environment: that kernel has the run's own locked environment.
        differences: of the environment that it has instead.
        can_make: the run's own environment can be made here; it takes seconds to minutes, once.
    """

    folder: str
    notebook: str
    exists: bool
    written: bool
    failed: int | None
    error: CellError | None
    kernel: str
    same_environment: bool
    differences: tuple[PackageDifference, ...]
    unreadable: tuple[Unreadable, ...]
    missing: tuple[str, ...] = Field(default=())
    can_make: bool = False
