"""Small notebooks that are run, with plans made by hand, so that only the proof is tested."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from galley.domain.split import Observed, SplitLayout, SplitPlan
from galley.notebook.analysis import analyse
from galley.proof.place import Place
from galley.proof.prove import ProofWork
from galley.run.compute import InlineCompute
from galley.run.tasks import TaskSpec

from tests.galley.notebook.builders import INSTALLED
from tests.galley.run.forking import zygotes

Edit = Callable[[dict[str, bytes]], None]
"""Changes the files of a split project."""


@dataclass(frozen=True)
class Handmade(ProofWork):
    """A proof whose first plan is given; ``refined`` is what a run makes of it, and
    ``smaller`` the one after a boundary was taken away."""

    smaller: SplitPlan | None = None
    refined: SplitPlan | None = None
    corrupt: Edit | None = None

    def plan(self, layout: SplitLayout | None, observed: Observed) -> SplitPlan:
        """Return the plan that is asked for."""
        assert observed.snapshots
        refined = self.refined or self.analysis.split
        found = refined if layout is None else self.smaller
        assert found is not None
        return found

    def project(self, plan: SplitPlan | None) -> dict[str, bytes]:
        """Return the project; the split one with the defect."""
        files = super().project(plan)
        if plan is not None and self.corrupt is not None:
            self.corrupt(files)
        return files


def handmade(folder: Path, notebook: dict[str, Any], plan: SplitPlan, **more: Any) -> Handmade:
    """Return a proof in ``folder`` of a plan of ``notebook``."""
    analysis = analyse(notebook, {}, INSTALLED).model_copy(update={"split": plan})
    fields: dict[str, Any] = {
        "notebook": notebook,
        "modules": {},
        "analysis": analysis,
        "parameters": {},
        "slug": "study",
        "tenant": "oncology",
        "home": folder / "home",
        "folder": folder / "proof",
        **more,
    }
    return Handmade(**fields)


@contextmanager
def place(stopping: Callable[[], bool] = lambda: False) -> Iterator[Place]:
    """Lend the proof a place in this process."""
    compute = InlineCompute(lambda event: None)
    environment = {**os.environ, "GALLEY_REHEARSAL": "1"}

    def spec(task: Any) -> TaskSpec:
        return TaskSpec(
            attempt="test",
            name=str(task.name),
            notebook=task.source.nb_str_rendered,
            output=Path("nowhere"),
            cwd=Path("nowhere"),
            environment=environment,
            memory=2**32,
            profile="test",
            deadline=datetime.now(UTC) + timedelta(seconds=120),
            timeout_s=120,
            grace_s=2,
            zygotes=zygotes(),
        )

    try:
        yield Place(compute, spec, stopping)
    finally:
        compute.close()
