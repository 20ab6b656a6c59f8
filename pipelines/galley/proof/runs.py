"""The runs of a proof: unsplit once more, and split."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from galley.domain.proof import Difference
from galley.domain.runs import FailureClass, TaskState
from galley.domain.split import PlannedTask, SplitPlan
from galley.domain.versions import CellError
from galley.errors import GalleyError
from galley.proof.files import Marks, Written, marks
from galley.proof.observe import SNAPSHOTS, plain_probe, task_probe
from galley.proof.place import Place, build
from galley.proof.seen import (
    PlainRun,
    SplitRun,
    TaskSeen,
    failed_role,
    kernels_of,
    read_outputs,
    read_plain,
    read_snapshots,
)
from galley.proof.stage import Stage
from galley.run.dag import BrokenProject
from galley.run.tasks import TaskResult, TaskSpec

_UNFINISHED = frozenset({FailureClass.TIMEOUT, FailureClass.INFRASTRUCTURE})

Files = Mapping[str, bytes]
"""A project: relative path → content."""


class ProofStopped(GalleyError):
    """A run of the proof could not be finished; the message says why, for people."""


class PlainFailed(GalleyError):
    """The unsplit notebook failed when it was run again."""

    def __init__(self, error: CellError) -> None:
        super().__init__(error.message)
        self.error = error


def run_plain(
    files: Files,
    plan: SplitPlan,
    parameters: Mapping[str, Any],
    place: Place,
    stage: Stage,
    folder: Path,
) -> PlainRun:
    """Run the unsplit project ``files`` in ``stage``, watched where ``plan`` may be cut.

    Args:
        folder: for the executed notebook and the snapshots.

    Raises:
        PlainFailed: a cell failed.
        ProofStopped: it was cancelled or ran out of time.
        BrokenProject: the project cannot be loaded.
    """
    stage.set(files)
    began, clock = datetime.now(UTC), time.monotonic()
    probe = folder / "probe"
    results = build(
        stage.home,
        parameters,
        place,
        executed=folder,
        probes=lambda spec: plain_probe(spec.notebook, plan, probe),
    )
    _check(results, place)
    for result in results:
        if result.error is not None:
            raise PlainFailed(result.error)
    return read_plain(
        folder / f"{results[0].name}.ipynb",
        probe,
        stage.written(),
        began=began,
        duration_s=time.monotonic() - clock,
        results=results,
    )


@dataclass(frozen=True)
class Kept:
    """What an earlier split run lends to the next one.

    Attributes:
        plan, files, run, differences: of that run.
        folder: its folder; ``products`` in it holds what its tasks left in the stage.
        owners: path of a file it wrote → the tasks that may have.
    """

    plan: SplitPlan
    files: Files
    run: SplitRun
    differences: tuple[Difference, ...]
    folder: Path
    owners: Mapping[str, frozenset[str]]

    def same(self, plan: SplitPlan, files: Files) -> tuple[str, ...]:
        """Return the tasks of ``plan`` that need not run again: nothing of theirs changed."""
        before = {task.name: task for task in self.plan.tasks}
        wrong = {one.task for one in self.differences if not one.unstable}
        same: list[str] = []
        for task in plan.tasks:
            notebook = f"tasks/{task.name}.ipynb"
            if (
                task == before.get(task.name)
                and files.get(notebook) == self.files.get(notebook)
                and task.name in self.run.tasks
                and task.name not in wrong
                and set(task.upstream) <= set(same)
            ):
                same.append(task.name)
        return self._without_shared(same, plan.tasks)

    def cost(self, plan: SplitPlan, files: Files) -> float:
        """Return about how long a run of ``plan`` takes, with what need not run again left out."""
        saved = sum(self.run.tasks[name].duration_s for name in self.same(plan, files))
        return max(0.0, self.run.duration_s - saved)

    def _without_shared(self, same: list[str], tasks: tuple[PlannedTask, ...]) -> tuple[str, ...]:
        """Leave out tasks that wrote to a file which another task wrote to as well."""
        while True:
            shared = {
                name
                for owners in self.owners.values()
                if not owners <= set(same)
                for name in owners
            }
            kept = [
                task.name
                for task in tasks
                if task.name in same
                and task.name not in shared
                and set(task.upstream) <= set(same) - shared
            ]
            if kept == same:
                return tuple(kept)
            same = kept


def run_split(
    files: Files,
    plan: SplitPlan,
    parameters: Mapping[str, Any],
    place: Place,
    stage: Stage,
    folder: Path,
    first: PlainRun,
    kept: Kept | None = None,
) -> tuple[SplitRun, Mapping[str, frozenset[str]]]:
    """Run the split project ``files`` in ``stage``; every task is watched at its end.

    Args:
        folder: for executed notebooks, snapshots and, at the end, the products.
        first: the unsplit run, whose random numbers the tasks draw.
        kept: an earlier run, whose tasks are not run again where nothing of theirs changed.

    Returns:
        What it left, and the path of each file written → the tasks that may have written it.

    Raises:
        ProofStopped: it was cancelled or ran out of time.
    """
    clock = time.monotonic()
    planned = {task.name: task for task in plan.tasks}
    same = kept.same(plan, files) if kept is not None else ()
    stage.set(files)
    if kept is not None:
        _restore(kept, same, stage, folder)
    owners = _Owners(stage, place.compute.slots, tuple(planned))
    broken = None

    def watched(spec: TaskSpec) -> dict[str, str]:
        own, probe = frozenset(planned[spec.name].cells), folder / f"probe-{spec.name}"
        return task_probe(spec.notebook, own, probe, first.drawn)

    results: list[TaskResult] = []
    try:
        results = build(
            stage.home,
            parameters,
            place,
            executed=folder,
            probes=watched,
            on_result=owners.ended,
        )
    except BrokenProject as error:
        broken = str(error)
    _check(results, place)
    ran = {result.name: result for result in results}
    reused = tuple(name for name in same if name not in ran and broken is None)
    tasks = {name: _seen(name, ran.get(name), folder) for name in (*ran, *reused)}
    files_written: dict[str, str] = dict(stage.written())
    if kept is not None:
        lent = {path for path, who in kept.owners.items() if who <= set(reused)}
        files_written = {path: kept.run.files[path] for path in lent} | files_written
        owners.found.update({path: kept.owners[path] for path in lent})
    with contextlib.suppress(FileNotFoundError):
        shutil.copytree(stage.home / "products", folder / "products", symlinks=True)
    _keep_written(stage, files_written, folder / "written")
    run = SplitRun(
        tasks=tasks,
        files=files_written,
        reused=reused,
        duration_s=time.monotonic() - clock,
        broken=broken,
        kernels=kernels_of(results),
    )
    return run, owners.found


def _check(results: list[TaskResult], place: Place) -> None:
    """Raise if the run did not come to an end of its own."""
    for result in results:
        if result.state is TaskState.CANCELLED:
            raise ProofStopped("the proof was cancelled")
        if result.failure_class in _UNFINISHED and result.error is not None:
            raise ProofStopped(f"the proof could not be finished: {result.error.message}")
    if place.stopping():
        raise ProofStopped("the proof was stopped before it ended")


def _seen(name: str, result: TaskResult | None, folder: Path) -> TaskSeen:
    executed = folder / f"{name}.ipynb"
    snapshots = read_snapshots(folder / f"probe-{name}" / SNAPSHOTS)
    error = result.error if result is not None else None
    return TaskSeen(
        outputs=read_outputs(executed),
        snapshot=snapshots[max(snapshots)] if snapshots else None,
        error=error,
        role=failed_role(executed) if error is not None else None,
        duration_s=(result.ended_at - result.started_at).total_seconds() if result else 0.0,
    )


def _restore(kept: Kept, same: tuple[str, ...], stage: Stage, folder: Path) -> None:
    """Put into the stage what the reused tasks left there, and into ``folder`` what they showed."""
    folder.mkdir(parents=True, exist_ok=True)
    products = stage.home / "products"
    for name in same:
        for path in (kept.folder / "products").glob("*"):
            if path.name in _products(name):
                _copy(path, products / path.name)
        for path in (kept.folder / f"{name}.ipynb", kept.folder / f"probe-{name}"):
            if path.exists():
                _copy(path, folder / path.name)
    for written, owners in kept.owners.items():
        if owners <= set(same) and (kept.folder / "written" / written).exists():
            _copy(kept.folder / "written" / written, stage.home / written)
    stage.mark()


def _products(name: str) -> frozenset[str]:
    """Return what a task leaves in ``products``, Ploomber's records included."""
    own = (name, f"{name}.ipynb")
    return frozenset({*own, *(f".{one}.metadata" for one in own)})


def _keep_written(stage: Stage, files: Written, folder: Path) -> None:
    for path in files:
        if (stage.home / path).exists():
            _copy(stage.home / path, folder / path)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


class _Owners:
    """Notes which tasks may have written which file, by looking after each task."""

    def __init__(self, stage: Stage, slots: int, tasks: tuple[str, ...]) -> None:
        self.found: dict[str, frozenset[str]] = {}
        self._home = stage.home
        self._together = frozenset(tasks) if slots > 1 else frozenset()
        self._before: Marks = marks(stage.home)

    def ended(self, result: TaskResult) -> None:
        now = marks(self._home)
        for path in {*now, *self._before}:
            if now.get(path) != self._before.get(path):
                suspects = self._together | {result.name}
                self.found[path] = self.found.get(path, frozenset()) | suspects
        self._before = now
