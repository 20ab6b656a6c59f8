"""From the last attempt of a rehearsal to the evidence that reviewers see."""

from __future__ import annotations

from galley.domain.runs import RunState
from galley.domain.versions import CellError, Evidence
from galley.store.tables import AttemptRow, RunRow


def evidence_of(run: RunRow, attempt: AttemptRow) -> Evidence:
    """Return what ``attempt``, the last of the ended rehearsal ``run``, saw.

    The duration is the runner's own; of an attempt that was lost, the time until that was noticed.
    """
    started = attempt.running_since or attempt.started_at
    elapsed = ((attempt.ended_at or started) - started).total_seconds()
    return Evidence(
        passed=run.state is RunState.SUCCEEDED,
        started_at=started,
        duration_s=elapsed if attempt.duration_s is None else attempt.duration_s,
        peak_memory=attempt.peak_memory or 0,
        cells=attempt.code_cells or 0,
        parameters=run.parameters,
        metrics=run.metrics,
        error=_error(run, attempt),
        **(attempt.rehearsal or {}).get("evidence", {}),
    )


def _error(run: RunRow, attempt: AttemptRow) -> CellError | None:
    if run.state is RunState.SUCCEEDED:
        return None
    if attempt.error is not None:
        return CellError.model_validate(attempt.error)
    reason = run.state_reason or "the rehearsal did not pass"
    return CellError(ename=str(run.state), evalue=reason, message=reason)
