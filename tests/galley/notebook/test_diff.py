from __future__ import annotations

from typing import Any

from galley.domain.reviews import CellChange
from galley.notebook.diff import diff_modules, diff_notebooks
from hypothesis import given, settings
from hypothesis import strategies as st

from .builders import code, markdown, notebook

SAME, ADDED, REMOVED, CHANGED = (
    CellChange.SAME,
    CellChange.ADDED,
    CellChange.REMOVED,
    CellChange.CHANGED,
)


def rows(
    before: dict[str, Any] | None, after: dict[str, Any]
) -> list[tuple[CellChange, int | None, int | None]]:
    return [
        (row.change, row.before_index, row.after_index) for row in diff_notebooks(before, after)
    ]


def test_everything_is_added_to_nothing() -> None:
    assert rows(None, notebook("a", "b")) == [(ADDED, None, 0), (ADDED, None, 1)]


def test_cells_are_paired_by_id_however_much_they_changed() -> None:
    before = notebook(code("load()", identity="a"), code("train()", identity="b"))
    after = notebook(
        code("load()", identity="a"), code("new", identity="n"), code("x = 1", identity="b")
    )
    assert rows(before, after) == [(SAME, 0, 0), (ADDED, None, 1), (CHANGED, 1, 2)]


def test_cells_without_ids_are_paired_by_source_and_then_by_likeness() -> None:
    before = notebook("import a", "model = Forest(trees=100)\nmodel.fit(x, y)", "print('end')")
    after = notebook("import a", "model = Forest(trees=300)\nmodel.fit(x, y)", "print('end')")
    assert rows(before, after) == [(SAME, 0, 0), (CHANGED, 1, 1), (SAME, 2, 2)]


def test_unlike_cells_are_removed_and_added() -> None:
    assert rows(notebook("import a"), notebook("zzz(qqq) ** 100")) == [
        (REMOVED, 0, None),
        (ADDED, None, 0),
    ]


def test_a_moved_cell_is_removed_and_added() -> None:
    before = notebook(code("a", identity="1"), code("b", identity="2"), code("c", identity="3"))
    after = notebook(code("b", identity="2"), code("c", identity="3"), code("a", identity="1"))
    assert rows(before, after) == [
        (REMOVED, 0, None),
        (SAME, 1, 0),
        (SAME, 2, 1),
        (ADDED, None, 2),
    ]


def test_another_type_is_another_cell() -> None:
    before = notebook(code("text", identity="1"))
    after = notebook(markdown("text", identity="1"))
    assert rows(before, after) == [(REMOVED, 0, None), (ADDED, None, 0)]


def test_ids_that_occur_twice_are_not_believed() -> None:
    before = notebook(code("a = 1", identity="1"), code("b = 2", identity="1"))
    after = notebook(code("b = 2", identity="1"), code("a = 1", identity="1"))
    assert sorted(row[0] for row in rows(before, after)) == [ADDED, REMOVED, SAME]


def test_a_tag_is_a_change() -> None:
    assert rows(notebook("n = 1"), notebook(code("n = 1", "parameters"))) == [(CHANGED, 0, 0)]


def test_outputs_and_counts_are_no_change() -> None:
    after = notebook(code("a", execution_count=3, outputs=[{"output_type": "stream"}]))
    assert rows(notebook("a"), after) == [(SAME, 0, 0)]


sources = st.lists(
    st.sampled_from(["a = 1", "b = 2", "import numpy as np", "plot(a, b)", ""]), max_size=7
)


@given(old=sources, new=sources)
@settings(deadline=None, max_examples=150)
def test_both_notebooks_can_be_read_off_the_diff(old: list[str], new: list[str]) -> None:
    found = diff_notebooks(notebook(*old), notebook(*new))
    assert [row.before for row in found if row.before is not None] == old
    assert [row.after for row in found if row.after is not None] == new
    assert [row.before_index for row in found if row.before_index is not None] == list(
        range(len(old))
    )
    assert [row.after_index for row in found if row.after_index is not None] == list(
        range(len(new))
    )
    for row in found:
        assert (row.change is SAME) == (row.before == row.after)


@given(new=sources)
@settings(deadline=None, max_examples=30)
def test_nothing_changed_is_all_the_same(new: list[str]) -> None:
    made = notebook(*new)
    assert {row.change for row in diff_notebooks(made, made)} <= {SAME}


def test_modules_by_path() -> None:
    found = diff_modules(
        {"a.py": "1", "b.py": "1", "c.py": "1"}, {"a.py": "1", "b.py": "2", "d.py": "1"}
    )
    assert [(row.path, row.change, row.before, row.after) for row in found] == [
        ("b.py", CHANGED, "1", "2"),
        ("c.py", REMOVED, "1", None),
        ("d.py", ADDED, None, "1"),
    ]
    assert {row.cell_type for row in found} == {"module"}
