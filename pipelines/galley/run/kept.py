"""What the tasks of a run have made: its next attempt goes on from there.

A host keeps it beside its attempts until the run has succeeded. A task is left out of an attempt
where an earlier one ended well from the same: its source, its parameters, and the very products of
the tasks before it, so none of them was executed anew. That is only done where all that tasks hand
on is in their products: once a notebook changed another file of the project's folder, the run
begins anew each time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from galley.domain.runs import AttemptState, FailureClass
from galley.domain.versions import CellError
from galley.run.cache import Made, TaskCache
from galley.run.strays import Strays
from galley.run.tasks import TaskResult, TaskSpec

MAX_KEPT = 2 * 2**30
"""Bytes of one run that are kept; a task that makes more is executed again."""
_FAILED = ".failed"
"""There after an attempt whose notebook failed: a person must have asked for the next one."""


class Verdict(NamedTuple):
    """How an attempt ended."""

    state: AttemptState
    failure_class: FailureClass | None = None
    error: CellError | None = None


class Kept:
    """What is kept of one run.

    Args:
        folder: made when there is something to keep.
        attempt: number of the present attempt.
        project: the present attempt's working directory, before the first task.
        products: task name → everything that it makes, relative to the project.
        upstream: task name → names of the tasks it waits for.
        say: takes a line for the log.
    """

    def __init__(
        self,
        folder: Path,
        attempt: int,
        project: Path,
        products: Mapping[str, frozenset[Path]],
        upstream: Mapping[str, tuple[str, ...]],
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._cache = TaskCache(folder, project)
        self._attempt = attempt
        self._project = project
        self._strays = Strays(project, products)
        self._upstream = upstream
        self._made_by: dict[str, int] = {}
        self._size = 0
        self._say = say
        self._over = False
        self._asked_for = (folder / _FAILED).exists()
        (folder / _FAILED).unlink(missing_ok=True)

    def find(self, spec: TaskSpec) -> TaskResult | None:
        """Place what an earlier attempt made of a task, and return how it ended there.

        None: it has to be executed. Its upstream tasks have ended.
        """
        self._strays.begin(spec.name)
        try:
            made = self._placed(spec)
        except (OSError, ValidationError):  # nothing, or not all of it: nothing is lost but time
            return None
        if made is None:
            return None
        self._made_by[spec.name] = made.attempt
        self._size += made.size
        self._say(
            f"task {spec.name!r} is not executed again: attempt {made.attempt} of this run made "
            "the same from the same source, parameters and upstream tasks"
        )
        given = {"output": spec.output, "staged": None, "reused_from": made.attempt}
        return made.result.model_copy(update=given)

    def keep(self, spec: TaskSpec, result: TaskResult) -> None:
        """Keep what a task made that has just ended well."""
        self._made_by.setdefault(spec.name, self._attempt)
        if self._over:
            return
        if (stray := self._strays.end(spec.name)) is not None:
            self._over = True
            self._cache.clear()
            self._say(
                f"a notebook wrote {str(stray)!r}, which is no product of a task that ran then: "
                "should this run be tried again, all its tasks are executed again"
            )
            return
        if result.reused_from is not None or self._made_by.keys() >= self._upstream.keys():
            return
        try:
            self._size += self._cache.put(
                spec.name,
                spec,
                result,
                digest=self._digest(spec),
                run=None,
                attempt=self._attempt,
                room=MAX_KEPT - self._size,
            )
        except OSError as error:
            self._say(f"what task {spec.name!r} made could not be kept for a next attempt: {error}")

    def end(self, verdict: Verdict) -> Verdict:
        """Decide what a next attempt begins with, and return what this one counts as.

        A notebook that failed after tasks that were not executed again may have missed something
        that those leave behind elsewhere. So nothing is kept then; and where nobody asked for
        this attempt, the platform repeats it rather than let the run fail.
        """
        reused = sorted(name for name, by in self._made_by.items() if by != self._attempt)
        users = verdict.failure_class is FailureClass.USER
        if verdict.state is AttemptState.SUCCEEDED or (users and reused):
            self._cache.clear()
        elif users and self._folder.exists():
            with contextlib.suppress(OSError):
                (self._folder / _FAILED).touch()
        if not users or not reused or self._asked_for or verdict.error is None:
            return verdict
        message = (
            f"{verdict.error.message}. The tasks {', '.join(map(repr, reused))} were not executed "
            "again in this attempt; one after it executes all tasks"
        )
        error = verdict.error.model_copy(update={"message": message})
        return Verdict(verdict.state, FailureClass.INFRASTRUCTURE, error)

    def _placed(self, spec: TaskSpec) -> Made | None:
        """Place what is kept of a task, and return what is known of it; None: it is of no use."""
        made = self._cache.get(spec.name)
        if made.digest != self._digest(spec) or made.attempt >= self._attempt:
            return None
        self._cache.place(spec.name, made, spec.output)
        return made

    def _digest(self, spec: TaskSpec) -> str:
        """Return the digest of what a task is made from; the attempt's own folder left out.

        A product of an upstream task is known by the attempt that made it.
        """
        source = source_of(spec, self._project)
        before = [(name, self._made_by[name]) for name in self._upstream[spec.name]]
        return hashlib.sha256(json.dumps([source, before]).encode()).hexdigest()


def source_of(spec: TaskSpec, project: Path) -> str:
    """Return what a rendered notebook says, wherever its project lies."""
    cells = [
        (cell["cell_type"], cell["source"], cell["metadata"].get("tags", []))
        for cell in json.loads(spec.notebook)["cells"]  # their ids are new each time
    ]
    return json.dumps(cells).replace(str(project.parent), "")
