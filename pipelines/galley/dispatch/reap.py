"""Attempts whose host went silent or hangs, and runs too late to start: ended by the service."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from galley.dispatch.ending import end_attempt
from galley.dispatch.late import skip_late
from galley.dispatch.report import over_time_reason
from galley.domain.runs import AttemptState, FailureClass
from galley.store import liveness
from galley.store.runs import OPEN_ATTEMPTS
from galley.store.tables import AttemptRow, RunRow, VersionRow

LOOP = "reaper"

TICK = timedelta(seconds=2)
"""How often the reaper's own presence is written down."""

ABSENT = timedelta(seconds=5)
"""A longer pause between two calls means that the service itself was away."""


def reap(session: Session, now: datetime) -> list[UUID]:
    """End attempts with an expired lease or past their deadline; return the runs that moved.

    Queued runs whose own deadline has passed are skipped.

    Hosts cannot report while the service is away. The time between two calls beyond the usual
    is therefore added to every lease first: a restart of the service ends no attempt.
    """
    _forgive_own_absence(session, now)
    overdue = session.scalars(
        select(AttemptRow)
        .where(
            AttemptRow.state.in_(OPEN_ATTEMPTS),
            or_(AttemptRow.lease_until <= now, AttemptRow.deadline <= now),
        )
        .order_by(AttemptRow.id)
    ).all()
    for attempt in overdue:
        _end(session, attempt, now)
    return [*(attempt.run_id for attempt in overdue), *skip_late(session, now)]


def _forgive_own_absence(session: Session, now: datetime) -> None:
    before = liveness.last(session, LOOP)
    if before is not None and before <= now < before + TICK:
        return
    liveness.tick(session, LOOP, now)
    if before is None or now - before <= ABSENT:
        return
    for attempt in session.scalars(select(AttemptRow).where(AttemptRow.state.in_(OPEN_ATTEMPTS))):
        attempt.lease_until += now - before - TICK
    session.flush()


def _end(session: Session, attempt: AttemptRow, now: datetime) -> None:
    run = session.get_one(RunRow, attempt.run_id)
    if run.cancel_requested:
        end_attempt(session, attempt, run, AttemptState.CANCELLED, now)
    elif attempt.state is AttemptState.RUNNING and attempt.deadline <= now:
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
