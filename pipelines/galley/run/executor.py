"""Ploomber's executor of ours: it drives the DAG and has tasks executed elsewhere.

Ploomber decides what has to run and in which order, and keeps the metadata of products. Only the
rendered notebook, the output path and values are sent out; independent tasks run in parallel.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from pathlib import Path
from typing import Any

from ploomber.constants import TaskStatus
from ploomber.exceptions import DAGBuildError, TaskBuildError
from ploomber.executors.abc import Executor
from ploomber.products import MetaProduct
from ploomber.tasks.abc import _ensure_parents_exist

from galley.domain.runs import FailureClass, TaskState
from galley.domain.versions import CellError
from galley.run.compute import Compute
from galley.run.incremental import Incremental
from galley.run.kept import Kept
from galley.run.staging import place, reached, show
from galley.run.tasks import TaskResult, TaskSpec

POLL_S = 0.5
_THE_SYSTEMS = frozenset(
    (
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE),
        *(errno.ESTALE, errno.ENOMEM),
    )
)
"""Errors of files that are no fault of a notebook."""


class DaskExecutor(Executor):  # type: ignore[misc]
    """Executes the notebooks of a DAG through a :class:`Compute`.

    Args:
        compute: where the tasks are executed.
        spec_of: rendered Ploomber task → what is sent out.
        on_result: called for each ended task, in the driver's thread.
        kept: what earlier attempts or runs made, and where what this one makes is kept; None:
            nowhere.
        stopping: asked before each submission; no task is started once it is True.
        last_first: of several tasks that may run take the one that is defined last.
    """

    def __init__(
        self,
        compute: Compute,
        spec_of: Callable[[Any], TaskSpec],
        on_result: Callable[[TaskResult], None],
        stopping: Callable[[], bool],
        kept: Kept | Incremental | None = None,
        *,
        last_first: bool = False,
    ) -> None:
        self.compute = compute
        self.spec_of = spec_of
        self.on_result = on_result
        self.stopping = stopping
        self.kept = kept
        self.last_first = last_first

    def __call__(self, dag: Any, show_progress: bool = False) -> list[Any]:  # noqa: ARG002
        """Execute what is not up to date; raises DAGBuildError when a task fails."""
        super().__call__(dag)
        pending: dict[Future[TaskResult], tuple[Any, TaskSpec]] = {}
        submitted: set[str] = set()
        failed: list[str] = []
        while True:
            ready = self._next(dag, submitted, len(pending))
            again = False
            for task in ready:
                if self.stopping():  # what is taken over may have taken its time
                    break
                _ensure_parents_exist(task.product)
                spec = self.spec_of(task)
                submitted.add(spec.name)
                made = self.kept.find(spec) if self.kept else None
                if made is not None:
                    self._end(task, spec, made, failed)
                    again = True
                else:
                    pending[self.compute.submit(spec)] = (task, spec)
            if again:  # what waited for a task that was made before may be next
                continue
            if not pending:
                break
            done, _ = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
            for future in done:
                task, spec = pending.pop(future)
                self._end(task, spec, future.result(), failed)
        if failed or self.stopping():
            raise DAGBuildError(f"tasks that did not succeed: {', '.join(failed) or 'none ran'}")
        return []

    def _end(self, task: Any, spec: TaskSpec, result: TaskResult, failed: list[str]) -> None:
        result = _finish(task, spec, result)
        self.on_result(result)
        if result.state is not TaskState.SUCCEEDED:
            failed.append(spec.name)
        elif self.kept is not None:
            self.kept.keep(spec, result)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the connection behind when Ploomber copies a DAG."""
        return {}

    def _next(self, dag: Any, submitted: set[str], pending: int) -> list[Any]:
        if self.stopping():
            return []
        ready = [
            task
            for task in dag.values()
            if task.exec_status is TaskStatus.WaitingExecution and str(task.name) not in submitted
        ]
        if self.last_first:
            ready.reverse()
        return ready[: max(0, self.compute.slots - pending)] if ready else []


def _finish(task: Any, spec: TaskSpec, result: TaskResult) -> TaskResult:
    """Move the notebook to its product's place and let Ploomber record the task."""
    executed = result.output or spec.output
    if result.staged is not None and executed.exists():
        show(spec.output, executed)
    if result.state is not TaskState.SUCCEEDED:
        task.exec_status = TaskStatus.Errored
        return result
    try:
        if result.staged is not None:
            place(spec, result.staged, result.staged_as)
        _place(task, executed, spec.cwd)
        task._post_run_actions()
    except (TaskBuildError, OSError) as error:
        task.exec_status = TaskStatus.Errored
        systems = isinstance(error, OSError) and error.errno in _THE_SYSTEMS
        reason = CellError(
            task=spec.name, ename=type(error).__name__, evalue=str(error), message=str(error)
        )
        return result.model_copy(
            update={
                "state": TaskState.FAILED,
                "failure_class": (FailureClass.INFRASTRUCTURE if systems else FailureClass.USER),
                "error": reason,
            }
        )
    task.exec_status = TaskStatus.Executed
    return result


def _place(task: Any, executed: Path, project: Path) -> None:
    """Put the executed notebook where Ploomber expects it, each file in one step."""
    keys = task.nb_product_key
    if not isinstance(task.product, MetaProduct):
        products = [task.product]
    else:
        products = [task.product[key] for key in ([keys] if isinstance(keys, str) else keys)]
    for product in products:
        with reached(project, Path(os.path.relpath(str(product), project))) as target:
            staged = target.with_name(f".{target.name}.{uuid.uuid4().hex}.new")
            # As a new file, which no task can have made a link of.
            with staged.open("xb") as copy, executed.open("rb") as source:
                shutil.copyfileobj(source, copy)
            staged.replace(target)
    converters = task._converter if isinstance(task._converter, list) else [task._converter]
    for converter in converters:
        converter.convert()
