"""Reviews: who decided what about which digest."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model
from galley.domain.tenants import Gate


class Verdict(StrEnum):
    """What a reviewer says."""

    APPROVE = "approve"
    REJECT = "reject"


class DecisionRequest(Model):
    """A reviewer's decision; ``digest`` is what the reviewer saw."""

    gate: Gate
    verdict: Verdict
    digest: str = Field(min_length=64, max_length=64)
    comment: str = Field(default="", max_length=4000)


class Decision(Model):
    """A decision that was taken."""

    id: UUID
    gate: Gate
    verdict: Verdict
    reviewer: str
    digest: str
    comment: str
    decided_at: Instant


class GateStatus(Model):
    """One gate of a version: waiting, or passed by whom."""

    gate: Gate
    passed: bool
    reviewer: str | None = None
    decided_at: Instant | None = None


class CellChange(StrEnum):
    """What happened to a cell between two versions."""

    SAME = "same"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class CellDiff(Model):
    """One cell, or one local module, of the diff against the live version.

    Attributes:
        path: of a module (``cell_type`` is ``module``); None for a cell.
        before, after: source of the cell; None where it does not exist.
        before_index, after_index: index of the cell in its notebook, from 0.
    """

    change: CellChange
    cell_type: str
    path: str | None = None
    before: str | None = None
    after: str | None = None
    before_index: int | None = None
    after_index: int | None = None


class FieldDiff(Model):
    """A setting that differs: parameters, schedule, profile, limits, requirements."""

    field: str
    before: str | None
    after: str | None


class VersionDiff(Model):
    """Version ``after`` against version ``before`` (None: there was nothing live)."""

    before: int | None
    after: int
    cells: tuple[CellDiff, ...]
    modules: tuple[CellDiff, ...] = ()
    settings: tuple[FieldDiff, ...] = ()
