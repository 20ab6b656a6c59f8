from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from galley.domain.runs import AttemptState, RunState
from galley.domain.versions import CellError
from galley.review.evidence import evidence_of
from galley.store.tables import AttemptRow, RunRow

LEASED = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
BEGUN = LEASED + timedelta(seconds=2)


def run(state: RunState, **fields: Any) -> RunRow:
    return RunRow(state=state, parameters={"alpha": 0.1}, metrics={"auc": 0.9}, **fields)


def attempt(**fields: Any) -> AttemptRow:
    given = {"state": AttemptState.SUCCEEDED, "started_at": LEASED, "running_since": BEGUN}
    return AttemptRow(**{**given, **fields})


def test_a_passed_rehearsal_has_its_figures() -> None:
    evidence = evidence_of(
        run(RunState.SUCCEEDED), attempt(duration_s=7.5, peak_memory=2**27, code_cells=5)
    )
    assert evidence.passed
    assert (evidence.started_at, evidence.duration_s) == (BEGUN, 7.5)
    assert (evidence.peak_memory, evidence.cells) == (2**27, 5)
    assert evidence.parameters == {"alpha": 0.1}
    assert evidence.metrics == {"auc": 0.9}
    assert evidence.error is None


def test_a_failed_rehearsal_has_the_cells_error() -> None:
    error = CellError(cell=2, ename="NameError", evalue="x", message="cell 3 uses `x`")
    evidence = evidence_of(
        run(RunState.FAILED), attempt(duration_s=1.0, error=error.model_dump(mode="json"))
    )
    assert not evidence.passed
    assert evidence.error == error


@pytest.mark.parametrize("reason", [None, "the host was lost"])
def test_a_lost_rehearsal_says_so_and_lasted_until_it_was_noticed(reason: str | None) -> None:
    lost = attempt(state=AttemptState.LOST, ended_at=BEGUN + timedelta(seconds=30))
    evidence = evidence_of(run(RunState.FAILED, state_reason=reason), lost)
    assert evidence.duration_s == 30
    assert evidence.error is not None
    assert evidence.error.message == (reason or "the rehearsal did not pass")
