from __future__ import annotations

from datetime import timedelta

import pytest
from galley.dispatch.policy import backoff, goal_met, is_the_platforms, jitter_of
from galley.domain.pipelines import Direction, Goal
from galley.domain.runs import AttemptState, FailureClass
from galley.store.columns import new_id


@pytest.mark.parametrize(
    ("goal", "metrics", "met"),
    [
        (None, {"auc": 1.0}, None),
        (Goal(metric="auc"), {"auc": 1.0}, None),
        (Goal(metric="auc", threshold=0.8), {}, None),
        (Goal(metric="auc", threshold=0.8), {"auc": 0.8}, True),
        (Goal(metric="auc", threshold=0.8), {"auc": 0.79}, False),
        (Goal(metric="rmse", threshold=2, direction=Direction.LOWER), {"rmse": 2}, True),
        (Goal(metric="rmse", threshold=2, direction=Direction.LOWER), {"rmse": 2.1}, False),
        (Goal(metric="auc", threshold=0.8), {"auc": float("nan")}, False),
    ],
)
def test_goals(goal: Goal | None, metrics: dict[str, float], met: bool | None) -> None:
    assert goal_met(goal, metrics) is met


def test_pauses_double_up_to_five_minutes_and_jitter_adds_half_at_most() -> None:
    assert [backoff(n, 0).seconds for n in range(8)] == [5, 10, 20, 40, 80, 160, 300, 300]
    assert backoff(10**6, 0) == timedelta(minutes=5)
    assert (backoff(1, 0.5), backoff(1, 1)) == (timedelta(seconds=12.5), timedelta(seconds=15))


def test_jitter_differs_from_attempt_to_attempt() -> None:
    found = [jitter_of(new_id()) for _ in range(50)]
    assert all(0 <= one <= 1 for one in found)
    assert max(found) - min(found) > 0.5


@pytest.mark.parametrize(
    ("state", "failure_class", "ours"),
    [
        (AttemptState.LOST, FailureClass.INFRASTRUCTURE, True),
        (AttemptState.CANCELLED, None, True),
        (AttemptState.FAILED, FailureClass.INFRASTRUCTURE, True),
        (AttemptState.FAILED, FailureClass.USER, False),
        (AttemptState.FAILED, FailureClass.OUT_OF_MEMORY, False),
        (AttemptState.TIMED_OUT, FailureClass.TIMEOUT, False),
    ],
)
def test_whose_failure_it_was(
    state: AttemptState, failure_class: FailureClass | None, ours: bool
) -> None:
    assert is_the_platforms(state, failure_class) is ours
