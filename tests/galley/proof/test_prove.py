"""Whole proofs of splits made by hand: equal, mended, given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from galley.domain.proof import Proof, ProofState
from galley.domain.split import Load, PlannedTask, Save, SplitPlan
from galley.proof.prove import AGAIN, SPLIT, SPLIT_AGAIN, prove
from galley.proof.runs import run_plain
from galley.proof.seen import PlainRun
from galley.proof.stage import Stage

from tests.galley.notebook.builders import code, markdown, notebook
from tests.galley.proof import facts
from tests.galley.proof.world import Handmade, handmade, place

BOOK: dict[str, Any] = notebook(
    markdown("# Make"),
    "import time\nrows = [1, 2]",
    markdown("# Change"),
    "rows.append(3)\nopen('a.txt', 'a').write('x')",
    markdown("# Sum"),
    "total = sum(rows)\nprint(total)\nnow = time.time()",
)

MAKE = PlannedTask(name="make", cells=(0, 1), saves=(Save(names=("rows",)),))
CHANGE = PlannedTask(
    name="change",
    cells=(2, 3),
    upstream=("make",),
    loads=(Load(task="make", names=("rows",)),),
    saves=(Save(names=("rows",)),),
)
TIME = facts.fragment(1, 1, "import time", "time")
SUM = PlannedTask(
    name="sum",
    cells=(4, 5),
    upstream=("change",),
    fragments=(TIME,),
    loads=(Load(task="change", names=("rows",)),),
)
GOOD = facts.plan(MAKE, CHANGE, SUM)
STALE = facts.plan(
    MAKE,
    CHANGE,
    SUM.model_copy(update={"upstream": ("make",), "loads": (Load(task="make", names=("rows",)),)}),
)
TOGETHER = facts.plan(
    MAKE,
    PlannedTask(
        name="change",
        cells=(2, 3, 4, 5),
        upstream=("make",),
        fragments=(TIME,),
        loads=(Load(task="make", names=("rows",)),),
    ),
)


def first_run(work: Handmade, here: Any) -> PlainRun:
    plan = work.analysis.split
    assert plan is not None
    stage = Stage(work.home, work.folder / "unused")
    return run_plain(work.project(None), plan, {}, here, stage, work.folder / "first")


def proved(
    work: Handmade, stopping: Callable[[], bool] = lambda: False
) -> tuple[Proof, list[str], list[str]]:
    said: list[str] = []
    phases: list[str] = []
    with place() as here:
        first = first_run(work, here)
        here = replace(here, stopping=stopping)
        return prove(work, first, here, say=said.append, progress=phases.append), said, phases


def test_a_good_split_is_equal_and_what_is_unstable_is_said(tmp_path: Path) -> None:
    work = handmade(tmp_path, BOOK, GOOD)
    proof, said, phases = proved(work)
    assert (proof.state, proof.plan, proof.reason) == (ProofState.EQUAL, GOOD, None), said
    assert [one.what for one in proof.unstable] == ["now"]
    (tried,) = proof.tries
    assert tried.equal
    assert [(one.what, one.task) for one in tried.differences] == [("now", "sum")]
    assert (proof.variables, proof.outputs, proof.files) == (4, 2, 1)
    assert len(proof.plain_s) == 2
    assert phases == [SPLIT, AGAIN]
    # What the first run left is in its place again, with what it wrote.
    assert (work.home / "a.txt").read_text() == "x"
    assert (work.home / "tasks" / "study.ipynb").exists()
    assert not (work.home / "handover.py").exists()


def test_what_equals_the_first_run_in_everything_needs_no_second_one(tmp_path: Path) -> None:
    last = code("total = sum(rows)\nprint(total)\nnow = time.daylight")
    steady = {**BOOK, "cells": [*BOOK["cells"][:-1], last]}
    proof, said, phases = proved(handmade(tmp_path, steady, GOOD))
    assert (proof.state, proof.plan, proof.unstable) == (ProofState.EQUAL, GOOD, ()), said
    assert phases == [SPLIT]
    assert (len(proof.plain_s), [one.differences for one in proof.tries]) == (1, [()])
    assert (proof.variables, proof.outputs, proof.files) == (4, 2, 1)


def test_an_unequal_split_loses_the_boundary_and_keeps_what_is_good(tmp_path: Path) -> None:
    proof, said, phases = proved(handmade(tmp_path, BOOK, STALE, smaller=TOGETHER))
    assert proof.state is ProofState.EQUAL, said
    assert phases == [SPLIT, AGAIN, SPLIT_AGAIN]
    assert len(proof.plain_s) == 2
    first, second = proof.tries
    assert (first.equal, second.equal) == (False, True)
    assert "rows" in {one.what for one in first.differences if one.task == "sum"}
    assert second.reused == ("make",)
    assert proof.plan is not None
    assert proof.plan.tasks == TOGETHER.tasks
    assert proof.plan.wished == STALE.wished
    (merge,) = proof.plan.merges
    assert (merge.tasks, merge.code) == (("change", "sum"), "unproved")


def test_a_split_that_cannot_be_mended_leaves_one_task(tmp_path: Path) -> None:
    proof, _, _ = proved(handmade(tmp_path, BOOK, STALE, smaller=STALE))
    assert (proof.state, proof.plan, len(proof.tries)) == (ProofState.UNEQUAL, None, 2)
    assert proof.reason is not None
    assert "`rows` after task `sum` differs" in proof.reason


def test_what_a_widget_shows_is_compared(tmp_path: Path) -> None:
    """A function that a widget calls fails without a word: its error is an output of the widget."""
    book = notebook(
        markdown("# Make"),
        "from ipywidgets import interactive\nfactor = 2",
        markdown("# Show"),
        "interactive(lambda k: print(k * factor), k=(1, 9))",
        "0",
    )
    make = PlannedTask(name="make", cells=(0, 1), saves=(Save(names=("factor",)),))
    show = PlannedTask(
        name="show",
        cells=(2, 3, 4),
        upstream=("make",),
        fragments=(facts.fragment(1, 1, "from ipywidgets import interactive", "interactive"),),
        loads=(Load(task="make", names=("factor",)),),
    )
    good, said, _ = proved(handmade(tmp_path / "good", book, facts.plan(make, show)))
    assert good.state is ProofState.EQUAL, said
    without = show.model_copy(update={"loads": ()})
    bad = facts.plan(make, without)
    proof, _, _ = proved(handmade(tmp_path / "bad", book, bad, smaller=bad))
    assert proof.state is ProofState.UNEQUAL
    assert "cell 4 in task `show`: output 1" in (proof.reason or "")


def test_what_a_page_says_back_of_an_output_widget_is_no_difference(tmp_path: Path) -> None:
    """Only a later cell hears of it: a task that ends before has not."""
    book = notebook(
        markdown("# Show"),
        "from ipywidgets import Output\nshown = Output()\nshown",
        "with shown:\n    print('four')",
        markdown("# Count"),
        "count = 4",
    )
    show = PlannedTask(name="show", cells=(0, 1, 2))
    plan = facts.plan(show, PlannedTask(name="count", cells=(3, 4)))
    proof, said, _ = proved(handmade(tmp_path, book, plan))
    assert proof.state is ProofState.EQUAL, said


def test_a_split_that_does_not_build_leaves_one_task(tmp_path: Path) -> None:
    def corrupt(files: dict[str, bytes]) -> None:
        files["pipeline.yaml"] = b"tasks: 3"

    proof, _, _ = proved(handmade(tmp_path, BOOK, GOOD, corrupt=corrupt))
    assert proof.state is ProofState.UNEQUAL
    assert proof.reason is not None
    assert proof.reason.startswith("the split project cannot be built")


def test_a_proof_that_is_stopped_is_skipped_and_leaves_all_as_it_was(tmp_path: Path) -> None:
    work = handmade(tmp_path, BOOK, GOOD)
    proof, _, _ = proved(work, stopping=lambda: True)
    assert proof.state is ProofState.SKIPPED
    assert proof.reason == "the proof was stopped before it ended"
    assert (work.home / "a.txt").read_text() == "x"


def test_a_notebook_that_fails_the_second_time_is_not_split(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    book = notebook(
        markdown("# A"),
        f"import pathlib\nmarker = pathlib.Path({str(marker)!r})\nmarker.mkdir()",
        markdown("# B"),
        "b = 1",
    )
    plan = facts.plan(PlannedTask(name="a", cells=(0, 1)), PlannedTask(name="b", cells=(2, 3)))
    proof, _, _ = proved(handmade(tmp_path, book, plan))
    assert proof.state is ProofState.UNEQUAL
    assert proof.reason is not None
    assert "failed when it was run again" in proof.reason
    assert (len(proof.plain_s), len(proof.tries)) == (1, 1)


ONE = SplitPlan(source=GOOD.source, tasks=(MAKE,), reason="there is one section")
RUN = facts.plain(facts.snapshot(1, {"rows": 1}), facts.snapshot(3, {}), facts.snapshot(5, {}))


@pytest.mark.parametrize(
    ("plan", "again", "budget", "state", "reason"),
    [
        (ONE, ONE, None, ProofState.NOT_NEEDED, "there is one section"),
        (GOOD, ONE, None, ProofState.UNEQUAL, "there is one section"),
        (GOOD, GOOD, 0, ProofState.SKIPPED, "no proof was asked for"),
        (
            GOOD,
            GOOD,
            1,
            ProofState.SKIPPED,
            "a proof takes about 2 s, which is more than the 1 s allowed",
        ),
    ],
)
def test_nothing_is_run_where_there_is_nothing_to_prove(
    tmp_path: Path,
    plan: SplitPlan,
    again: SplitPlan,
    budget: float | None,
    state: ProofState,
    reason: str,
) -> None:
    work = handmade(tmp_path, BOOK, plan, budget_s=budget, refined=again)
    with place() as here:
        proof = prove(work, RUN, here)
    assert (proof.state, proof.reason, proof.plan) == (state, reason, None)


def test_what_cannot_be_compared_is_said_before_anything_runs(tmp_path: Path) -> None:
    stream = facts.unknown("generator", "an iterator")
    run = facts.plain(facts.snapshot(1, {"rows": stream}), facts.snapshot(3, {"rows": stream}))
    with place() as here:
        proof = prove(handmade(tmp_path, BOOK, GOOD), run, here)
    assert (proof.state, proof.tries) == (ProofState.UNEQUAL, ())
    assert proof.reason == "`rows` after task `make` cannot be compared (generator): an iterator"


def test_another_try_is_not_made_where_it_would_cost_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("galley.proof.prove.SMALL_S", 0.0)
    monkeypatch.setattr("galley.proof.prove.PLAIN_RUNS", 2)
    proof, _, _ = proved(handmade(tmp_path, BOOK, STALE, smaller=TOGETHER))
    assert (proof.state, len(proof.tries)) == (ProofState.UNEQUAL, 1)
    assert proof.reason is not None
    assert "cost more than 2 unsplit runs" in proof.reason


UNSEEN = notebook(
    markdown("# Write"),
    "getattr(open('table.txt', 'w'), 'write')('1')",
    markdown("# Other"),
    "other = 1\nprint(other)",
    markdown("# Read"),
    "print(open('table.txt').read())",
)


def test_tasks_that_need_each_other_by_a_file_that_nobody_saw_are_not_taken_for_independent(
    tmp_path: Path,
) -> None:
    """In the notebook's own order the one would find what the other wrote."""
    tasks = [
        PlannedTask(name=name, cells=(2 * number, 2 * number + 1))
        for number, name in enumerate(("write", "other", "read"))
    ]
    together = facts.plan(
        tasks[0], PlannedTask(name="other", cells=(2, 3, 4, 5), upstream=("write",))
    )
    work = handmade(tmp_path, UNSEEN, facts.plan(*tasks), smaller=together)
    proof, _, _ = proved(work)
    assert proof.state is ProofState.EQUAL
    first, last = proof.tries
    assert "cell 6 reads table.txt" in first.differences[0].message
    assert first.differences[0].task == "read"
    assert list(last.tasks) == ["write", "other"]
