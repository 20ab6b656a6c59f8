"""Attempts whose host went silent or hangs, and runs too late to start: ended by the service."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from galley.dispatch.ending import end_attempt
from galley.dispatch.late import skip_late
from galley.dispatch.policy import HANGING_HOST, LEASE
from galley.dispatch.report import over_time_reason
from galley.domain.runs import AttemptState, FailureClass, RunState, TriggerKind
from galley.store import liveness
from galley.store.columns import literally
from galley.store.runs import OPEN_ATTEMPTS, OPEN_RUNS
from galley.store.tables import AttemptRow, RunRow, VersionRow

LOOP = "reaper"

TICK = timedelta(seconds=2)
"""How often the reaper's own presence is written down."""

ABSENT = timedelta(seconds=5)
"""A longer pause between two calls means that the service itself was away."""

BATCH = 10
"""Attempts ended in one transaction at most; the rest follows with the next call. Each takes a
dozen statements, and where hosts die by the hundred, claims and schedules must not wait for all of
it, nor a process that dies meanwhile leave all of it to be done anew."""

_OPEN = literally(AttemptRow.state, *OPEN_ATTEMPTS)
_OVERDUE = (
    select(AttemptRow)
    .where(
        _OPEN,
        or_(AttemptRow.lease_until <= bindparam("now"), AttemptRow.deadline <= bindparam("now")),
    )
    .order_by(AttemptRow.id)
    .limit(BATCH)
)


def reap(session: Session, now: datetime) -> list[UUID]:
    """End attempts with an expired lease or past their deadline; return the runs that moved.

    Queued runs whose own deadline has passed are skipped. It is to be called again at once where
    runs moved: there may be more than one call takes.

    Hosts cannot report while the service is away. The time between two calls beyond the usual
    is therefore added to every lease and time limit first: a restart of the service ends no
    attempt, and one whose host went with it is lost, however long that took. Where the clock was
    set back, what was planned by it is planned anew, or it would wait that much longer.
    """
    before = liveness.last(session, LOOP)
    if before is None or not before <= now < before + TICK:
        liveness.tick(session, LOOP, now)
    if before is not None and now - before > ABSENT:
        _forgive_own_absence(session, now - before - TICK)
    elif before is not None and before - now > ABSENT:
        _follow_the_clock(session, before - now, now)
    overdue = session.scalars(_OVERDUE, {"now": now}).all()
    for attempt in overdue:
        _end(session, attempt, now)
    return [*(attempt.run_id for attempt in overdue), *skip_late(session, now)]


def _forgive_own_absence(session: Session, absence: timedelta) -> None:
    """Take the time of ``absence`` from no attempt; a deadline of the run itself stays."""
    for attempt, own in session.execute(
        select(AttemptRow, RunRow.deadline)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(_OPEN)
    ):
        attempt.lease_until += absence
        later = attempt.deadline + absence
        latest = later if own is None else min(later, own + HANGING_HOST)
        attempt.deadline = max(attempt.deadline, latest)
    session.flush()


def _follow_the_clock(session: Session, back: timedelta, now: datetime) -> None:
    """Bring to ``now`` what was planned before the clock was set ``back``.

    A lease that is longer than leases are is from before. A deadline that is the schedule's own
    stays: it is an hour of the day. That of what somebody asked for, or what a trigger or a
    backfill started, is a span of time from then.
    """
    for attempt, run in session.execute(
        select(AttemptRow, RunRow)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(_OPEN, AttemptRow.lease_until > now + LEASE)
    ):
        attempt.lease_until = now + LEASE
        of_the_day = run.trigger is TriggerKind.SCHEDULE
        if (
            not of_the_day
            or run.deadline is None
            or attempt.deadline != run.deadline + HANGING_HOST
        ):
            attempt.deadline -= back
    for run in session.scalars(
        select(RunRow).where(
            literally(RunRow.state, *OPEN_RUNS),
            RunRow.deadline.is_not(None),
            RunRow.trigger != TriggerKind.SCHEDULE,
            RunRow.created_at > now,
        )
    ):
        assert run.deadline is not None
        run.deadline -= back
    session.execute(
        update(RunRow)
        .where(literally(RunRow.state, RunState.QUEUED), RunRow.not_before > now)
        .values(not_before=now)
    )
    session.flush()


def _end(session: Session, attempt: AttemptRow, now: datetime) -> None:
    run = session.get_one(RunRow, attempt.run_id)
    if run.cancel_requested:
        end_attempt(session, attempt, run, AttemptState.CANCELLED, now)
    elif _hangs(attempt, now):
        end_attempt(
            session,
            attempt,
            run,
            AttemptState.TIMED_OUT,
            now,
            failure_class=FailureClass.TIMEOUT,
            reason=over_time_reason(session.get_one(VersionRow, run.version_id), run, now),
        )
    else:
        why = "did not start it in time" if attempt.lease_until > now else "stopped answering"
        end_attempt(
            session,
            attempt,
            run,
            AttemptState.LOST,
            now,
            failure_class=FailureClass.INFRASTRUCTURE,
            reason=f"its worker host {attempt.host!r} {why}",
        )


def _hangs(attempt: AttemptRow, now: datetime) -> bool:
    """Whether its host, which speaks, has not ended it in time; one that is silent is lost."""
    return attempt.state is AttemptState.RUNNING and attempt.deadline <= now < attempt.lease_until
