"""Two runs side by side: what was given, what came out, how long it took, in what environment."""

from __future__ import annotations

from pydantic import Field

from galley.domain.model import Model
from galley.domain.runs import Run


class ComparedValue(Model):
    """A value of both runs as JSON text; None: that run has none."""

    name: str
    left: str | None
    right: str | None


class ComparedMetric(Model):
    """A metric of both runs; None: that run did not log it."""

    name: str
    left: float | None
    right: float | None


class ComparedTime(Model):
    """How long something took in both runs, seconds; None: it did not run, or was not timed.

    Attributes:
        cell: index of the published notebook's cell; None for the whole task.
    """

    task: str
    cell: int | None = None
    left: float | None
    right: float | None


class ComparedPackage(Model):
    """A distribution whose version differs; None: that run's lock has it not."""

    name: str
    left: str | None
    right: str | None


class ComparedOutput(Model):
    """The outputs of one cell in both runs; the outputs themselves are in the page of them."""

    task: str
    cell: int
    left: bool = Field(description="Whether the left run has an output here.")
    right: bool
    same: bool


class RunComparison(Model):
    """Two runs side by side; what is equal is listed as well.

    Attributes:
        same_version: both ran the same version, so that every difference is one of values.
        packages: only those that differ.
        notes: what could not be compared, each as a sentence.
    """

    left: Run
    right: Run
    same_version: bool
    parameters: tuple[ComparedValue, ...]
    metrics: tuple[ComparedMetric, ...]
    tasks: tuple[ComparedTime, ...]
    cells: tuple[ComparedTime, ...]
    packages: tuple[ComparedPackage, ...]
    outputs: tuple[ComparedOutput, ...]
    notes: tuple[str, ...] = ()
