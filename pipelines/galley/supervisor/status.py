"""What the supervisor says about itself in a file, for `galley status` and `galley reload`."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from galley.domain.model import Instant, Model
from galley.supervisor.child import ChildState
from galley.supervisor.home import is_running, write_private


class ProcessStatus(Model):
    """One child; ``since`` is when it came into its state."""

    name: str
    pid: int | None
    state: ChildState
    since: Instant
    restarts: int


class Status(Model):
    """A running deployment.

    Attributes:
        pid: of the foreground process: SIGTERM stops everything, SIGHUP reloads the tenants.
        reloads: how often the tenants were read again, successfully or not.
        reload_problem: why the last reload changed nothing; None when it was done.
    """

    pid: int
    url: str
    started_at: Instant
    processes: tuple[ProcessStatus, ...]
    left_out: tuple[str, ...] = ()
    reloads: int = 0
    reload_problem: str | None = None

    @property
    def ready(self) -> bool:
        """Whether every child answers."""
        return all(process.state is ChildState.READY for process in self.processes)


def write_status(home: Path, status: Status) -> None:
    """Replace the status file."""
    write_private(home / "run" / "status.json", status.model_dump_json(indent=2) + "\n")


def read_status(home: Path) -> Status | None:
    """Return what runs on this state directory, or None when nothing does."""
    if not is_running(home):
        return None
    try:
        text = (home / "run" / "status.json").read_text(encoding="utf-8")
        return Status.model_validate_json(text)
    except (FileNotFoundError, ValidationError):
        return None
