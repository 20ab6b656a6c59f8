"""What tasks use while they run: memory and CPU over time, a bounded number of points each."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from galley.domain.model import Instant, Model

MOST_POINTS = 600
"""Points that are kept of one task; past it, every two become one."""


class Usage(Model):
    """What a task's processes use at one moment.

    Attributes:
        memory: resident memory of all of them; the largest since the point before, bytes.
        cpu_s: CPU time they have taken since the task began; grows, seconds.
    """

    at: Instant
    memory: int = Field(ge=0)
    cpu_s: float = Field(ge=0)


class TaskUsage(Model):
    """The points of one task, oldest first."""

    task: str
    points: tuple[Usage, ...]


class AttemptUsage(Model):
    """What an attempt's tasks used, beside what each of them may use.

    Attributes:
        memory: limit of a task, bytes.
        cpu: cores that a task's profile has.
        ended: nothing will be added.
    """

    attempt: int
    memory: int
    cpu: float
    ended: bool
    tasks: tuple[TaskUsage, ...]


class Used(Usage):
    """A point as a worker host tells it."""

    task: str = Field(min_length=1, max_length=200)


def cores(before: Usage, after: Usage) -> float:
    """Return how many cores were busy between two points; 0 where the task began anew."""
    seconds = (after.at - before.at).total_seconds()
    return max(0.0, after.cpu_s - before.cpu_s) / seconds if seconds > 0 else 0.0


def joined(before: AttemptUsage, after: AttemptUsage) -> AttemptUsage:
    """Return what was known of an attempt together with later points of it."""
    known = {one.task: one.points for one in before.tasks}
    tasks = tuple(
        one.model_copy(update={"points": (*known.get(one.task, ()), *one.points)})
        for one in after.tasks
    )
    return after.model_copy(update={"tasks": tasks})


def halved(points: Sequence[Usage]) -> list[Usage]:
    """Return half as many points: of each two the later, with the larger memory of both.

    The last point stays as it is, so that what comes next continues it.
    """
    kept = []
    for index in range(1, len(points), 2):
        first, second = points[index - 1], points[index]
        kept.append(second.model_copy(update={"memory": max(first.memory, second.memory)}))
    if len(points) % 2:
        kept.append(points[-1])
    return kept
