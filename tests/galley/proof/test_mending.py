"""Taking away the boundary that is to blame."""

from __future__ import annotations

from galley.domain.proof import Difference, DifferenceKind
from galley.domain.split import SplitPlan
from galley.proof.mending import mend

from tests.galley.proof.facts import plan, task

CHAIN = plan(
    task("read", 0, 1),
    task("clean", 2, loads={"df": "read"}),
    task("plot", 3, loads={"df": "clean"}),
    task("model", 4, 5, loads={"df": "clean", "x": "read"}),
)


def differs(what: str, where: str | None, **more: object) -> Difference:
    return Difference.model_validate(
        {"kind": DifferenceKind.VARIABLE, "what": what, "task": where, "message": "it", **more}
    )


def groups(split: SplitPlan, *found: Difference, cells: int = 6) -> list[tuple[int, ...]] | None:
    mended = mend(split, found, cells)
    return None if mended is None else [one.cells for one in mended[0].tasks]


def test_a_task_is_put_together_with_the_one_it_loaded_from() -> None:
    assert groups(CHAIN, differs("df", "plot")) == [(0, 1), (2, 3), (4, 5)]


def test_what_lies_between_goes_along() -> None:
    fork = plan(
        task("a", 0),
        task("b", 1, loads={"x": "a"}),
        task("c", 2, loads={"x": "a"}),
        task("d", 3, loads={"z": "b"}),
    )
    assert groups(fork, differs("z", "d"), cells=4) == [(0,), (1, 2, 3)]


def test_a_task_between_that_may_have_changed_it_is_to_blame() -> None:
    stale = plan(
        task("make", 0),
        task("change", 1, loads={"df": "make"}),
        task("use", 2, loads={"df": "make"}),
    )
    assert groups(stale, differs("df", "use"), cells=3) == [(0,), (1, 2)]


def test_a_name_of_its_own_blames_all_that_it_took_over() -> None:
    assert groups(CHAIN, differs("own", "clean")) == [(0, 1, 2), (3,), (4, 5)]
    assert groups(CHAIN, differs("own", "model")) is None


def test_what_differs_further_down_is_taken_to_follow() -> None:
    found = (differs("df", "clean"), differs("df", "plot"), differs("y", "model"))
    assert groups(CHAIN, *found) == [(0, 1, 2), (3,), (4, 5)]


def test_the_first_task_goes_with_the_second() -> None:
    assert groups(CHAIN, differs("df", "read")) == [(0, 1, 2), (3,), (4, 5)]


def test_nobody_to_blame_gives_nothing() -> None:
    assert groups(CHAIN, differs("out.csv", None)) is None
    assert groups(CHAIN, differs("df", "plot", unstable=True)) is None
    assert groups(plan(task("a", 0), task("b", 1)), differs("x", "b"), cells=2) is None


def test_the_reason_is_kept() -> None:
    mended = mend(CHAIN, [differs("df", "plot", cell=3)], 6)
    assert mended is not None
    (merge,) = mended[1]
    assert (merge.tasks, merge.code, merge.cells) == (("clean", "plot"), "unproved", (3,))
    assert merge.reason == "run split, it"


def test_cells_that_are_only_hoisted_stay_in_their_section() -> None:
    sparse = CHAIN.model_copy(
        update={"tasks": (task("read", 1), task("clean", 3), task("plot", 5))}
    )
    split = plan(task("read", 0, 1), task("clean", 2, 3), task("plot", 4, 5, 6))
    wished = sparse.model_copy(update={"wished": split.wished})
    assert groups(wished, differs("x", "clean"), cells=7) == [(0, 1, 2, 3), (4, 5, 6)]
