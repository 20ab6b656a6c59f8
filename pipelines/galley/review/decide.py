"""Decisions: who may pass which gate, and what follows from the last one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.model import in_words
from galley.domain.reviews import DecisionRequest, Verdict
from galley.domain.runs import RunState
from galley.domain.tenants import Tenant
from galley.domain.versions import Version, VersionState
from galley.errors import Conflict, Forbidden, InvalidInput
from galley.review.deploy import put_live_unless_older
from galley.store import cancelling, version_arrows, versions
from galley.store.tables import DecisionRow, RunRow, VersionRow


def decide(
    session: Session,
    tenant: Tenant,
    version_id: UUID,
    request: DecisionRequest,
    reviewer: str,
    now: datetime,
) -> Version:
    """Record a decision; a rejection, or the last approval, moves the version.

    Raises:
        NotFound: there is no such version.
        Forbidden: the reviewer has no say at this gate, is the author, or passed another gate.
        InvalidInput: the version has no such gate.
        Conflict: it is not in review, the gate is decided, or the digest is another one.
    """
    version = versions.require(session, version_id)
    taken = session.scalars(select(DecisionRow).where(DecisionRow.version_id == version.id)).all()
    _check_reviewer(tenant, version, taken, request, reviewer)
    _check_version(version, taken, request)
    session.add(
        DecisionRow(
            version_id=version.id,
            gate=request.gate,
            verdict=request.verdict,
            reviewer=reviewer,
            digest=request.digest,
            comment=request.comment,
            decided_at=now,
        )
    )
    session.flush()
    if request.verdict is Verdict.REJECT:
        reason = request.comment or f"rejected by {reviewer} at gate {request.gate}"
        version_arrows.reject(session, version.id, reviewer, reason, now)
    elif {str(one.gate) for one in taken} | {str(request.gate)} >= set(version.gates):
        approved = version_arrows.approve(session, version.id, reviewer, now)
        if tenant.review.deploy == "on_approval":
            put_live_unless_older(session, approved, reviewer, "approved", now)
    else:
        version_arrows.passed_gate(session, version, request.gate, reviewer, now)
    return versions.get(session, version_id)


def _check_reviewer(
    tenant: Tenant,
    version: VersionRow,
    taken: Sequence[DecisionRow],
    request: DecisionRequest,
    reviewer: str,
) -> None:
    if reviewer == version.author:
        raise Forbidden("You published this version: its author can never decide on it.")
    if request.gate.action not in tenant.actions_of(reviewer):
        raise Forbidden(
            f"{reviewer!r} may not decide at gate {request.gate.value!r} of this tenant."
        )
    if any(one.reviewer == reviewer and one.gate != request.gate for one in taken):
        raise Forbidden(
            "You passed another gate of this version: each gate needs a reviewer of its own."
        )


def _check_version(
    version: VersionRow, taken: Sequence[DecisionRow], request: DecisionRequest
) -> None:
    if version.state is not VersionState.IN_REVIEW:
        raise Conflict(
            f"Version {version.number} is {in_words(version.state)}, not in review: nothing was "
            "decided.",
            state=str(version.state),
        )
    if str(request.gate) not in version.gates:
        raise InvalidInput(
            f"Version {version.number} has no gate {request.gate.value!r}; its gates: "
            f"{', '.join(version.gates)}.",
            field="gate",
        )
    if request.digest != version.digest:
        raise Conflict(
            "The digest is not that of this version: it changed since you opened it. "
            "Reload, look again, and decide then. Nothing was decided.",
            field="digest",
        )
    if any(one.gate == request.gate for one in taken):
        raise Conflict(f"The gate {request.gate.value!r} of this version is decided already.")


def withdraw(session: Session, version_id: UUID, by: str, now: datetime) -> Version:
    """Take a version back; its rehearsal is cancelled.

    Raises:
        NotFound: there is no such version.
        Forbidden: ``by`` is not its author.
        Conflict: it is neither being rehearsed nor in review.
    """
    version = versions.require(session, version_id)
    if by != version.author:
        raise Forbidden(f"Only its author, {version.author!r}, can withdraw this version.")
    if version.state not in {VersionState.REHEARSING, VersionState.IN_REVIEW}:
        raise Conflict(
            f"Version {version.number} is {in_words(version.state)}: only one that is being "
            "rehearsed or in review can be withdrawn.",
            state=str(version.state),
        )
    version_arrows.withdraw(session, version.id, version.state, by, now)
    run = session.get(RunRow, version.rehearsal_run_id) if version.rehearsal_run_id else None
    if run is not None and run.state in {RunState.QUEUED, RunState.LAUNCHING, RunState.RUNNING}:
        cancelling.cancel(session, run, by, now)
    return versions.get(session, version_id)
