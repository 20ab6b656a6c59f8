"""The end of an attempt, and what it means for its run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from galley.dispatch.policy import (
    GRANTED_REPEATS,
    backoff,
    goal_met,
    is_the_platforms,
    jitter_of,
)
from galley.domain.pipelines import Goal
from galley.domain.runs import AttemptState, FailureClass, RunState, TaskState
from galley.domain.versions import CellError
from galley.store import attempt_arrows, audit, run_arrows, series
from galley.store.tables import AttemptRow, RunRow, TaskTryRow, VersionRow


def end_attempt(
    session: Session,
    attempt: AttemptRow,
    run: RunRow,
    state: AttemptState,
    now: datetime,
    *,
    failure_class: FailureClass | None = None,
    error: CellError | None = None,
    reason: str = "",
    heard: bool = True,
    **figures: Any,
) -> None:
    """End ``attempt`` as ``state`` and move its run: ended, or queued for the next attempt.

    Args:
        reason: one sentence for people; what an ``error`` says goes before it.
        heard: whether its host had it at all; else the next attempt is at once, and no repeat.
        figures: columns of the attempt: duration, memory, cells.
    """
    attempt_arrows.end(
        session, attempt, state, now, failure_class=failure_class, error=error, **figures
    )
    if state is not AttemptState.SUCCEEDED:
        _close_tasks(session, attempt, now)
    why = error.message if error is not None else reason
    if state is AttemptState.SUCCEEDED:
        _succeed(session, run, now)
    elif run.cancel_requested:
        by = run.cancelled_by or audit.PLATFORM
        reason = run.state_reason or f"cancelled by {by}"
        run_arrows.cancel(session, run.id, run.state, by, reason, now)
    elif state is AttemptState.TIMED_OUT:
        run_arrows.time_out(session, run.id, run.state, why, now)
    elif not heard:
        run_arrows.requeue(session, run, why, now, now, counts=False)
    elif is_the_platforms(state, failure_class):
        _repeat_or_fail(session, run, why, now, jitter_of(attempt.id))
    elif failure_class is FailureClass.OUT_OF_MEMORY:
        _enlarge_or_fail(session, attempt, run, why, now)
    else:
        run_arrows.fail(session, run.id, run.state, why, now)
    series.tell_successor(session, run, now)


def _succeed(session: Session, run: RunRow, now: datetime) -> None:
    if run.state is RunState.LAUNCHING:
        run = run_arrows.start(session, run, now)
    version = session.get_one(VersionRow, run.version_id)
    goal = None if version.goal is None else Goal.model_validate(version.goal)
    run_arrows.succeed(session, run.id, run.metrics, goal_met(goal, run.metrics), now)


def _repeat_or_fail(session: Session, run: RunRow, why: str, now: datetime, jitter: float) -> None:
    allowed = session.get_one(VersionRow, run.version_id).retries + GRANTED_REPEATS
    if run.repeats < allowed:
        run_arrows.requeue(session, run, why, now + backoff(run.repeats, jitter), now)
    else:
        attempts = f"{run.attempt_count} attempts were made, the last one ended so: {why}"
        run_arrows.fail(session, run.id, run.state, attempts, now)


def _enlarge_or_fail(
    session: Session, attempt: AttemptRow, run: RunRow, why: str, now: datetime
) -> None:
    """Try a run that lacked memory once more where its tenant allows: on the next profile."""
    larger = attempt.larger_profile
    if larger is not None:
        again = f"{why}. Tried once more with profile {larger!r}"
        run_arrows.requeue(session, run, again, now, now, profile=larger)
        return
    if run.profile is not None and run.profile == attempt.profile:
        why = f"{why}. It had been tried with a smaller profile before"
    run_arrows.fail(session, run.id, run.state, why, now)


def _close_tasks(session: Session, attempt: AttemptRow, now: datetime) -> None:
    """Leave no task of an ended attempt looking as if it went on."""
    session.execute(
        update(TaskTryRow)
        .where(
            TaskTryRow.attempt_id == attempt.id,
            TaskTryRow.state.in_([TaskState.WAITING, TaskState.RUNNING]),
        )
        .values(state=TaskState.CANCELLED, ended_at=now)
        .execution_options(synchronize_session="fetch")
    )
