"""What an attempt used, in words and as a line of blocks: for terminals and widgets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from galley.domain.usage import AttemptUsage, TaskUsage, Usage, cores

_BLOCKS = "▁▂▃▄▅▆▇█"


def peak(usage: TaskUsage) -> int:
    """Return the largest memory of a task, bytes; 0 without points."""
    return max((point.memory for point in usage.points), default=0)


def busy(points: Sequence[Usage]) -> list[float]:
    """Return how many cores were busy between each two points."""
    return [cores(before, after) for before, after in pairwise(points)]


def now(usage: TaskUsage, attempt: AttemptUsage) -> str:
    """Return what a task uses at present: ``412 MiB of 1 GiB, 0.9 of 2 CPU``."""
    last = usage.points[-1]
    rates = busy(usage.points[-2:])
    cpu = f", {rates[-1]:.1f} of {attempt.cpu:g} CPU" if rates else ""
    return f"{size(last.memory)} of {size(attempt.memory)}{cpu}"


def blocks(values: Sequence[float], most: float, width: int = 24) -> str:
    """Return values as a line of blocks of heights up to ``most``; each shows the largest of its
    share of them."""
    if not values or most <= 0:
        return ""
    width = min(width, len(values))
    shares = [
        values[len(values) * i // width : len(values) * (i + 1) // width] for i in range(width)
    ]
    return "".join(_BLOCKS[min(7, int(max(share) / most * 8))] for share in shares)


def size(count: float) -> str:
    """Return bytes as ``512 B``, ``412 MiB``, ``1.5 GiB``."""
    for unit, one in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= one:
            return (
                f"{count / one:.3g} {unit}" if count < 1000 * one else f"{count / one:.0f} {unit}"
            )
    return f"{count:.0f} B"
