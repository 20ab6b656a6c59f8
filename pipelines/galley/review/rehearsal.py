"""What the end of a rehearsal means for its version."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.domain.runs import RunKind, RunState
from galley.domain.tenants import Tenant, Tenants
from galley.domain.versions import Evidence, Version, VersionState
from galley.errors import Conflict
from galley.review.deploy import put_live_unless_older
from galley.review.evidence import evidence_of
from galley.store import audit, runs, version_arrows, versions
from galley.store.tables import AttemptRow, RunRow, VersionRow


def finish_rehearsal(
    session: Session, tenant: Tenant, run_id: UUID, evidence: Evidence, now: datetime
) -> Version:
    """Move the version on by what its rehearsal saw.

    Passed: in review; approved (and live, by the policy) where the tenant asks for no review;
    withdrawn where only a rehearsal was wanted. Not passed: failed.

    Raises:
        NotFound: there is no such run.
        Conflict: it is no rehearsal, or the version is not being rehearsed any more.
    """
    run = runs.require(session, run_id)
    if run.kind is not RunKind.REHEARSAL:
        raise Conflict(f"The run {run_id} is not a rehearsal.")
    version = versions.require(session, run.version_id)
    if not evidence.passed:
        reason = evidence.error.message if evidence.error else run.state_reason
        version_arrows.fail(
            session, version.id, reason or "the rehearsal did not pass", evidence, now
        )
    elif version.rehearse_only:
        version_arrows.close_rehearsed(session, version.id, evidence, now)
    elif version.gates:
        version_arrows.send_to_review(session, version.id, evidence, now)
    else:
        approved = version_arrows.approve_unreviewed(session, version.id, evidence, now)
        if tenant.review.deploy == "on_approval":
            put_live_unless_older(
                session, approved, approved.author, "published without review", now
            )
    return versions.get(session, version.id)


def settle_rehearsals(session: Session, tenants: Tenants, now: datetime) -> list[Version]:
    """Move on every version whose rehearsal has ended; return those that moved.

    It is safe to call at any time: a version that has moved on is left alone.
    """
    ended = session.execute(
        select(VersionRow, RunRow)
        .join(RunRow, RunRow.id == VersionRow.rehearsal_run_id)
        .where(
            VersionRow.tenant.in_(tenants.tenants),
            VersionRow.state == VersionState.REHEARSING,
            RunRow.state.not_in(runs.OPEN_RUNS),
        )
    ).all()
    return [
        _settle(session, tenants.tenants[version.tenant], version, run, now)
        for version, run in ended
    ]


def _settle(
    session: Session, tenant: Tenant, version: VersionRow, run: RunRow, now: datetime
) -> Version:
    if run.state is RunState.CANCELLED:
        version_arrows.withdraw(
            session,
            version.id,
            VersionState.REHEARSING,
            run.cancelled_by or audit.PLATFORM,
            now,
            reason=f"its rehearsal was {run.state_reason or 'cancelled'}",
        )
        return versions.get(session, version.id)
    attempt = _last_attempt(session, run)
    if attempt is None:
        version_arrows.fail(
            session, version.id, run.state_reason or "the rehearsal never started", None, now
        )
        return versions.get(session, version.id)
    accepted = (attempt.rehearsal or {}).get("accepted")
    if accepted is not None and run.state is RunState.SUCCEEDED:
        version_arrows.accept(session, version, **accepted)
    return finish_rehearsal(session, tenant, run.id, evidence_of(run, attempt), now)


def _last_attempt(session: Session, run: RunRow) -> AttemptRow | None:
    return session.scalar(
        select(AttemptRow)
        .where(AttemptRow.run_id == run.id)
        .order_by(AttemptRow.number.desc())
        .limit(1)
    )
