"""What a worker host reports: started, still there, ended."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from galley.dispatch.ending import end_attempt
from galley.dispatch.policy import HANGING_HOST, LEASE
from galley.dispatch.progress import take_log_size, take_progress, take_usage
from galley.domain.runs import AttemptState, FailureClass, Run
from galley.domain.usage import Usage
from galley.domain.work import Heartbeat, HeartbeatReply, Outcome
from galley.errors import Conflict, InvalidInput
from galley.store import attempt_arrows, run_arrows, runs
from galley.store.runs import OPEN_ATTEMPTS
from galley.store.tables import AttemptRow, RunRow, VersionRow


def start(session: Session, attempt_id: UUID, fencing: int, now: datetime) -> HeartbeatReply:
    """Leased → running; asking again, after a lost answer, changes nothing.

    Raises:
        NotFound: there is no such attempt.
        Conflict: it has ended, or ``fencing`` is not its own.
    """
    attempt, run = _current(session, attempt_id, fencing)
    if attempt.state is AttemptState.LEASED:
        version = session.get_one(VersionRow, run.version_id)
        limit = timedelta(seconds=version.timeout_s + attempt.extra_s)
        ends = now + limit if run.deadline is None else min(now + limit, run.deadline)
        deadline = attempt.deadline if run.cancel_requested else ends + HANGING_HOST
        attempt_arrows.start(session, attempt, deadline, now)
        run_arrows.start(session, run, now)
    return _renew(session, attempt, run, now)


def heartbeat(
    session: Session,
    attempt_id: UUID,
    beat: Heartbeat,
    now: datetime,
    *,
    log_size: int | None = None,
    newest: Mapping[str, Usage] = MappingProxyType({}),
) -> HeartbeatReply:
    """Renew the lease and keep what moved.

    Args:
        log_size: bytes of the attempt's log that are kept by now.
        newest: task → what it uses now, where that is news.

    Raises:
        NotFound: there is no such attempt.
        Conflict: it has ended, or ``beat.fencing`` is not its own.
    """
    attempt, run = _current(session, attempt_id, beat.fencing)
    take_progress(session, attempt, run, beat.tasks, beat.mlflow_run_id, now, phase=beat.phase)
    take_log_size(session, attempt, run, log_size, now)
    take_usage(session, attempt, run, newest, now)
    return _renew(session, attempt, run, now)


def finish(
    session: Session,
    attempt_id: UUID,
    outcome: Outcome,
    now: datetime,
    *,
    log_size: int | None = None,
    rehearsal: dict[str, Any] | None = None,
) -> Run:
    """End the attempt as reported; the run ends too, or waits for its next attempt.

    Args:
        log_size: bytes of the attempt's log that are kept by now.
        rehearsal: what a rehearsal found, as its version will keep it.

    Raises:
        NotFound: there is no such attempt.
        Conflict: it has ended, or ``outcome.fencing`` is not its own.
        InvalidInput: the state is not one in which an attempt ends.
    """
    attempt, run = _current(session, attempt_id, outcome.fencing)
    if outcome.state in OPEN_ATTEMPTS:
        raise InvalidInput(
            f"An attempt does not end as {outcome.state.value!r}: use succeeded, failed, "
            "cancelled, timed_out or lost.",
            field="state",
        )
    take_progress(session, attempt, run, outcome.tasks, None, now)
    take_log_size(session, attempt, run, log_size, now)
    run.metrics = dict(outcome.metrics)
    session.flush()
    state, failure_class = _judge(attempt, run, outcome, now)
    end_attempt(
        session,
        attempt,
        run,
        state,
        now,
        failure_class=failure_class,
        error=outcome.error,
        reason=_reason(session, run, state, failure_class, now),
        duration_s=outcome.duration_s,
        peak_memory=outcome.peak_memory,
        code_cells=outcome.cells,
        rehearsal=rehearsal,
    )
    return runs.get(session, run.id)


def log_grew(session: Session, attempt_id: UUID, size: int, now: datetime) -> None:
    """Remember that ``size`` bytes of the attempt's log are kept; raises NotFound."""
    attempt = runs.require_attempt(session, attempt_id)
    take_log_size(session, attempt, session.get_one(RunRow, attempt.run_id), size, now)


def _current(session: Session, attempt_id: UUID, fencing: int) -> tuple[AttemptRow, RunRow]:
    attempt = runs.require_attempt(session, attempt_id)
    if attempt.state not in OPEN_ATTEMPTS:
        raise Conflict(
            f"The attempt {attempt_id} has ended ({attempt.state}): stop it; its report is not "
            "used.",
            state=str(attempt.state),
        )
    if attempt.fencing != fencing:
        raise Conflict(
            f"The report is from lease {fencing} of the attempt {attempt_id}; the current one "
            f"is {attempt.fencing}: stop it; its report is not used."
        )
    return attempt, session.get_one(RunRow, attempt.run_id)


def _renew(session: Session, attempt: AttemptRow, run: RunRow, now: datetime) -> HeartbeatReply:
    attempt.lease_until = max(attempt.lease_until, now + LEASE)
    session.flush()
    return HeartbeatReply(
        cancel=run.cancel_requested or _over_time(attempt, now), lease_until=attempt.lease_until
    )


def _over_time(attempt: AttemptRow, now: datetime) -> bool:
    return attempt.state is AttemptState.RUNNING and now >= attempt.deadline - HANGING_HOST


def _judge(
    attempt: AttemptRow, run: RunRow, outcome: Outcome, now: datetime
) -> tuple[AttemptState, FailureClass | None]:
    """Return how the attempt counts: an end that the service asked for is what it asked for."""
    if outcome.state is AttemptState.SUCCEEDED:
        return AttemptState.SUCCEEDED, None
    if run.cancel_requested:
        return AttemptState.CANCELLED, None
    timed_out = outcome.state is AttemptState.TIMED_OUT
    if timed_out or (outcome.state is AttemptState.CANCELLED and _over_time(attempt, now)):
        return AttemptState.TIMED_OUT, FailureClass.TIMEOUT
    if outcome.state is not AttemptState.FAILED:
        return outcome.state, FailureClass.INFRASTRUCTURE
    if outcome.failure_class is FailureClass.TIMEOUT:
        return AttemptState.TIMED_OUT, FailureClass.TIMEOUT
    guess = FailureClass.USER if outcome.error is not None else FailureClass.INFRASTRUCTURE
    return AttemptState.FAILED, outcome.failure_class or guess


def _reason(
    session: Session,
    run: RunRow,
    state: AttemptState,
    failure_class: FailureClass | None,
    now: datetime,
) -> str:
    if state is AttemptState.TIMED_OUT:
        return over_time_reason(session.get_one(VersionRow, run.version_id), run, now)
    if failure_class is FailureClass.OUT_OF_MEMORY:
        return "it needed more memory than its profile has"
    if failure_class is FailureClass.USER:
        return "the notebook failed"
    return "its worker host ended before it"


def over_time_reason(version: VersionRow, run: RunRow, now: datetime) -> str:
    """Return the sentence for a run that took too long."""
    if run.deadline is not None and run.deadline <= now:
        return f"it had not ended by its deadline, {run.deadline:%Y-%m-%d %H:%M} UTC"
    return f"it took longer than its time limit of {version.timeout_s} s"
