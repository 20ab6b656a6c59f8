"""What people do with runs: cancel them, or ask for one more attempt."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from galley.domain.model import in_words
from galley.domain.runs import Run, RunKind, RunState
from galley.errors import Conflict
from galley.notebook.parameters import complete
from galley.store import cancelling, run_arrows, run_parameters, runs, series
from galley.store.tables import VersionRow

_RETRIABLE = (RunState.FAILED, RunState.TIMED_OUT)


def cancel(session: Session, run_id: UUID, by: str, now: datetime) -> Run:
    """Cancel a run: at once while it is queued, else by asking its host with the next heartbeat.

    Raises:
        NotFound: there is no such run.
        Conflict: it has ended.
    """
    row = runs.require(session, run_id)
    cancelling.cancel(session, row, by, now)
    return runs.get(session, run_id)


def retry(session: Session, run_id: UUID, by: str, now: datetime) -> Run:
    """Queue a failed or timed out run again, as a new attempt with the same parameters.

    Raises:
        NotFound: there is no such run.
        Conflict: it is in another state, or it is a rehearsal.
        InvalidInput: its parameters are not valid for its version.
    """
    row = runs.require(session, run_id)
    if row.kind is RunKind.REHEARSAL:
        raise Conflict("A rehearsal is not retried: publish the notebook again.")
    if row.kind is RunKind.TRIAL:
        raise Conflict("A trial is not retried: start another one, with your own rights.")
    if row.state not in _RETRIABLE:
        raise Conflict(
            f"The run {run_id} is {in_words(row.state)}: only a failed or timed out run can be "
            "retried.",
            state=str(row.state),
        )
    version = session.get_one(VersionRow, row.version_id)
    row.parameters = complete(run_parameters.schema_of(version), row.parameters)
    session.flush()
    series.tell_successor(session, run_arrows.retry(session, row, by, now), now)
    return runs.get(session, run_id)
