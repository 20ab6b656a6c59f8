"""The arrows of a run, one function each; every one leaves an event and an audit line.

``queued → launching → running → succeeded``, and the ways out and back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import Integer, bindparam, func, insert, update
from sqlalchemy.orm import Session

from galley.domain.events import EventKind
from galley.domain.runs import RUN_TRANSITIONS, RunKind, RunState, TriggerKind
from galley.domain.schedules import Overlap
from galley.errors import Conflict
from galley.store import audit, events, trigger_successes
from galley.store.many import Sent
from galley.store.new_runs import NewRun
from galley.store.tables import Base, PipelineRow, RunRow
from galley.store.transitions import move

_RUNS = Base.metadata.tables[RunRow.__tablename__]
_RECORD = insert(_RUNS)
_LAUNCH = (
    update(_RUNS)
    .where(
        _RUNS.c.id.in_(bindparam("ids", expanding=True)),
        # Not as the index of waiting runs has it: by old statistics PostgreSQL would go through
        # all of them to find these few.
        func.coalesce(_RUNS.c.state, "") == RunState.QUEUED,
        _RUNS.c.attempt_count == bindparam("number", type_=Integer) - 1,
    )
    .values(
        state=RunState.LAUNCHING,
        state_reason=None,
        attempt_count=bindparam("number", type_=Integer),
        cell=None,
        cells=None,
    )
)


def launch(session: Session, run_id: UUID, number: int, now: datetime) -> RunRow:
    """Queued → launching: attempt ``number`` was leased."""
    return _move(
        session,
        run_id,
        RunState.QUEUED,
        RunState.LAUNCHING,
        audit.PLATFORM,
        now,
        attempt_count=number,
        cell=None,
        cells=None,
    )


class _Queued(Protocol):
    """What :func:`launch_all` has to know of a queued run."""

    @property
    def id(self) -> UUID: ...
    @property
    def tenant(self) -> str: ...
    @property
    def pipeline(self) -> str: ...
    @property
    def kind(self) -> RunKind: ...
    @property
    def trigger(self) -> TriggerKind: ...
    @property
    def requested_by(self) -> str | None: ...
    @property
    def cancel_requested(self) -> bool: ...
    @property
    def attempt_count(self) -> int: ...


def launch_all(session: Session, sent: Sent, rows: Sequence[_Queued], now: datetime) -> None:
    """Queued → launching, of many at once: the next attempt of each was leased.

    Raises:
        Conflict: at the end of ``sent``, where one of them was not queued, or not as often tried,
            any more.
    """
    by_number: dict[int, list[UUID]] = defaultdict(list)
    for row in rows:
        by_number[row.attempt_count + 1].append(row.id)
    changed = Conflict("Some of these runs are not queued any more: they changed meanwhile.")
    for number, ids in by_number.items():
        sent.change(_LAUNCH, {"ids": ids, "number": number}, len(ids), changed)
    told = [
        _told(
            row,
            row.pipeline,
            _Now(RunState.LAUNCHING, row.attempt_count + 1, None),
            audit.PLATFORM,
            f"run.{RunState.LAUNCHING}",
            now,
        )
        for row in rows
    ]
    audit.append_all(session, [line for line, _ in told])
    events.append_all(session, [event for _, event in told])


def start(session: Session, row: RunRow, now: datetime) -> RunRow:
    """Launching → running."""
    return _move(
        session,
        row.id,
        RunState.LAUNCHING,
        RunState.RUNNING,
        audit.PLATFORM,
        now,
        started_at=row.started_at or now,
    )


def succeed(
    session: Session,
    run_id: UUID,
    metrics: dict[str, float],
    goal_met: bool | None,
    now: datetime,
) -> RunRow:
    """Running → succeeded; triggers downstream will hear of it."""
    row = _move(
        session,
        run_id,
        RunState.RUNNING,
        RunState.SUCCEEDED,
        audit.PLATFORM,
        now,
        metrics=metrics,
        goal_met=goal_met,
        ended_at=now,
    )
    trigger_successes.note(session, row)
    return row


def fail(session: Session, run_id: UUID, expected: RunState, reason: str, now: datetime) -> RunRow:
    """Launching or running → failed."""
    return _end(session, run_id, expected, RunState.FAILED, audit.PLATFORM, reason, now)


def time_out(
    session: Session, run_id: UUID, expected: RunState, reason: str, now: datetime
) -> RunRow:
    """Launching or running → timed out."""
    return _end(session, run_id, expected, RunState.TIMED_OUT, audit.PLATFORM, reason, now)


def cancel(
    session: Session, run_id: UUID, expected: RunState, by: str, reason: str, now: datetime
) -> RunRow:
    """Queued, launching or running → cancelled."""
    return _end(session, run_id, expected, RunState.CANCELLED, by, reason, now)


def skip(session: Session, run_id: UUID, reason: str, now: datetime) -> RunRow:
    """Queued → skipped: its time is over, or the run before it is still going."""
    return _end(session, run_id, RunState.QUEUED, RunState.SKIPPED, audit.PLATFORM, reason, now)


def requeue(
    session: Session,
    row: RunRow,
    reason: str,
    not_before: datetime,
    now: datetime,
    *,
    profile: str | None = None,
    counts: bool = True,
) -> RunRow:
    """Launching or running → queued: the attempt was lost for a reason of the platform's.

    Args:
        profile: it ran out of memory, and the next attempt has this profile; that counts as no
            repeat.
        counts: whether the next attempt is a repeat.
    """
    return _move(
        session,
        row.id,
        row.state,
        RunState.QUEUED,
        audit.PLATFORM,
        now,
        reason=reason,
        not_before=not_before,
        repeats=row.repeats + (counts and profile is None),
        profile=profile or row.profile,
        cell=None,
        cells=None,
    )


def retry(session: Session, row: RunRow, by: str, now: datetime) -> RunRow:
    """Failed or timed out → queued: a person asked for one more attempt.

    The deadline was for the attempts before, and how long it takes counts from its next start: the
    time until somebody asked is nobody's duration. What a person asks for is not
    skipped because another run is going: it waits for that one.
    """
    return _move(
        session,
        row.id,
        row.state,
        RunState.QUEUED,
        by,
        now,
        reason=f"retried by {by}",
        not_before=now,
        deadline=None,
        overlap=Overlap.QUEUE if row.overlap is Overlap.SKIP else row.overlap,
        repeats=0,
        cancel_requested=False,
        cancelled_by=None,
        metrics={},
        goal_met=None,
        cell=None,
        cells=None,
        started_at=None,
        ended_at=None,
        files_removed_at=None,
    )


def ask_to_cancel(
    session: Session, row: RunRow, by: str, now: datetime, reason: str | None = None
) -> None:
    """Not an arrow: remember that the host is to end the attempt."""
    row.cancel_requested, row.cancelled_by = True, by
    row.state_reason = reason or row.state_reason
    session.flush()
    _tell(session, row, by, "run.cancel_requested", now)


def explain(session: Session, row: RunRow, reason: str | None, now: datetime) -> None:
    """Not an arrow: say why a queued run waits."""
    row.state_reason = reason
    session.flush()
    _tell(session, row, audit.PLATFORM, "run.waits", now)


def recorded(session: Session, row: RunRow, now: datetime) -> None:
    """Tell that a run was recorded."""
    _tell(session, row, row.requested_by or audit.PLATFORM, f"run.{row.state}", now)


def record_all(session: Session, rows: Sequence[tuple[NewRun, str]], now: datetime) -> None:
    """Insert runs, each with the slug of its pipeline, and tell that they were recorded."""
    if not rows:
        return
    session.execute(_RECORD, [vars(row) for row, _ in rows])
    told = [
        _told(
            row,
            slug,
            _Now(row.state, row.attempt_count, row.state_reason),
            row.requested_by or audit.PLATFORM,
            f"run.{row.state}",
            now,
        )
        for row, slug in rows
    ]
    audit.append_all(session, [line for line, _ in told])
    events.append_all(session, [event for _, event in told])


def _end(
    session: Session,
    run_id: UUID,
    expected: RunState,
    target: RunState,
    actor: str,
    reason: str,
    now: datetime,
) -> RunRow:
    return _move(session, run_id, expected, target, actor, now, reason=reason, ended_at=now)


def _move(
    session: Session,
    run_id: UUID,
    expected: RunState,
    target: RunState,
    actor: str,
    now: datetime,
    *,
    reason: str | None = None,
    **values: Any,
) -> RunRow:
    row = move(
        session,
        RunRow,
        run_id,
        expected,
        target,
        RUN_TRANSITIONS,
        state_reason=reason,
        **values,
    )
    _tell(session, row, actor, f"run.{target}", now)
    return row


def _tell(session: Session, row: RunRow, actor: str, action: str, now: datetime) -> None:
    slug = session.get_one(PipelineRow, row.pipeline_id).slug
    now_so = _Now(row.state, row.attempt_count, row.state_reason)
    line, event = _told(row, slug, now_so, actor, action, now)
    session.flush()
    audit.append_all(session, [line])
    events.append_all(session, [event])


class _Now(NamedTuple):
    """What an arrow has made of a run."""

    state: RunState
    attempt: int
    reason: str | None


def _told(
    row: RunRow | NewRun | _Queued, slug: str, now_so: _Now, actor: str, action: str, now: datetime
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the audit line and the event of a change."""
    line = {
        "tenant": row.tenant,
        "actor": actor,
        "action": action,
        "subject": f"run/{row.id}",
        "detail": {"pipeline": slug, "kind": str(row.kind), "reason": now_so.reason},
        "at": now,
    }
    event = {
        "tenant": row.tenant,
        "kind": EventKind.RUN_CHANGED,
        "subject": row.id,
        "pipeline": slug,
        "data": {
            "state": str(now_so.state),
            "kind": str(row.kind),
            "trigger": str(row.trigger),
            "requested_by": row.requested_by,
            "attempt": now_so.attempt,
            "cancel_requested": row.cancel_requested,
            "reason": now_so.reason,
        },
        "at": now,
    }
    return line, event
