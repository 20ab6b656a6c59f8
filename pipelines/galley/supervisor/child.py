"""One child process: started with its log, restarted with a growing pause when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from galley.supervisor import tree

PAUSES_S = (0.5, 1, 2, 5, 10, 30)
"""Pauses before the first, second, … restart; the last one repeats. Seconds."""

STEADY_S = 60
"""A child that ran this long counts its restarts from zero again, seconds."""

MAX_LOG = 50 * 2**20
"""A larger log is put aside as ``NAME.log.1`` when the child starts, bytes."""


class ChildState(StrEnum):
    """Where a child stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to restart"
    ENDED = "ended"


@dataclass(frozen=True)
class ChildSpec:
    """How a child is started and how to see that it is ready.

    Attributes:
        after: names of children that must be ready before this one starts.
        is_ready: asks the process itself; called often, must return within about a second.
    """

    name: str
    argv: list[str]
    env: dict[str, str]
    cwd: Path
    is_ready: Callable[[], bool]
    after: tuple[str, ...] = ()


@dataclass
class Child:
    """A child as the supervisor knows it; times come from the caller's clock, seconds.

    Attributes:
        since: when it came into its state.
        failures: how often it ended by itself, one soon after the other.
        expected: its end was asked for, so the next start is at once.
    """

    spec: ChildSpec
    log: Path
    state: ChildState = ChildState.ENDED
    pid: int | None = None
    since: float = 0
    restart_at: float = 0
    failures: int = 0
    exit_code: int | None = None
    restarts: int = 0
    ever_ready: bool = False
    expected: bool = False

    def start(self, now: float) -> None:
        """Start the process; it is told to end when this one does."""
        if self.log.exists() and self.log.stat().st_size > MAX_LOG:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        parent = os.getpid()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.spec.argv,
                env=self.spec.env,
                cwd=self.spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: tree.die_with_parent(parent),
            )
        self.pid = process.pid
        # Reaped by the supervisor's loop, as adopted orphans are; Popen must not do it too.
        process.returncode = 0
        self.state, self.since, self.expected = ChildState.STARTING, now, False

    def ended(self, exit_code: int, now: float) -> float:
        """Note that the process has ended and return the pause before it starts again, seconds."""
        if now - self.since > STEADY_S or self.expected:
            self.failures = 0
        pause = 0.0 if self.expected else PAUSES_S[min(self.failures, len(PAUSES_S) - 1)]
        self.failures += 0 if self.expected else 1
        self.pid, self.exit_code = None, exit_code
        self.restarts += 1
        self.state, self.since, self.restart_at = ChildState.WAITING, now, now + pause
        return pause

    def log_tail(self, lines: int = 12) -> str:
        """Return the last lines of the child's log."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 16384))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])


def how_it_ended(exit_code: int) -> str:
    """Return "exit code 1" or "killed by SIGKILL"."""
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"killed by {signal.Signals(-exit_code).name}"
