"""The files that attempts left; a task that was not executed again has its earlier ones."""

from __future__ import annotations

from pathlib import Path

from galley.domain.api import KeptFile
from galley.domain.runs import Attempt, Run
from galley.errors import NotFound
from galley.service.artifacts import Artifacts


def files_of(artifacts: Artifacts, run: Run, number: int | None) -> list[KeptFile]:
    """Return the files of an attempt by name.

    Args:
        number: of the attempt; None: the latest.

    Raises:
        NotFound: there is no such attempt.
    """
    attempt = _numbered(run, number)
    found = artifacts.files(run.tenant, run.id, attempt.id)
    for task, maker in _makers(run, attempt).items():
        left = artifacts.files(run.tenant, run.id, maker.id)
        found += [file for file in left if _task_of(file.name) == task]
    return sorted(found, key=lambda file: file.name)


def file_of(artifacts: Artifacts, run: Run, number: int | None, name: str) -> Path:
    """Return where a file of an attempt lies; raises NotFound."""
    attempt = _numbered(run, number)
    maker = _makers(run, attempt).get(_task_of(name))
    try:
        return artifacts.file(run.tenant, run.id, attempt.id, name)
    except NotFound:
        if maker is None:
            raise
        return artifacts.file(run.tenant, run.id, maker.id, name)


def _numbered(run: Run, number: int | None) -> Attempt:
    for attempt in sorted(run.attempts, key=lambda one: one.number, reverse=True):
        if number in {None, attempt.number}:
            return attempt
    which = "no attempt yet" if number is None else f"no attempt {number}"
    raise NotFound(f"The run {run.id} has {which}.")


def _makers(run: Run, attempt: Attempt) -> dict[str, Attempt]:
    """Return task → the attempt that executed it, where that is an earlier one."""
    numbered = {one.number: one for one in run.attempts}
    return {
        task.name: numbered[task.reused_from]
        for task in attempt.tasks
        if task.reused_from in numbered
    }


def _task_of(name: str) -> str:
    """Return the task that a file is of: names of tasks have no dots."""
    return name.partition(".")[0]
