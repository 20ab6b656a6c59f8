"""Retention: how long what a run left is kept, and how long its row is.

Glossary
    files    logs, executed notebooks, files of attempts, what its tasks used over time
    row      the run itself, with its attempts and tasks; kept for ever unless a policy says else
    latest   runs of each pipeline that are kept whatever their age
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from galley.domain.model import Instant, Model, Number


class EndedState(StrEnum):
    """How a run can have ended; the values are those of its state."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"


_AGE = re.compile(r"\s*(\d{1,5})\s*(d|w|y)\s*")
_DAYS = {"d": 1, "w": 7, "y": 365}
_MOST_DAYS = 36500


def parse_days(value: object) -> int:
    """Return ``"90d"``, ``"12w"``, ``"1y"`` or a whole number of days as days."""
    days = 0
    if isinstance(value, int) and not isinstance(value, bool):
        days = value
    elif isinstance(value, str) and (match := _AGE.fullmatch(value)):
        days = int(match[1]) * _DAYS[match[2]]
    if not 1 <= days <= _MOST_DAYS:
        raise ValueError("an age is 1 day to 100 years, such as '90d', '12w' or '1y'")
    return days


Days = Annotated[int, BeforeValidator(parse_days)]


class RetentionPolicy(Model):
    """How long runs are kept, by the state in which they ended; a state not named: for ever."""

    files: dict[EndedState, Days] = Field(
        default_factory=dict,
        description="Ended state → age from which on a run's files are removed, such as 90d.",
    )
    runs: dict[EndedState, Days] = Field(
        default_factory=dict,
        description="Ended state → age from which on the run itself is removed.",
    )
    latest: Number = Field(
        default=10, description="Latest runs of each pipeline that are kept at any age."
    )

    @model_validator(mode="after")
    def _rows_outlive_files(self) -> RetentionPolicy:
        for state, days in self.runs.items():
            if days < self.files.get(state, days):
                raise ValueError(
                    f"runs.{state}: a run cannot go ({days} d) before its files do "
                    f"({self.files[state]} d)"
                )
        return self

    @property
    def removes(self) -> bool:
        """Whether it removes anything at all."""
        return bool(self.files or self.runs)


class PipelineRetention(Model):
    """What holds for one pipeline.

    Attributes:
        policy: its own, or its tenant's.
        own: whether an operator gave it one of its own.
        removed_until: the latest date of its schedule whose run is not kept any more.
    """

    pipeline: str
    policy: RetentionPolicy
    own: bool
    set_by: str | None = None
    set_at: Instant | None = None
    removed_until: Instant | None = None


class RemovedRuns(Model):
    """What was or would be removed of one pipeline.

    Attributes:
        files: runs whose files go while they stay themselves.
        runs: runs that go.
        size: of their files, bytes.
    """

    pipeline: str
    files: int = 0
    runs: int = 0
    size: int = Field(default=0, description="Bytes.")


class RetentionReport(Model):
    """What a look at the policies found, or did.

    Attributes:
        dry_run: nothing was removed.
        more: there is more than one pass handles: the next one goes on.
    """

    tenant: str
    policy: RetentionPolicy
    dry_run: bool
    pipelines: tuple[RemovedRuns, ...]
    more: bool


class OldRun(Model):
    """A run that is old enough to lose its files, or to go.

    Attributes:
        whole: whether the run itself goes.
        bare: its files are gone already.
    """

    id: UUID
    state: EndedState
    ended_at: Instant
    attempts: tuple[UUID, ...]
    whole: bool
    bare: bool


class DiskUse(Model):
    """What a tenant keeps on disk, bytes."""

    tenant: str
    notebooks: int = Field(description="Executed notebooks and files of runs.")
    tracked: int = Field(description="Artifacts in MLflow.")
    logs: int = Field(description="Logs of runs.")
    blobs: int = Field(description="Content of its versions.")
    mirror: int = Field(description="Its Git repository.")
    total: int
    limit: int = Field(description="What limits.artifacts allows notebooks and tracked together.")
