"""A pipeline: a named series of versions of one notebook, one of which may be live."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.domain.schedules import Schedule


class Direction(StrEnum):
    """Whether more of the goal's metric is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Goal(Model):
    """What the pipeline is for, as one metric that its runs log to MLflow."""

    metric: str = Field(min_length=1, max_length=250)
    direction: Direction = Direction.HIGHER
    threshold: float | None = None


class Pipeline(Model):
    """A pipeline as people see it in lists and on its page."""

    id: UUID
    tenant: str
    slug: str
    name: str
    description: str
    owner: str
    goal: Goal | None
    live_version: int | None
    latest_version: int | None
    schedule: Schedule | None
    next_firing: Instant | None
    source_path: str | None = Field(description="Where the author of the latest version keeps it.")
    created_at: Instant
