"""The first step of an attempt: the environment that its kernels run in.

The project's ``requirements.lock`` says which one. In a rehearsal it only says what is wanted;
then it is locked here, inside the author's sandbox, and the rehearsal reports the lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from galley.domain.packages import Packages, personal_cache
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.versions import CellError
from galley.errors import GalleyError, PublicError, Unavailable
from galley.locking import (
    Environment,
    Environments,
    Lock,
    Stopped,
    Uv,
    lock_digest,
    lock_text,
    lock_wanted,
    read_lock,
    serves,
)
from galley.notebook.requirements import read_requirements
from galley.run.job import Job

PACKAGES = "GALLEY_PACKAGES"
"""Where the runner finds the packages' source (JSON); its value never reaches a kernel."""
LOCK = "requirements.lock"
PREPARING = "preparing the environment"
"""The phase that is shown meanwhile."""


class TookTooLong(GalleyError):
    """The environment was not ready in time."""


@dataclass(frozen=True)
class Locked:
    """What an attempt's kernels run in.

    Attributes:
        lock: None where the project has no ``requirements.lock``.
        environment: None where the platform's own serves.
    """

    lock: Lock | None = None
    environment: Environment | None = None

    @property
    def python(self) -> Path | None:
        """The interpreter of the kernels; None: the platform's."""
        return None if self.environment is None else self.environment.python

    @property
    def text(self) -> str | None:
        """The lock as text."""
        return None if self.lock is None else lock_text(self.lock)

    def close(self) -> None:
        """Let the environment go; it may be removed afterwards."""
        if self.environment is not None:
            self.environment.close()


def prepare(
    job: Job,
    environment: Mapping[str, str],
    *,
    say: Callable[[str], None],
    cancelled: Callable[[], bool],
) -> Locked:
    """Lock what the job's project wants, where it is not locked yet, and make its environment.

    Args:
        environment: of the runner, or what its host gave it; holds :data:`PACKAGES`.
        say: takes one line of the log.
        cancelled: asked every 0.2 s.

    Raises:
        Unresolvable: what is wanted cannot be had; the message names it.
        InvalidInput: ``requirements.lock`` cannot be read.
        Unavailable: the index or uv cannot be reached.
        Stopped: it was cancelled.
        TookTooLong: after ``job.environment_s``.
    """
    file = job.project / LOCK
    if not file.is_file():
        return Locked()
    latest = time.monotonic() + job.environment_s
    folder = job.environments or personal_cache(environment)
    packages = Packages.model_validate_json(environment.get(PACKAGES) or "{}")

    def stop() -> bool:
        return cancelled() or time.monotonic() >= latest

    uv = Uv(folder / "uv", packages, environment, stop, configured=PACKAGES not in environment)
    try:
        return _prepare(
            file.read_text(encoding="utf-8"), Environments(folder / "made", uv), uv, say
        )
    except Stopped:
        if cancelled():
            raise
        raise TookTooLong(f"the environment was not ready after {job.environment_s:g} s") from None


def _prepare(text: str, place: Environments, uv: Uv, say: Callable[[str], None]) -> Locked:
    lock = read_lock(text)
    if lock is None:
        wanted = read_requirements(text)
        say(f"environment: locking {_number(len(wanted), 'requirement')}")
        lock = lock_wanted(wanted, uv)
    what = f"{_number(len(lock.packages), 'distribution')}, lock {lock_digest(lock)[:12]}"
    if serves(lock):
        say(f"environment: the platform's own serves ({what})")
        return Locked(lock)
    if lock.of_platform:
        say("environment: the platform's own has changed since this version was locked")
    started = time.monotonic()
    made = place.get(lock, making=lambda: say(f"environment: installing {what}"))
    took = f"made in {time.monotonic() - started:.1f} s" if made.made else "it was there"
    say(f"environment: one of the version's own ({what}): {took}")
    return Locked(lock, made)


def not_prepared(
    error: Exception,
) -> tuple[AttemptState, FailureClass | None, CellError | None]:
    """Return what an attempt comes to whose environment could not be made."""
    if isinstance(error, Stopped):
        return AttemptState.CANCELLED, None, None
    evalue = str(error.data.get("requirement") or "") if isinstance(error, PublicError) else ""
    said = CellError(ename=type(error).__name__, evalue=evalue, message=f"the environment: {error}")
    if isinstance(error, TookTooLong):
        return AttemptState.TIMED_OUT, FailureClass.TIMEOUT, said
    away = isinstance(error, Unavailable)
    return AttemptState.FAILED, FailureClass.INFRASTRUCTURE if away else FailureClass.USER, said


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
