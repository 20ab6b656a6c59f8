"""What `galley run --follow` and `galley logs --follow` say beside the log: where the run is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID

import click

from galley.client import Client
from galley.client.usage import now
from galley.domain.runs import Run, TaskState
from galley.errors import PublicError

EVERY_S = 5.0


class Standing:
    """One line per change of "cell N of M", and what the running tasks use, every 5 s.

    Args:
        say: takes a line; it goes to stderr, so that stdout stays the log.
        monotonic: a clock in seconds.
    """

    def __init__(
        self,
        client: Client,
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._say = say
        self._monotonic = monotonic
        self._told: tuple[object, ...] = ()
        self._next = 0.0

    def look(self, run: Run) -> None:
        """Take the run as it is now; say what is new."""
        running = tuple(
            (task.name, at_cell(task.cell, task.cells) or "running")
            for task in (run.attempts[-1].tasks if run.attempts else ())
            if task.state is TaskState.RUNNING
        )
        if not running:
            return
        instant = self._monotonic()
        if running == self._told and instant < self._next:
            return
        self._told, self._next = running, instant + EVERY_S
        used = self._used(run)
        for name, where in running:
            uses = f" · {used[name]}" if name in used else ""
            self._say(f"── {name}: {where}{uses}")

    def _used(self, run: Run) -> dict[str, str]:
        try:
            attempt = self._client.resources(run.id, run.attempt_count)
        except PublicError:  # the log goes on and says itself what is wrong
            return {}
        return {one.task: now(one, attempt) for one in attempt.tasks if one.points}


def at_cell(finished: int | None, cells: int | None) -> str | None:
    """Return at which cell a notebook is; None where nobody knows how many there are."""
    return f"cell {min((finished or 0) + 1, cells)} of {cells}" if cells else None


def follow(client: Client, run: UUID, stop: threading.Event | None = None) -> Iterator[str]:
    """Yield the log of a run until its end; say on stderr where it is."""
    standing = Standing(client, lambda line: click.echo(click.style(line, dim=True), err=True))
    yield from client.follow_log(run, stop=stop, look=standing.look)
