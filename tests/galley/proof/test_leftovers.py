"""What a run leaves outside of its folder is not there for the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.domain.proof import ProofState
from galley.domain.split import PlannedTask
from galley.proof.leftovers import Leftovers
from galley.proof.prove import prove
from galley.proof.runs import run_plain
from galley.proof.stage import Stage

from tests.galley.notebook.builders import notebook
from tests.galley.proof.facts import plan
from tests.galley.proof.world import handmade, place


def test_what_was_there_and_what_is_ours_stays(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "data").touch()
    (tmp_path / "socket").touch()
    leftovers = Leftovers([tmp_path, tmp_path / "none"])
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "deep").mkdir()
    (tmp_path / "new" / "deep" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    (tmp_path / "galley-task-x").mkdir()
    (tmp_path / "galley-not-ours.csv").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "theirs" / "more").touch()
    leftovers.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["galley-task-x", "socket", "theirs"]
    assert sorted(path.name for path in (tmp_path / "theirs").iterdir()) == ["data", "more"]
    leftovers.remove()


def test_caches_and_settings_in_a_home_folder_stay(tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    leftovers = Leftovers([tmp_path], homes=[tmp_path])
    (tmp_path / ".cache").mkdir()
    (tmp_path / "galley-task-x").mkdir()
    (tmp_path / "model.bin").touch()
    leftovers.remove()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".cache", "datasets"]


@pytest.mark.parametrize(("own", "state"), [(True, ProofState.UNEQUAL), (False, ProofState.EQUAL)])
def test_a_file_handed_on_by_a_call_nobody_saw_is_found_out(
    tmp_path: Path, own: bool, state: ProofState
) -> None:
    """Where the folder cannot be cleared, what the unsplit run left there hides it."""
    shared = tmp_path / "shared"
    shared.mkdir()
    file = f"__import__('pathlib').Path({str(shared)!r}) / 'a'"
    book = notebook(
        f"wrote = getattr({file}, 'write_' + 'text')('7')",
        f"read = getattr({file}, 'read_' + 'text')()",
    )
    split = plan(PlannedTask(name="write", cells=(0,)), PlannedTask(name="read", cells=(1,)))
    whole = plan(PlannedTask(name="all", cells=(0, 1)))
    leftovers = Leftovers([shared] if own else [])
    work = handmade(tmp_path, book, split, smaller=whole, leftovers=leftovers)
    with place() as here:
        stage = Stage(work.home, work.folder / "unused")
        first = run_plain(work.project(None), split, {}, here, stage, work.folder / "first")
        proof = prove(work, first, here, say=lambda _: None, progress=lambda _: None)
    assert proof.state is state


def test_what_a_run_left_running_is_ended_before_its_files_are_taken_away(tmp_path: Path) -> None:
    left: list[bool] = []
    leftovers = Leftovers([tmp_path], end=lambda: left.append((tmp_path / "new").exists()))
    (tmp_path / "new").touch()
    leftovers.remove()
    assert left == [True]
    assert not (tmp_path / "new").exists()
