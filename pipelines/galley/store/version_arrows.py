"""The arrows of a version, one function each; every one leaves an event and an audit line.

``rehearsing → in_review → approved``, and the ways out: ``failed``, ``rejected``, ``withdrawn``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from galley.domain.events import EventKind
from galley.domain.tenants import Gate
from galley.domain.versions import VERSION_TRANSITIONS, Evidence, VersionState
from galley.store import audit, events
from galley.store.tables import PipelineRow, VersionRow
from galley.store.transitions import move


def send_to_review(
    session: Session, version_id: UUID, evidence: Evidence, now: datetime
) -> VersionRow:
    """Rehearsing → in review: it ran clean."""
    return _move(
        session,
        version_id,
        VersionState.REHEARSING,
        VersionState.IN_REVIEW,
        audit.PLATFORM,
        now,
        evidence=evidence.model_dump(mode="json"),
        progress=None,
    )


def approve_unreviewed(
    session: Session, version_id: UUID, evidence: Evidence, now: datetime
) -> VersionRow:
    """Rehearsing → approved: it ran clean and the tenant asks for no review."""
    return _move(
        session,
        version_id,
        VersionState.REHEARSING,
        VersionState.APPROVED,
        audit.PLATFORM,
        now,
        reason="the tenant's policy asks for no review",
        evidence=evidence.model_dump(mode="json"),
        progress=None,
    )


def fail(
    session: Session, version_id: UUID, reason: str, evidence: Evidence | None, now: datetime
) -> VersionRow:
    """Rehearsing → failed."""
    return _move(
        session,
        version_id,
        VersionState.REHEARSING,
        VersionState.FAILED,
        audit.PLATFORM,
        now,
        reason=reason,
        evidence=None if evidence is None else evidence.model_dump(mode="json"),
        progress=None,
    )


def close_rehearsed(
    session: Session, version_id: UUID, evidence: Evidence, now: datetime
) -> VersionRow:
    """Rehearsing → withdrawn: only a rehearsal was asked for, and it passed."""
    return _move(
        session,
        version_id,
        VersionState.REHEARSING,
        VersionState.WITHDRAWN,
        audit.PLATFORM,
        now,
        reason="rehearsed only",
        evidence=evidence.model_dump(mode="json"),
        progress=None,
    )


def withdraw(
    session: Session,
    version_id: UUID,
    expected: VersionState,
    by: str,
    now: datetime,
    reason: str = "withdrawn by its author",
) -> VersionRow:
    """Rehearsing or in review → withdrawn."""
    return _move(
        session, version_id, expected, VersionState.WITHDRAWN, by, now, reason=reason, progress=None
    )


def approve(session: Session, version_id: UUID, by: str, now: datetime) -> VersionRow:
    """In review → approved: the last open gate was passed."""
    return _move(session, version_id, VersionState.IN_REVIEW, VersionState.APPROVED, by, now)


def reject(session: Session, version_id: UUID, by: str, reason: str, now: datetime) -> VersionRow:
    """In review → rejected."""
    return _move(
        session, version_id, VersionState.IN_REVIEW, VersionState.REJECTED, by, now, reason=reason
    )


def passed_gate(session: Session, row: VersionRow, gate: Gate, by: str, now: datetime) -> None:
    """Not an arrow: one gate was passed, others are open."""
    row.updated_at = now
    session.flush()
    pipeline = session.get_one(PipelineRow, row.pipeline_id)
    _tell(session, row, pipeline, by, f"version.passed_{gate}", now)


def created(session: Session, row: VersionRow, pipeline: PipelineRow, now: datetime) -> None:
    """Tell that a version was published."""
    _tell(session, row, pipeline, row.author, "version.published", now)


def accept(
    session: Session,
    row: VersionRow,
    digest: str,
    project: str,
    tasks: list[dict[str, Any]] | None,
) -> None:
    """Not an arrow: the version has from now on what its rehearsal locked and proved.

    Args:
        tasks: those of the proved split; None where it has one task.

    The arrow that leaves the rehearsal follows in the same transaction and tells the digest.
    """
    row.digest, row.project_blob, row.tasks = digest, project, tasks
    session.flush()


def _move(
    session: Session,
    version_id: UUID,
    expected: VersionState,
    target: VersionState,
    actor: str,
    now: datetime,
    *,
    reason: str | None = None,
    **values: Any,
) -> VersionRow:
    row = move(
        session,
        VersionRow,
        version_id,
        expected,
        target,
        VERSION_TRANSITIONS,
        state_reason=reason,
        updated_at=now,
        **values,
    )
    pipeline = session.get_one(PipelineRow, row.pipeline_id)
    _tell(session, row, pipeline, actor, f"version.{target}", now)
    return row


def _tell(
    session: Session,
    row: VersionRow,
    pipeline: PipelineRow,
    actor: str,
    action: str,
    now: datetime,
) -> None:
    audit.append(
        session,
        tenant=row.tenant,
        actor=actor,
        action=action,
        subject=f"pipeline/{pipeline.slug}/versions/{row.number}",
        detail={"digest": row.digest, "reason": row.state_reason},
        now=now,
    )
    events.append(
        session,
        tenant=row.tenant,
        kind=EventKind.VERSION_CHANGED,
        subject=row.id,
        pipeline=pipeline.slug,
        data={
            "state": str(row.state),
            "number": row.number,
            "author": row.author,
            "reason": row.state_reason,
        },
        now=now,
    )
