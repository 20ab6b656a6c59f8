"""Whole rehearsals with real kernels: the clean run, the proof, and what is reported."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from galley.domain.proof import ProofState
from galley.domain.runs import AttemptState, FailureClass
from galley.domain.versions import Analysis
from galley.domain.work import RehearsalWork, TaskSecrets
from galley.notebook.analysis import analyse
from galley.project.archive import export
from galley.project.build import build_project
from galley.rehearsal.rehearse import Rehearsal
from galley.run import scratch
from galley.run.job import Job
from galley.run.journal import Journal, Report

from tests.galley.notebook.builders import INSTALLED, code, markdown, notebook
from tests.galley.run.jobs import make_job

NOTEBOOK = notebook(
    code("n = 3", "parameters"),
    code("import math"),
    markdown("# Make"),
    code("rows = list(range(n))"),
    markdown("# Square"),
    code("squares = [row**2 for row in rows]\nprint(squares)"),
    markdown("# Root"),
    code("roots = [math.sqrt(row) for row in rows]"),
    markdown("# Join"),
    code("total = sum(squares) + sum(roots)"),
)


def rehearsal(
    tmp_path: Path,
    made: dict[str, Any],
    *,
    budget_s: float = 300,
    parameters: dict[str, Any] | None = None,
    journal: type[Journal] = Journal,
    modules: dict[str, str] | None = None,
) -> Rehearsal:
    sent = modules or {}
    analysis: Analysis = analyse(made, sent, INSTALLED, task="survival")
    files = build_project(made, sent, analysis, slug="survival", tenant="oncology")
    files.pop("requirements.lock")
    export(files, tmp_path / "project")
    job: Job = make_job(
        tmp_path,
        parameters=parameters or analysis.parameters.defaults(),
        rehearsal=RehearsalWork(analysis=analysis, budget_s=budget_s),
    )
    return Rehearsal(job, journal(job.journal), os.environ)


@pytest.fixture(autouse=True)
def back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")


def test_a_clean_run_and_a_proved_split(tmp_path: Path) -> None:
    one = rehearsal(tmp_path, NOTEBOOK, parameters={"n": 5})
    outcome = one.run()

    assert outcome.state is AttemptState.SUCCEEDED
    assert outcome.cells == 6
    assert outcome.rehearsal is not None
    proof, snapshot = outcome.rehearsal.proof, outcome.rehearsal.snapshot
    assert proof is not None
    assert (proof.state, proof.reason) == (ProofState.EQUAL, None)
    assert proof.plan is not None
    upstream = {task.name: task.upstream for task in proof.plan.tasks}
    assert upstream["square"] == upstream["root"] == ("make",)
    assert set(upstream["join"]) == {"square", "root"}
    assert [one.equal for one in proof.tries] == [True]
    assert len(proof.plain_s) == 1
    assert proof.kernels == ("forked",)
    assert snapshot is not None
    assert snapshot.names["rows"].type == "list"
    assert snapshot.names["total"].digest is not None
    assert sorted(path.name for path in one.job.notebooks.iterdir()) == ["survival.ipynb"]


def test_files_that_the_notebook_runs_are_there_for_all_tasks(tmp_path: Path) -> None:
    setup = json.dumps(notebook("FACTOR = 2", "def scale(x):\n    return x * FACTOR"))
    book = notebook(
        markdown("# Make"),
        "%run setup.ipynb\nrows = [scale(3)]",
        "open('late.py', 'wb').write(b'\\xff')",
        markdown("# Sum"),
        "total = scale(sum(rows))\nprint(total)",
    )
    outcome = rehearsal(tmp_path, book, modules={"setup.ipynb": setup}).run()
    assert outcome.state is AttemptState.SUCCEEDED
    assert outcome.rehearsal is not None
    proof = outcome.rehearsal.proof
    assert proof is not None
    assert (proof.state, proof.reason) == (ProofState.EQUAL, None)
    assert proof.plan is not None
    assert [one.source for one in proof.plan.tasks[1].fragments] == ["%run setup.ipynb"]


def test_what_the_first_run_left_in_the_sandboxs_scratch_is_not_there_for_the_split(
    tmp_path: Path,
) -> None:
    """Nothing but a file connects both parts, by calls that nobody sees."""
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "before").touch()
    file = f"__import__('pathlib').Path({str(shared)!r}) / 'a'"
    book = notebook(
        markdown("# Write"),
        f"wrote = getattr({file}, 'write_' + 'text')('7')",
        markdown("# Read"),
        f"read = getattr({file}, 'read_' + 'text')()",
    )
    one = rehearsal(tmp_path, book)
    one.job = one.job.model_copy(update={"own_scratch": (shared,)})
    outcome = one.run()
    assert outcome.state is AttemptState.SUCCEEDED
    assert outcome.rehearsal is not None
    assert outcome.rehearsal.proof is not None
    assert outcome.rehearsal.proof.state is ProofState.UNEQUAL
    assert (shared / "before").exists()


def test_a_scratch_that_cannot_be_measured_ends_the_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_in_the_proof(folder: Path) -> int:
        if (folder / "proof").exists():
            raise OSError(errno.EIO, "Input/output error")
        return 0

    monkeypatch.setattr(scratch, "size_of", broken_in_the_proof)
    monkeypatch.setattr(scratch, "INTERVAL_S", 0.01)
    one = rehearsal(tmp_path, NOTEBOOK)
    outcome = one.run()
    assert outcome.state is AttemptState.SUCCEEDED
    assert outcome.rehearsal is not None
    assert outcome.rehearsal.proof is not None
    assert outcome.rehearsal.proof.state is ProofState.SKIPPED
    log = (one.job.journal / "attempt.log").read_text()
    assert "scratch cannot be measured ([Errno 5] Input/output error); the proof ends" in log


def test_a_notebook_that_fails_is_not_proved(tmp_path: Path) -> None:
    broken = notebook(markdown("# A"), "a = 1", markdown("# B"), "b = a / 0")
    outcome = rehearsal(tmp_path, broken).run()
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    assert outcome.error is not None
    assert outcome.error.cell == 3
    assert outcome.rehearsal is None


def test_without_a_budget_the_missing_proof_is_said(tmp_path: Path) -> None:
    outcome = rehearsal(tmp_path, NOTEBOOK, budget_s=0).run()
    assert outcome.state is AttemptState.SUCCEEDED
    assert outcome.rehearsal is not None
    assert outcome.rehearsal.proof is not None
    assert outcome.rehearsal.proof.state is ProofState.SKIPPED
    assert outcome.rehearsal.proof.plan is None


def test_one_section_needs_no_proof(tmp_path: Path) -> None:
    outcome = rehearsal(tmp_path, notebook(markdown("# All"), "a = 1")).run()
    assert outcome.rehearsal is not None
    assert outcome.rehearsal.proof is not None
    assert outcome.rehearsal.proof.state is ProofState.NOT_NEEDED
    assert outcome.rehearsal.snapshot is not None
    assert list(outcome.rehearsal.snapshot.names) == ["a"]


def test_cancelled_in_the_proof(tmp_path: Path) -> None:
    cancelled = threading.Event()

    class CancellingJournal(Journal):
        def report(self, report: Report) -> None:
            super().report(report)
            if report.phase == "split run" and not cancelled.is_set():
                cancelled.set()
                one.cancel()

    one = rehearsal(tmp_path, NOTEBOOK, journal=CancellingJournal)
    outcome = one.run()
    assert cancelled.is_set()
    assert outcome.state is AttemptState.CANCELLED
    assert outcome.rehearsal is None


def test_a_notebook_that_writes_into_its_own_project_is_proved_as_it_was_published(
    tmp_path: Path,
) -> None:
    writing = "for one in Path('tasks').iterdir():\n    one.write_text('{}')"
    sneaking = "Path('sneaked.py').write_text('total = 7')"
    made = notebook(
        markdown("# Write"),
        f"from pathlib import Path\n{writing}\n{sneaking}\ndel one\na = 1",
        markdown("# Read"),
        "print(a)",
    )
    outcome = rehearsal(tmp_path, made).run()
    assert outcome.rehearsal is not None
    assert outcome.rehearsal.proof is not None
    assert (outcome.rehearsal.proof.state, outcome.rehearsal.proof.reason) == (
        ProofState.EQUAL,
        None,
    )


def test_a_secret_leaves_no_trace_and_is_handed_to_no_task(tmp_path: Path) -> None:
    value = "tr0ub4dor"
    made = notebook(
        markdown("# Connect"),
        code("import galley\npassword = galley.secret('warehouse')\nrows = [1, 2]"),
        markdown("# Use"),
        code("total = sum(rows) + len(password)\nlogin = {'user': 'me', 'password': password}"),
        markdown("# Show"),
        code("print(total, login)"),
    )
    one = rehearsal(tmp_path, made)
    one.job = one.job.model_copy(update={"secrets": TaskSecrets(values={"warehouse": value})})
    outcome = one.run()

    assert (outcome.state, outcome.error) == (AttemptState.SUCCEEDED, None)
    assert outcome.rehearsal is not None
    proof, snapshot = outcome.rehearsal.proof, outcome.rehearsal.snapshot
    assert snapshot is not None
    assert set(snapshot.names) == {"galley", "rows", "total"}, "no digest of what holds a value"
    assert proof is not None
    assert proof.state is ProofState.UNEQUAL
    assert "it holds the value of a secret" in (proof.reason or "")
    found = [
        str(path)
        for path in tmp_path.rglob("*")
        if path.is_file() and value.encode() in path.read_bytes()
    ]
    assert found == []
    log = (one.job.journal / "attempt.log").read_text()
    assert "12 {'user': 'me', 'password': '[secret warehouse]'}" in log
    assert value not in outcome.model_dump_json()
