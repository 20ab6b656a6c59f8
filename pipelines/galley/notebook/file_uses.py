"""Which files a notebook reads and writes: candidate inputs and outputs of its pipeline."""

from __future__ import annotations

from collections.abc import Iterable

from galley.domain.versions import FileUse
from galley.notebook.steps import Step


def file_uses(steps: Iterable[Step]) -> tuple[FileUse, ...]:
    """Return the files that statements use, in the notebook's order, each place once.

    A file that a function uses counts where the function is called.
    """
    found = [
        FileUse(
            path=effect.path,
            mode="read" if effect.kind == "read" else "write",
            cell=step.cell,
            line=step.statement.line,
        )
        for step in steps
        for effect in step.effects
        if effect.kind in {"read", "write"}
    ]
    return tuple(dict.fromkeys(found))
