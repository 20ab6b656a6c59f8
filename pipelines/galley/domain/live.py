"""What a live kernel holds, as the lab sends it: hidden state is what differs from the clean run.

Names are fingerprints (:class:`~galley.domain.split.NameFact`), never values.
"""

from __future__ import annotations

from typing import Any

from pydantic import Field

from galley.domain.model import Model
from galley.domain.split import NameFact
from galley.domain.versions import Check


class LiveNamespace(Model):
    """The namespace of a live kernel: a :class:`~galley.domain.split.Snapshot` after no cell."""

    names: dict[str, NameFact] = Field(default_factory=dict)
    aliases: tuple[tuple[str, ...], ...] = ()
    states: dict[str, str] = Field(default_factory=dict)


class LiveCell(Model):
    """How one code cell was run in the session.

    Attributes:
        index: counted from 0 over all cells of the notebook.
        execution_count: of its last execution in this session; None where there was none.
        edited: its text was changed after that.
    """

    index: int = Field(ge=0)
    execution_count: int | None = Field(default=None, ge=1)
    edited: bool = False


class LiveState(Model):
    """A session beside its notebook.

    Attributes:
        notebook: nbformat 4 JSON as the lab would save it, outputs included.
    """

    snapshot: LiveNamespace
    cells: tuple[LiveCell, ...] = ()
    notebook: dict[str, Any]


class LiveComparison(Model):
    """What a session has that a clean run has not, cell by cell.

    Attributes:
        checks: empty where nothing differs.
        reason: why names or outputs could not be compared; None where they were.
    """

    checks: tuple[Check, ...] = ()
    reason: str | None = None
