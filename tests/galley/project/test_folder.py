from __future__ import annotations

from pathlib import Path

import pytest
from galley.errors import InvalidInput
from galley.project.build import HANDOVER
from galley.project.folder import Target

ONE = {"galley.yaml": b"format: 1\ntasks:\n- name: all\n", "tasks/all.ipynb": b"1"}
TWO = {
    "galley.yaml": b"format: 1\ntasks:\n- name: a\n- name: b\n",
    "tasks/a.ipynb": b"a",
    "tasks/b.ipynb": b"b",
    "handover.py": HANDOVER.read_bytes(),
    "proof.json": b"{}",
}


def held(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("exists", [False, True])
def test_a_new_or_an_empty_folder_holds_the_project(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "deep" / "project"
    if exists:
        folder.mkdir(parents=True)
    Target(folder).write(TWO)
    assert held(tmp_path / "deep") == {f"project/{path}": text for path, text in TWO.items()}


def test_an_earlier_project_is_replaced_and_what_ploomber_made_stays(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    Target(folder).write(TWO)
    (folder / "products").mkdir()
    (folder / "products" / "a.ipynb").write_text("built")
    (folder / "handover_notes.md").write_text("mine")
    (folder / "handovers.py").write_text("mine = 1")
    unchanged = (folder / "tasks" / "a.ipynb").stat().st_mtime_ns
    Target(folder).write({**ONE, "tasks/a.ipynb": b"a"})
    assert held(folder) == {
        **ONE,
        "tasks/a.ipynb": b"a",
        "products/a.ipynb": b"built",
        "handover_notes.md": b"mine",
        "handovers.py": b"mine = 1",
    }
    assert (folder / "tasks" / "a.ipynb").stat().st_mtime_ns == unchanged


@pytest.mark.parametrize("name", ["notes.txt", "galley.yaml"])
def test_a_folder_with_something_else_is_refused_unless_forced(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("- mine")
    with pytest.raises(InvalidInput, match="no project that Galley built"):
        Target(tmp_path)
    Target(tmp_path, force=True).write(ONE)
    assert held(tmp_path) == {name: b"- mine", **ONE}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(InvalidInput, match="is a file, not a folder"):
        Target(tmp_path / "out", force=True)


def test_what_cannot_be_written_leaves_nothing_half_written(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        Target(tmp_path / "out").write({**ONE, "tasks/" + "x" * 300: b""})
    assert list(tmp_path.iterdir()) == []
