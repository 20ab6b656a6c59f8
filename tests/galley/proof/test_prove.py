"""Whole proofs of splits made by hand: equal, mended, given up."""

from __future__ import annotations

from pathlib import Path

from galley.domain.proof import ProofState
from galley.proof.prove import prove
from galley.proof.runs import run_plain
from galley.proof.stage import Stage

from tests.galley.proof.study import PLAN, STUDY
from tests.galley.proof.world import Handmade, handmade, place


def proved(work: Handmade) -> tuple[object, list[str]]:
    said: list[str] = []
    plan = work.analysis.split
    assert plan is not None
    with place() as here:
        stage = Stage(work.home, work.folder / "unused")
        first = run_plain(
            work.project(None), plan, work.parameters, here, stage, work.folder / "first"
        )
        return prove(work, first, here, say=said.append), said


def test_a_good_split_is_equal(tmp_path: Path) -> None:
    proof, said = proved(handmade(tmp_path, STUDY, PLAN))
    print(said)
    assert proof.state is ProofState.EQUAL, said
