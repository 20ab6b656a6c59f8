"""The arrows of a backfill, one function each; every one leaves an event and an audit line.

``running ⇄ paused``, and the ends: ``done``, ``failed``, ``cancelled``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from galley.domain.backfills import BACKFILL_TRANSITIONS, BackfillState
from galley.domain.events import EventKind
from galley.store import audit, backfills, events
from galley.store.backfill_tables import BackfillRow
from galley.store.tables import PipelineRow
from galley.store.transitions import move


def started(session: Session, row: BackfillRow, now: datetime) -> None:
    """Tell that a backfill was recorded, with all that was asked for."""
    detail = {
        "start": row.start.isoformat(),
        "end": row.end.isoformat(),
        "cron": row.cron,
        "timezone": row.timezone,
        "only": str(row.only),
        "dates": row.total,
        "parallel": row.parallel,
        "parameters": row.parameters,
    }
    _tell(session, row, row.requested_by, "backfill.started", detail, now)


def pause(session: Session, row: BackfillRow, by: str, now: datetime) -> BackfillRow:
    """Running → paused: no more dates are started."""
    return _move(session, row, BackfillState.PAUSED, by, f"paused by {by}", now)


def resume(session: Session, row: BackfillRow, by: str, now: datetime) -> BackfillRow:
    """Paused → running."""
    return _move(session, row, BackfillState.RUNNING, by, None, now)


def cancel(session: Session, row: BackfillRow, by: str, now: datetime) -> BackfillRow:
    """Running or paused → cancelled."""
    return _move(session, row, BackfillState.CANCELLED, by, f"cancelled by {by}", now, ended_at=now)


def finish(session: Session, row: BackfillRow, now: datetime) -> BackfillRow:
    """Running → done: every date succeeded."""
    return _move(session, row, BackfillState.DONE, audit.PLATFORM, None, now, ended_at=now)


def fail(session: Session, row: BackfillRow, reason: str, now: datetime) -> BackfillRow:
    """Running → failed: it is over and not every date succeeded."""
    return _move(session, row, BackfillState.FAILED, audit.PLATFORM, reason, now, ended_at=now)


def _move(
    session: Session,
    row: BackfillRow,
    target: BackfillState,
    actor: str,
    reason: str | None,
    now: datetime,
    **values: Any,
) -> BackfillRow:
    before = row.state
    moved = move(
        session,
        BackfillRow,
        row.id,
        before,
        target,
        BACKFILL_TRANSITIONS,
        state_reason=reason,
        **values,
    )
    action = "resumed" if target is BackfillState.RUNNING else str(target)
    _tell(session, moved, actor, f"backfill.{action}", {"reason": reason}, now)
    return moved


def _tell(
    session: Session,
    row: BackfillRow,
    actor: str,
    action: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    slug = session.get_one(PipelineRow, row.pipeline_id).slug
    audit.append(
        session,
        tenant=row.tenant,
        actor=actor,
        action=action,
        subject=f"backfill/{row.id}",
        detail={"pipeline": slug, **detail},
        now=now,
    )
    events.append(
        session,
        tenant=row.tenant,
        kind=EventKind.BACKFILL_CHANGED,
        subject=row.id,
        pipeline=slug,
        data={
            "state": str(row.state),
            "reason": row.state_reason,
            "total": row.total,
            **backfills.counts(session, [row.id])[row.id]._asdict(),
        },
        now=now,
    )
