"""Leases that no host heard of: the service, or the way to it, was gone before it had answered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from galley.dispatch.ending import end_attempt
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.work import LeaseRequest
from galley.store.columns import literally
from galley.store.runs import PERSONAL
from galley.store.tables import AttemptRow, RunRow
from galley.store.tokens import HostIdentity


def take_back(session: Session, host: HostIdentity, request: LeaseRequest, now: datetime) -> None:
    """Queue again what was leased to this host and it does not hold; that counts as no repeat.

    A host asks with one request at a time: of what was leased before, it holds all that it heard
    of. Nothing is taken back where it does not say what it holds, nor what another host has.
    """
    if request.holds is None:
        return
    query = (
        select(AttemptRow, RunRow)
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .where(
            literally(AttemptRow.state, AttemptState.LEASED),
            AttemptRow.tenant == host.tenant,
            AttemptRow.host == request.host,
            AttemptRow.id.not_in(request.holds),
        )
    )
    if host.author is None:
        query = query.where(RunRow.kind.not_in(PERSONAL))
    else:
        query = query.where(RunRow.kind.in_(PERSONAL), RunRow.requested_by == host.author)
    if host.run is not None:
        query = query.where(RunRow.id == host.run)
    for attempt, run in session.execute(query).all():
        end_attempt(
            session,
            attempt,
            run,
            AttemptState.LOST,
            now,
            failure_class=FailureClass.INFRASTRUCTURE,
            reason=f"its worker host {attempt.host!r} did not hear of it",
            heard=False,
        )
