"""Incremental runs: a task is taken over from an earlier run where nothing it is made from changed.

That is its source, its parameters, what lies beside it in the project, its environment, and the
very products of the tasks before it. What it reads from elsewhere, a dataset or a database, is not
looked at, so whoever starts a run says whether it is to be incremental; others neither take over
anything nor leave anything here. The log names each task that is taken over, and of each other one
what has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError

from galley.domain.model import Model
from galley.domain.runs import FailureClass
from galley.locking import Lock, lock_digest
from galley.run.cache import TaskCache
from galley.run.job import write_private
from galley.run.kept import Verdict, source_of
from galley.run.strays import Strays
from galley.run.tasks import TaskResult, TaskSpec

MAX_RESULTS = 4 * 2**30
"""Bytes that one run may leave; a task that makes more is executed again by the next one."""
_INJECTED = "injected-parameters"
_NOT_BESIDE = {"pipeline.yaml", "env.yaml", "galley.yaml", "requirements.lock"}
"""What of it counts is in the source and the parameters of tasks, or is their environment."""
_SAID = {
    "source": "its source has changed",
    "parameters": "its parameters have changed",
    "beside": "a module or another file of the project has changed",
    "environment": "the environment has changed",
    "upstream": "a task before it has other products",
}
"""Part of what a task is made from → how the log says that it is another one now."""


class Last(Model):
    """What a task was made from when it was last executed, part by part, and by which run."""

    run: UUID
    parts: dict[str, str]


class Executed(NamedTuple):
    """What has executed a task, so which products it has made."""

    run: UUID
    attempt: int


class Incremental:
    """Takes over what earlier runs made, and keeps what this one makes.

    Args:
        folder: of all results of a host; made when there is something to keep.
        pipeline: its slug; results of another one are not taken over.
        executing: the present run and attempt.
        project: the attempt's working directory, before the first task.
        lock: of the environment that the tasks run in.
        variables: what is added to the environment of each of them.
        products: task name → everything that it makes, relative to the project.
        upstream: task name → names of the tasks it waits for.
        say: takes a line for the log.
    """

    def __init__(
        self,
        folder: Path,
        pipeline: str,
        executing: Executed,
        project: Path,
        lock: Lock,
        variables: Mapping[str, str],
        products: Mapping[str, frozenset[Path]],
        upstream: Mapping[str, tuple[str, ...]],
        say: Callable[[str], None],
    ) -> None:
        self._cache = TaskCache(folder, project)
        self._pipeline = pipeline
        self._executing = executing
        self._project = project
        self._strays = Strays(project, products)
        self._upstream = upstream
        self._say = say
        self._beside = _digest_of_files(project, {f"tasks/{name}.ipynb" for name in upstream})
        self._environment = _digest([lock_digest(lock), sorted(variables.items())])
        self._parts: dict[str, dict[str, str]] = {}
        self._made_by: dict[str, Executed] = {}
        self._size = 0
        self._over = False

    def find(self, spec: TaskSpec) -> TaskResult | None:
        """Place what an earlier run made of a task, and return how it ended there.

        None: it has to be executed. Its upstream tasks have ended.
        """
        self._strays.begin(spec.name)
        parts = self._parts[spec.name] = self._made_from(spec)
        key = self._key(spec.name)
        if self._over:
            return None
        try:
            made = self._cache.get(key)
            assert made.run is not None
            self._cache.place(key, made, spec.output, spec.kept)
        except (OSError, ValidationError):
            self._say(f"task {spec.name!r} is executed: {self._changed(spec.name, parts)}")
            return None
        self._made_by[spec.name] = Executed(made.run, made.attempt)
        given: dict[str, Any] = {"output": spec.output, "staged": None}
        if made.run == self._executing.run:
            who = f"attempt {made.attempt} of this run"
            given["reused_from"] = made.attempt
        else:
            who = f"run {made.run}"
            now = datetime.now(UTC)
            # What it logged to MLflow, and what it took, is found from that run.
            given |= {
                "reused_run": made.run,
                "mlflow_run_id": None,
                "started_at": now,
                "ended_at": now,
                "peak_memory": 0,
            }
        self._say(
            f"task {spec.name!r} is not executed: {who} made the same from the same source, "
            "parameters, modules, environment and upstream tasks"
        )
        return made.result.model_copy(update=given)

    def keep(self, spec: TaskSpec, result: TaskResult) -> None:
        """Keep what a task made that has just ended well."""
        stray = self._strays.end(spec.name)
        reused = bool(result.reused_run or result.reused_from)
        if not reused:
            self._made_by[spec.name] = self._executing
        if stray is not None and not self._over:
            self._over = True
            self._say(
                f"a notebook wrote {str(stray)!r}, which is no product of a task that ran then: "
                "from now on this run takes over nothing, and no other one what it makes"
            )
        if reused or self._over:
            return
        key = self._key(spec.name)
        try:
            size = self._cache.put(
                key,
                spec,
                result,
                digest=key,
                run=self._executing.run,
                attempt=self._executing.attempt,
                room=MAX_RESULTS - self._size,
                whole=sorted(spec.kept.glob(f"{spec.name}.*")) if spec.kept else (),
            )
            self._size += size
            last = Last(run=self._executing.run, parts=self._parts[spec.name])
            if size:
                write_private(self._last(spec.name), last.model_dump_json())
        except OSError as error:
            self._say(f"what task {spec.name!r} made could not be kept for other runs: {error}")

    def end(self, verdict: Verdict) -> Verdict:
        """Return what the attempt counts as: a notebook that failed may miss what others leave."""
        reused = sorted(name for name, by in self._made_by.items() if by.run != self._executing.run)
        if verdict.failure_class is not FailureClass.USER or not reused or verdict.error is None:
            return verdict
        message = (
            f"{verdict.error.message}. The tasks {', '.join(map(repr, reused))} were not executed: "
            "where they leave something outside of their products, run it without --incremental"
        )
        return verdict._replace(error=verdict.error.model_copy(update={"message": message}))

    def _made_from(self, spec: TaskSpec) -> dict[str, str]:
        """Return the digests of what a task is made from, part by part."""
        cells = json.loads(source_of(spec, self._project))
        source = [cell for cell in cells if _INJECTED not in cell[2]]
        given = [cell for cell in cells if _INJECTED in cell[2]]
        before = [
            (name, str(self._made_by[name].run), self._made_by[name].attempt)
            for name in self._upstream[spec.name]
        ]
        return {
            "source": _digest(source),
            "parameters": _digest(given),
            "beside": self._beside,
            "environment": self._environment,
            "upstream": _digest(before),
        }

    def _key(self, name: str) -> str:
        return _digest([self._pipeline, name, self._parts[name]])

    def _changed(self, name: str, parts: Mapping[str, str]) -> str:
        """Say why a task cannot be taken over."""
        try:
            last = Last.model_validate_json(self._last(name).read_bytes())
        except (OSError, ValidationError):
            return "no earlier incremental run has left it"
        said = [text for part, text in _SAID.items() if last.parts.get(part) != parts[part]]
        if not said:
            return f"what run {last.run} made is not kept any more"
        return f"since run {last.run}, {' and '.join(said)}"

    def _last(self, name: str) -> Path:
        return self._cache.folder / f"last-{self._pipeline}-{name}.json"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _digest_of_files(project: Path, sources: set[str]) -> str:
    """Return the digest of what notebooks find beside them: modules and other files.

    Args:
        sources: of the tasks themselves, relative to the project.
    """
    found = []
    for path in sorted(project.rglob("*")):
        within = path.relative_to(project)
        if path.is_file() and str(within) not in {*sources, *_NOT_BESIDE}:
            found.append((str(within), hashlib.sha256(path.read_bytes()).hexdigest()))
    return _digest(found)
