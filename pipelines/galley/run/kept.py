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
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import Field, ValidationError

from galley.domain.model import Model
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.versions import CellError
from galley.run.job import write_private
from galley.run.strays import Strays, marks
from galley.run.tasks import TaskResult, TaskSpec

MAX_KEPT = 2 * 2**30
"""Bytes of one run that are kept; a task that makes more is executed again."""
MAX_ALL = 8 * 2**30
"""Bytes of all runs of a host that are kept once an attempt has ended."""
MAX_AGE_S = 7 * 24 * 3600
"""How long it is kept for a person who may ask for one more attempt."""
_FAILED = ".failed"
"""There after an attempt whose notebook failed: a person must have asked for the next one."""
_MADE = "made.json"
_NOTEBOOK = "executed.ipynb"
_PRODUCTS = "products"


class Made(Model):
    """A task that ended well.

    Attributes:
        digest: of what it was made from.
        attempt: number of the attempt that executed it.
        products: paths relative to the project.
    """

    digest: str
    attempt: int
    products: tuple[Path, ...]
    result: TaskResult
    size: int = Field(ge=0)


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
            self._forget()
            self._say(
                f"a notebook wrote {str(stray)!r}, which is no product of a task that ran then: "
                "should this run be tried again, all its tasks are executed again"
            )
            return
        if result.reused_from is not None or self._made_by.keys() >= self._upstream.keys():
            return
        new = self._folder / f".{spec.name}.new"
        try:
            self._store(spec, result, new)
        except OSError as error:
            self._say(f"what task {spec.name!r} made could not be kept for a next attempt: {error}")
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def end(self, verdict: Verdict) -> Verdict:
        """Decide what a next attempt begins with, and return what this one counts as.

        A notebook that failed after tasks that were not executed again may have missed something
        that those leave behind elsewhere. So nothing is kept then; and where nobody asked for
        this attempt, the platform repeats it rather than let the run fail.
        """
        reused = sorted(name for name, by in self._made_by.items() if by != self._attempt)
        users = verdict.failure_class is FailureClass.USER
        if verdict.state is AttemptState.SUCCEEDED or (users and reused):
            self._forget()
        elif users and self._folder.exists():
            with contextlib.suppress(OSError):
                (self._folder / _FAILED).touch()
        if not users or not reused or self._asked_for or verdict.error is None:
            return verdict
        message = (
            f"{verdict.error.message}. The tasks {', '.join(map(repr, reused))} were not executed "
            "again in this attempt; the next one executes all tasks"
        )
        error = verdict.error.model_copy(update={"message": message})
        return Verdict(verdict.state, FailureClass.INFRASTRUCTURE, error)

    def _forget(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _placed(self, spec: TaskSpec) -> Made | None:
        """Place what is kept of a task, and return what is known of it; None: it is of no use."""
        kept = self._folder / spec.name
        made = Made.model_validate_json((kept / _MADE).read_bytes())
        if made.digest != self._digest(spec) or made.attempt >= self._attempt:
            return None
        if made.size != _size(kept / _NOTEBOOK) + _size(kept / _PRODUCTS):
            return None
        try:
            for product in made.products:
                _copy(kept / _PRODUCTS / product, self._project / product)
            _copy(kept / _NOTEBOOK, spec.output)
        except OSError:
            for product in made.products:
                _remove(self._project / product)
            raise
        return made

    def _store(self, spec: TaskSpec, result: TaskResult, new: Path) -> None:
        made = [product for product in spec.products if (self._project / product).exists()]
        for product in made:
            if (link := _link_of(self._project / product)) is not None:
                raise OSError(f"{link} is a link, and what it leads to may change")
        executed = result.output or spec.output
        size = sum(map(_size, [executed, *(self._project / product for product in made)]))
        if self._size + size > MAX_KEPT:
            return
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        for product in made:
            _copy(self._project / product, new / _PRODUCTS / product)
        _copy(executed, new / _NOTEBOOK)
        entry = Made(
            digest=self._digest(spec),
            attempt=self._attempt,
            products=tuple(made),
            result=result,
            size=size,
        )
        write_private(new / _MADE, entry.model_dump_json())
        shutil.rmtree(self._folder / spec.name, ignore_errors=True)
        new.replace(self._folder / spec.name)
        self._size += size

    def _digest(self, spec: TaskSpec) -> str:
        """Return the digest of what a task is made from; the attempt's own folder left out.

        A product of an upstream task is known by the attempt that made it.
        """
        cells = [
            (cell["cell_type"], cell["source"], cell["metadata"].get("tags", []))
            for cell in json.loads(spec.notebook)["cells"]  # their ids are new each time
        ]
        source = json.dumps(cells).replace(str(self._project.parent), "")
        before = [(name, self._made_by[name]) for name in self._upstream[spec.name]]
        return hashlib.sha256(json.dumps([source, before]).encode()).hexdigest()


def prune(folder: Path, now_s: float) -> None:
    """Remove what is kept of runs that nobody tried again, and the oldest of what is too much.

    Attempts that end at the same time may do so at once.

    Args:
        folder: of all runs; it need not exist.
        now_s: seconds since 1970.
    """
    found = []
    for run in folder.glob("*"):
        with contextlib.suppress(OSError):
            found.append((run.stat().st_mtime, _size(run), run))
    total = 0
    for changed_s, size, run in sorted(found, reverse=True):
        total += size
        if now_s - changed_s > MAX_AGE_S or total > MAX_ALL:
            shutil.rmtree(run, ignore_errors=True)


def _link_of(path: Path) -> Path | None:
    """Return a link that a product is, or has within."""
    within = (path / name for name, _ in marks(path)) if path.is_dir() else ()
    return next((one for one in (path, *within) if one.is_symlink()), None)


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size if path.exists() else 0
    return sum(size for _, (_, size) in marks(path))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
