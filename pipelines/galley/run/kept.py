"""What the tasks of a run have made: its next attempt goes on from there.

A host keeps it beside its attempts until the run has succeeded. A task is left out of an attempt
where an earlier one ended well from the same: its source, its parameters, and what the tasks before
it were made from. That is only done where all that tasks hand on is in their products: once a
notebook wrote another file into the project's folder, the run begins anew each time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from galley.domain.model import Model
from galley.run.job import write_private
from galley.run.tasks import TaskResult, TaskSpec

MAX_KEPT = 2 * 2**30
"""Bytes of one run that are kept; a task that makes more is executed again."""
MAX_AGE_S = 7 * 24 * 3600
"""How long it is kept for a person who may ask for one more attempt."""
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


class Kept:
    """What is kept of one run.

    Args:
        folder: made when there is something to keep.
        attempt: number of the present attempt.
        project: the present attempt's working directory, before the first task.
        declared: everything that a task of the project makes, relative to it.
        upstream: task name → names of the tasks it waits for.
        say: takes a line for the log.
    """

    def __init__(
        self,
        folder: Path,
        attempt: int,
        project: Path,
        declared: frozenset[Path],
        upstream: Mapping[str, tuple[str, ...]],
        say: Callable[[str], None],
    ) -> None:
        self._folder = folder
        self._attempt = attempt
        self._project = project
        self._declared = declared
        self._given = _files(project)
        self._upstream = upstream
        self._digests: dict[str, str] = {}
        self._size = 0
        self._say = say
        self._over = False

    def find(self, spec: TaskSpec) -> TaskResult | None:
        """Place what an earlier attempt made of a task, and return how it ended there.

        None: it has to be executed. Its upstream tasks have been asked for before.
        """
        digest = self._digest(spec)
        kept = self._folder / spec.name
        try:
            made = Made.model_validate_json((kept / _MADE).read_bytes())
            if made.digest != digest or made.attempt >= self._attempt:
                return None
            for product in made.products:
                _copy(kept / _PRODUCTS / product, self._project / product)
            _copy(kept / _NOTEBOOK, spec.output)
        except (OSError, ValidationError):  # nothing, or not all of it: nothing is lost but time
            return None
        self._size += made.size
        self._say(
            f"task {spec.name!r} is not executed again: attempt {made.attempt} of this run made "
            "the same from the same source, parameters and upstream tasks"
        )
        return made.result.model_copy(
            update={"output": spec.output, "staged": None, "reused_from": made.attempt}
        )

    def keep(self, spec: TaskSpec, result: TaskResult) -> None:
        """Keep what a task made that has just ended well."""
        if self._over or result.reused_from is not None:
            return
        if (stray := self._stray()) is not None:
            self._over = True
            shutil.rmtree(self._folder, ignore_errors=True)
            self._say(
                f"a notebook wrote {str(stray)!r}, which is no product of a task: should this run "
                "be tried again, all its tasks are executed again"
            )
            return
        made = [product for product in spec.products if (self._project / product).exists()]
        executed = result.output or spec.output
        size = sum(map(_size, [executed, *(self._project / product for product in made)]))
        if self._size + size > MAX_KEPT:
            return
        new = self._folder / f".{spec.name}.new"
        try:
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
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            self._say(f"what task {spec.name!r} made could not be kept for a next attempt: {error}")
            return
        self._size += size

    def forget(self) -> None:
        """Keep nothing: the run has ended well, or went wrong with what was kept."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _digest(self, spec: TaskSpec) -> str:
        """Return the digest of what a task is made from; the attempt's own folder left out."""
        cells = [
            (cell["cell_type"], cell["source"], cell["metadata"].get("tags", []))
            for cell in json.loads(spec.notebook)["cells"]  # their ids are new each time
        ]
        source = json.dumps(cells).replace(str(self._project.parent), "")
        before = [self._digests.get(name, "") for name in self._upstream.get(spec.name, ())]
        text = json.dumps([source, before], sort_keys=True)
        return self._digests.setdefault(spec.name, hashlib.sha256(text.encode()).hexdigest())

    def _stray(self) -> Path | None:
        """Return a file of the project's folder that was not there and is no product."""
        for path in sorted(_files(self._project) - self._given):
            under = {path, *path.parents}
            hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
            if not hidden and not under & self._declared:
                return path
        return None


def prune(folder: Path, now_s: float) -> None:
    """Remove what is kept of runs that nobody tried again for :data:`MAX_AGE_S`.

    Args:
        folder: of all runs; it need not exist.
        now_s: seconds since 1970.
    """
    for run in folder.glob("*"):
        if now_s - run.stat().st_mtime > MAX_AGE_S:
            shutil.rmtree(run, ignore_errors=True)


def _files(folder: Path) -> frozenset[Path]:
    return frozenset(path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
