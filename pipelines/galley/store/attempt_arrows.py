"""The arrows of an attempt: ``leased → running → ended``; each leaves an audit line.

The live event is that of the run, which moves in the same transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from galley.domain.runs import ATTEMPT_TRANSITIONS, AttemptState, FailureClass
from galley.domain.versions import CellError
from galley.store import audit, tokens
from galley.store.many import insert_all
from galley.store.tables import AttemptRow, Base
from galley.store.transitions import move

_ATTEMPTS = Base.metadata.tables[AttemptRow.__tablename__]


def lease_all(session: Session, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Record new attempts, columns of the table, each leased by its host."""
    insert_all(session, _ATTEMPTS, rows)
    audit.append_all(
        session,
        [
            {
                "tenant": row["tenant"],
                "actor": audit.PLATFORM,
                "action": f"attempt.{row['state']}",
                "subject": f"run/{row['run_id']}/attempts/{row['number']}",
                "detail": {"host": row["host"], "fencing": row["fencing"]},
                "at": now,
            }
            for row in rows
        ],
    )


def start(session: Session, row: AttemptRow, deadline: datetime, now: datetime) -> AttemptRow:
    """Leased → running."""
    moved = move(
        session,
        AttemptRow,
        row.id,
        AttemptState.LEASED,
        AttemptState.RUNNING,
        ATTEMPT_TRANSITIONS,
        running_since=now,
        deadline=deadline,
    )
    _tell(session, moved, {}, now)
    return moved


def end(
    session: Session,
    row: AttemptRow,
    state: AttemptState,
    now: datetime,
    *,
    failure_class: FailureClass | None = None,
    error: CellError | None = None,
    **figures: Any,
) -> AttemptRow:
    """Leased or running → ``state``; its credentials end."""
    moved = move(
        session,
        AttemptRow,
        row.id,
        row.state,
        state,
        ATTEMPT_TRANSITIONS,
        ended_at=now,
        failure_class=failure_class,
        error=None if error is None else error.model_dump(mode="json"),
        **figures,
    )
    tokens.end_attempt(session, row.id, now)
    _tell(session, moved, {"failure_class": failure_class and str(failure_class)}, now)
    return moved


def _tell(session: Session, row: AttemptRow, detail: dict[str, Any], now: datetime) -> None:
    audit.append(
        session,
        tenant=row.tenant,
        actor=audit.PLATFORM,
        action=f"attempt.{row.state}",
        subject=f"run/{row.run_id}/attempts/{row.number}",
        detail=detail,
        now=now,
    )
