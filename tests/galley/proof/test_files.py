"""Which files a run wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.proof.files import GONE, IGNORED, compare_files, marks, written


def test_new_changed_and_removed_files_are_found(tmp_path: Path) -> None:
    for name in ("kept", "changed", "removed"):
        (tmp_path / name).write_text("1")
    before = marks(tmp_path)
    (tmp_path / "changed").write_text("22")
    (tmp_path / "removed").unlink()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "new").write_text("3")
    found = written(tmp_path, before)
    assert found.keys() == {"changed", "removed", "sub/new"}
    assert found["removed"] == GONE
    assert found["changed"] != found["sub/new"]


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_is_left_out_has_a_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "x").write_text("1")
    (tmp_path / ".report.ipynb.metadata").write_text("{}")
    assert marks(tmp_path) == {}
    assert IGNORED[name]


def test_the_project_itself_is_left_out(tmp_path: Path) -> None:
    for name in ("tasks/a.ipynb", "tasks/a.txt", "env.yaml", "more.yaml", "tasks/b/a.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    assert marks(tmp_path).keys() == {"tasks/a.txt", "more.yaml", "tasks/b/a.ipynb"}


def test_a_link_is_compared_by_where_it_points(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to("/nowhere")
    (tmp_path / "two").symlink_to("/elsewhere")
    found = written(tmp_path, {})
    assert found["one"] != found["two"]


def test_a_file_that_is_missing_added_or_changed_counts() -> None:
    first = {"a.csv": "1", "b.csv": "2", "c.csv": "3"}
    split = {"a.csv": "1", "b.csv": "9", "d.csv": "4"}
    found = compare_files(first, split, first)
    assert [(one.what, one.unstable, one.message) for one in found] == [
        ("b.csv", False, "the file `b.csv` has another content"),
        ("c.csv", False, "the file `c.csv` is not written"),
        ("d.csv", False, "the file `d.csv` is written and was not before"),
    ]


def test_what_two_plain_runs_write_differently_is_unstable() -> None:
    found = compare_files({"a": "1", "b": "1"}, {"a": "3", "b": "3"}, {"a": "2", "b": "1"})
    assert [(one.what, one.unstable) for one in found] == [("a", True), ("b", False)]


def test_a_file_named_after_the_time_is_found_by_the_rest_of_its_name() -> None:
    first, again = {"run-0900.csv": "1", "x": "1"}, {"run-0901.csv": "1", "x": "1"}
    found = compare_files(first, {"run-0902.csv": "1", "x": "1"}, again)
    assert all(one.unstable for one in found)
    missing = compare_files(first, {"x": "1"}, again)
    assert [one.unstable for one in missing] == [False]
    more = compare_files(first, {"run-0902.csv": "1", "run-0903.csv": "1", "x": "1"}, again)
    assert not all(one.unstable for one in more)
