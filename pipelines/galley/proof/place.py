"""Where and how the tasks of a proof are executed: what the caller lends it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ploomber.exceptions import DAGBuildError

from galley.run.compute import Compute
from galley.run.dag import load_dag
from galley.run.executor import DaskExecutor
from galley.run.tasks import TaskResult, TaskSpec

Probes = Callable[[TaskSpec], Mapping[str, str]]
"""What to add to the environment of a task, so that it is watched."""


@dataclass(frozen=True)
class Place:
    """How the caller has tasks executed.

    Attributes:
        compute: where; it stays the caller's, who closes and cancels it.
        spec: Ploomber's rendered task → what is sent out, with limits, environment and tracking as
            in any run. The proof adds its probe and replaces ``output`` and ``cwd``.
        stopping: asked before each task; true ends the proof.
    """

    compute: Compute
    spec: Callable[[Any], TaskSpec]
    stopping: Callable[[], bool]


def build(
    home: Path,
    parameters: Mapping[str, Any],
    place: Place,
    *,
    executed: Path,
    probes: Probes,
    on_result: Callable[[TaskResult], None] = lambda _: None,
) -> list[TaskResult]:
    """Build the project in ``home`` and return how its tasks ended; those up to date did not run.

    Of tasks that do not wait for each other the last one of the notebook comes first. Where one
    of them does need another, by a file that nobody saw, the notebook's own order would hide it.

    Args:
        executed: folder for the executed notebooks, ``TASK.ipynb``, partial ones included.

    Raises:
        BrokenProject: the project cannot be loaded.
    """
    results: list[TaskResult] = []

    def spec(task: Any) -> TaskSpec:
        lent = place.spec(task)
        output = executed / f"{task.name}.ipynb"
        moved = lent.model_copy(update={"cwd": home, "output": output})
        return moved.model_copy(update={"environment": {**moved.environment, **probes(moved)}})

    def ended(result: TaskResult) -> None:
        results.append(result)
        on_result(result)

    executed.mkdir(parents=True, exist_ok=True)
    with _within(home):
        dag = load_dag(home, parameters)
        dag.executor = DaskExecutor(place.compute, spec, ended, place.stopping, last_first=True)
        with contextlib.suppress(DAGBuildError):  # the results say it
            dag.build(show_progress=False)
    return results


@contextlib.contextmanager
def _within(folder: Path) -> Iterator[None]:
    """Make a folder the current one, where Ploomber looks for all that a project names."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
