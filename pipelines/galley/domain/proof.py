"""The proof that a split notebook gives what the unsplit one gives.

The notebook runs unsplit and split; every surviving variable, every output and every file written
is compared. Where something differs it runs unsplit once more, which tells what is not
deterministic by itself. Values are compared inside the kernels that hold them, by fingerprint:
nothing is unpickled to be compared.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from galley.domain.model import Model
from galley.domain.split import SplitPlan


class ProofState(StrEnum):
    """How a proof ended.

    ``not_needed``: there was only one task to begin with. ``skipped``: it would have taken longer
    than the tenant's budget; the version has one task and the review says so.
    ``equal``: the split was accepted. ``unequal``: no split could be proved; one task.
    """

    NOT_NEEDED = "not_needed"
    SKIPPED = "skipped"
    EQUAL = "equal"
    UNEQUAL = "unequal"


class DifferenceKind(StrEnum):
    """What differs."""

    VARIABLE = "variable"
    OUTPUT = "output"
    FILE = "file"
    FAILURE = "failure"


class Difference(Model):
    """One thing that is not the same.

    Attributes:
        what: name of the variable, path of the file, or ``output 2`` of the cell.
        task: task of the split in which it was seen; None between the two plain runs.
        cell: index of the published cell; None for a file.
        unstable: the two plain runs already differ in it: it does not count against the split.
        message: one sentence for people.
    """

    kind: DifferenceKind
    what: str
    task: str | None = None
    cell: int | None = None
    unstable: bool = False
    message: str


class Try(Model):
    """One split that was run, and what it showed.

    Attributes:
        tasks: names of its tasks.
        reused: tasks that were not run again because nothing of theirs changed.
    """

    tasks: tuple[str, ...]
    reused: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    duration_s: float = Field(ge=0)

    @property
    def equal(self) -> bool:
        """Whether nothing differs but what is unstable by itself."""
        return all(one.unstable for one in self.differences)


class Proof(Model):
    """The evidence; part of the version.

    Attributes:
        plan: the accepted plan; None where the version has one task.
        tries: at most two splits that were run, the first one first.
        unstable: what differs between the two plain runs, whatever the split. Empty as well where
            there was one plain run: the split run then equals it in everything.
        drawing: indices of the cells that drew random numbers which nobody had seeded: what hangs
            on them differs from run to run.
        variables, outputs, files: how many of each were compared.
        plain_s: wall time of each plain run, seconds: one where the split run equals it in
            everything (or no second one came about), else two.
        kernels: how the kernels of its runs came about, each way once: ``forked`` from a warm
            interpreter, as those of runs are, or ``started``.
        reason: one sentence: why there is no accepted split, or None.
    """

    format: int = 1
    state: ProofState
    plan: SplitPlan | None = None
    tries: tuple[Try, ...] = ()
    unstable: tuple[Difference, ...] = ()
    drawing: tuple[int, ...] = ()
    variables: int = 0
    outputs: int = 0
    files: int = 0
    plain_s: tuple[float, ...] = ()
    kernels: tuple[str, ...] = ()
    reason: str | None = None
