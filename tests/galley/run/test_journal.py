from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from galley.domain.runs import AttemptState, TaskState
from galley.domain.work import Outcome, TaskReport
from galley.run import journal as module
from galley.run.journal import Journal, Report, read_outcome, read_report

AT = datetime(2026, 11, 21, 3, 4, 5, 678000, tzinfo=UTC)


def test_each_line_has_its_time_and_task(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write("one\ntwo\n", task="fit", at=AT)
    journal.write("odd \ud800 text", at=AT)
    assert (tmp_path / "attempt.log").read_text().splitlines() == [
        "2026-11-21T03:04:05.678Z fit | one",
        "2026-11-21T03:04:05.678Z fit | two",
        "2026-11-21T03:04:05.678Z galley | odd \\ud800 text",
    ]


def test_the_log_is_cut_with_a_line_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LOG", 2**20)
    journal = Journal(tmp_path)
    for _ in range(3):
        journal.write("x" * 2**20, at=AT)
    lines = (tmp_path / "attempt.log").read_text().splitlines()
    assert len(lines) == 2
    assert lines[1].endswith("the log is cut here, at 1 MiB")


def test_report_and_outcome_are_read_back_and_private(tmp_path: Path) -> None:
    assert read_report(tmp_path) is None
    assert read_outcome(tmp_path) is None
    journal = Journal(tmp_path)
    report = Report(tasks=(TaskReport(name="fit", state=TaskState.RUNNING),), mlflow_run_id="m")
    journal.report(report)
    outcome = Outcome(fencing=0, state=AttemptState.SUCCEEDED, duration_s=1)
    journal.end(outcome)
    assert read_report(tmp_path) == journal.reported == report
    assert read_outcome(tmp_path) == outcome
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o600


def shown(folder: Path, phase: str) -> bool:
    """Wait until the report's file says so."""
    latest = time.monotonic() + 20
    while (found := read_report(folder)) is None or found.phase != phase:
        if time.monotonic() > latest:
            return False
        time.sleep(0.01)
    return True


def test_the_latest_report_is_in_its_file_soon(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for phase in map(str, range(50)):
        journal.report(Report(phase=phase))
    assert shown(tmp_path, "49")


def test_a_report_that_could_not_be_written_is_written_later(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    blocking = tmp_path / ".report.json.new"
    blocking.mkdir()
    journal.report(Report(phase="one"))
    with pytest.raises(IsADirectoryError):
        journal.settle()
    blocking.rmdir()
    assert shown(tmp_path, "one")


def test_the_outcome_is_written_where_the_report_cannot_be(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    (tmp_path / ".report.json.new").mkdir()
    journal.report(Report(phase="one"))
    outcome = Outcome(fencing=0, state=AttemptState.SUCCEEDED, duration_s=1)
    journal.end(outcome)
    assert (read_report(tmp_path), read_outcome(tmp_path)) == (None, outcome)
