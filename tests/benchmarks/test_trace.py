from __future__ import annotations

from pathlib import Path
from typing import Any

from scoreboard import plain


def traced(folder: Path, *sources: str, raises: int | None = None) -> dict[str, Any]:
    cells = [(index, source, index == raises) for index, source in enumerate(sources)]
    return plain.run(cells, folder=folder, trace=True, timeout_s=60)


def reads(answer: dict[str, Any]) -> set[tuple[str, int, tuple[int, ...]]]:
    return {(name, cell, tuple(writers)) for name, cell, writers, _sure, _kind in answer["reads"]}


def test_a_function_reads_its_globals_where_it_is_called(tmp_path: Path) -> None:
    answer = traced(tmp_path, "rate = 2", "def f(x):\n    return x * rate", "y = f(3)")
    assert answer["error"] is None
    assert reads(answer) == {("f", 2, (1,)), ("rate", 2, (0,))}


def test_a_change_in_place_is_found_whatever_made_it(tmp_path: Path) -> None:
    answer = traced(tmp_path, "a = [1]\nb = a", "b.append(2)", "print(a)")
    assert ("a", 2, (0, 1)) in reads(answer)
    assert answer["writer"] == {"a": 1, "b": 1}


def test_a_name_bound_in_the_cell_first_is_not_read_from_before(tmp_path: Path) -> None:
    function = "def g():\n    global x\n    x = 3\ng()"
    answer = traced(tmp_path, "x = 1", "x = 2\ny = x", "x = 4", function)
    assert reads(answer) == set()
    assert answer["writer"]["x"] == 3


def test_magics_and_shell_lines_read_names_and_bind_none(tmp_path: Path) -> None:
    answer = traced(tmp_path, "x, name = 1, 'a'", "%timeit -n1 -r1 x", "!echo {name}", "z = x")
    assert {(name, cell) for name, cell, _writers in reads(answer)} == {
        ("x", 1),
        ("name", 2),
        ("x", 3),
    }
    assert ("x", 3, (0,)) in reads(answer)


def test_a_cell_that_may_raise_is_passed_and_another_ends_the_run(tmp_path: Path) -> None:
    answer = traced(tmp_path, "1 / 0", "x = 1", "boom", "y = 2", raises=0)
    assert answer["error"] == "NameError: name 'boom' is not defined"
    assert [index for index, _error, _seconds in answer["cells"]] == [0, 1, 2]
    assert answer["unreached"] == [3]
    assert set(answer["final"]) == {"x"}


def test_a_value_whose_change_cannot_be_seen_is_not_sure(tmp_path: Path) -> None:
    answer = traced(tmp_path, "g = (i for i in range(9))", "next(g)", "next(g)")
    sure = {(name, cell): (tuple(by), sure) for name, cell, by, sure, _kind in answer["reads"]}
    assert sure == {("g", 1): ((0,), True), ("g", 2): ((0, 1), False)}
