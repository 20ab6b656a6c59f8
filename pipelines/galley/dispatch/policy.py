"""How long a lease lasts, what is repeated, and when a goal is met."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from galley.domain.pipelines import Direction, Goal
from galley.domain.runs import AttemptState, FailureClass

LEASE = timedelta(seconds=15)
"""How long a host may be silent."""

HEARTBEAT_S = 5.0

LAUNCH_LIMIT = timedelta(minutes=10)
"""How long a leased attempt may take to start running."""

HANGING_HOST = timedelta(seconds=30)
"""How long after a run's time limit its host may take to end it itself."""

GRANTED_REPEATS = 2
"""Repeats after a failure of the platform's that every run has, beyond the version's retries."""

_FIRST_BACKOFF = timedelta(seconds=5)
_LONGEST_BACKOFF = timedelta(minutes=5)


def backoff(repeats: int, jitter: float) -> timedelta:
    """Return how long the next attempt waits after ``repeats`` repeats: 5 s, 10 s, 20 s, …

    Args:
        jitter: from 0 to 1; that part of half the time is added, so that attempts that were lost
            together do not come back together.
    """
    wait: timedelta = min(_FIRST_BACKOFF * 2 ** min(repeats, 10), _LONGEST_BACKOFF)
    return wait * (1 + jitter / 2)


def jitter_of(attempt: UUID) -> float:
    """Return a number from 0 to 1 that the random part of an attempt's id decides."""
    return (attempt.int & 0xFFFFFFFF) / 0xFFFFFFFF


def is_the_platforms(state: AttemptState, failure_class: FailureClass | None) -> bool:
    """Whether an attempt ended for a reason of the platform's, so that it may be repeated.

    An attempt that its host cancelled although nobody asked was cut off by the host's end.
    """
    if state is AttemptState.FAILED:
        return failure_class is FailureClass.INFRASTRUCTURE
    return state in {AttemptState.LOST, AttemptState.CANCELLED}


def goal_met(goal: Goal | None, metrics: Mapping[str, float]) -> bool | None:
    """Return whether ``metrics`` reach the goal's threshold; None where nothing can be said."""
    if goal is None or goal.threshold is None or goal.metric not in metrics:
        return None
    value = metrics[goal.metric]
    if goal.direction is Direction.HIGHER:
        return value >= goal.threshold
    return value <= goal.threshold
