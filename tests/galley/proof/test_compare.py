"""What counts as a difference between a split run and the unsplit ones."""

from __future__ import annotations

from galley.domain.proof import Difference, DifferenceKind
from galley.domain.split import NameFact
from galley.domain.versions import CellError
from galley.proof.compare import compare_plain, compare_split, counts
from galley.proof.seen import TaskSeen

from tests.galley.proof.facts import (
    fact,
    ground,
    plain,
    plan,
    printed,
    snapshot,
    split,
    task,
    unknown,
)

PLAN = plan(task("make", 0, saves=["a"]), task("use", 1, loads={"a": "make"}))
FIRST = plain(snapshot(0, {"a": 1}), snapshot(1, {"a": 1, "b": 2}))
GOOD = {"make": snapshot(0, {"a": 1}), "use": snapshot(1, {"a": 1, "b": 2})}


def said(found: tuple[Difference, ...]) -> list[str]:
    return [one.message for one in found]


def test_equal_runs_do_not_differ() -> None:
    assert compare_split(PLAN, ground(FIRST), split(GOOD)) == ()
    assert counts(FIRST) == (2, 0, 0)


def test_a_value_that_differs_is_named_with_its_task_and_both_forms() -> None:
    wrong = split({**GOOD, "use": snapshot(1, {"a": 1, "b": 3})})
    (found,) = compare_split(PLAN, ground(FIRST), wrong)
    assert (found.kind, found.what, found.task, found.cell) == (
        DifferenceKind.VARIABLE,
        "b",
        "use",
        1,
    )
    assert found.message == "`b` after task `use` differs: int of the same form with other values"
    assert not found.unstable
    other = split({**GOOD, "use": snapshot(1, {"a": 1, "b": 2.0})})
    (found,) = compare_split(PLAN, ground(FIRST), other)
    assert found.message == "`b` after task `use` differs: float float against int int unsplit"


def test_the_shapes_of_frames_are_said() -> None:
    frames = [
        fact("x", form=one).model_copy(update={"summary": one, "digest": one}) for one in "pq"
    ]
    first = plain(snapshot(0, {"a": frames[0]}))
    wrong = split({"make": snapshot(0, {"a": frames[1]})})
    (found,) = compare_split(plan(task("make", 0)), ground(first), wrong)
    assert found.message == "`a` after task `make` differs: q against p unsplit"


def test_a_variable_that_no_task_has_at_the_end_is_missing_unless_it_was_hoisted() -> None:
    wrong = split({**GOOD, "use": snapshot(1, {"a": 1})})
    assert said(compare_split(PLAN, ground(FIRST), wrong)) == [
        "`b` is there at the end of the unsplit run and in no task"
    ]
    assert compare_split(PLAN, ground(FIRST, None, "b"), wrong) == ()


def test_the_last_task_that_has_a_variable_must_have_its_final_value() -> None:
    first = plain(snapshot(0, {"a": 1}), snapshot(1, {"a": 5, "b": 2}))
    stale = split({"make": snapshot(0, {"a": 1}), "use": snapshot(1, {"b": 2})})
    (found,) = compare_split(PLAN, ground(first), stale)
    assert found.what == "a"
    assert "at the end, which task `make` has last, differs" in found.message


def test_a_variable_too_many_differs_but_for_the_helper() -> None:
    helper = NameFact(type="module", digest="handover2")
    more = split({**GOOD, "use": snapshot(1, {"a": 1, "b": 2, "c": 3, "handover2": helper})})
    assert said(compare_split(PLAN, ground(FIRST), more)) == [
        "`c` after task `use` is there and was not in the unsplit run"
    ]


def test_what_cannot_be_compared_is_not_equal() -> None:
    stream = unknown("TextIOWrapper", "an open file")
    first = plain(snapshot(0, {"a": stream}))
    (found,) = compare_split(
        plan(task("make", 0)), ground(first, first), split({"make": snapshot(0, {"a": stream})})
    )
    assert not found.unstable
    assert found.message == (
        "`a` after task `make` cannot be compared (TextIOWrapper): an open file"
    )


def test_a_figure_is_compared_by_its_picture() -> None:
    figure = unknown(
        "matplotlib.figure.Figure", "part of a figure: its picture is compared instead"
    )
    first = plain(snapshot(0, {"a": figure}))
    ours = split({"make": snapshot(0, {"a": figure})})
    assert compare_split(plan(task("make", 0)), ground(first), ours) == ()
    held = figure.model_copy(update={"type": "dict"})
    first = plain(snapshot(0, {"a": held}))
    ours = split({"make": snapshot(0, {"a": held})})
    assert len(compare_split(plan(task("make", 0)), ground(first), ours)) == 1


def test_what_two_plain_runs_do_not_agree_on_is_unstable_while_its_form_is_kept() -> None:
    again = plain(snapshot(0, {"a": 7}), snapshot(1, {"a": 7, "b": 2}))
    drawn = split({"make": snapshot(0, {"a": 8}), "use": snapshot(1, {"a": 8, "b": 2})})
    found = compare_split(PLAN, ground(FIRST, again), drawn)
    assert {(one.what, one.unstable) for one in found} == {("a", True)}
    other = split({"make": snapshot(0, {"a": "x"}), "use": snapshot(1, {"a": 8, "b": 2})})
    (wrong,) = [one for one in compare_split(PLAN, ground(FIRST, again), other) if not one.unstable]
    assert (wrong.what, wrong.task) == ("a", "make")


def test_a_stable_name_counts_beside_an_unstable_one() -> None:
    again = plain(snapshot(0, {"a": 7}), snapshot(1, {"a": 7, "b": 2}))
    wrong = split({"make": snapshot(0, {"a": 8}), "use": snapshot(1, {"a": 8, "b": 3})})
    counting = [one for one in compare_split(PLAN, ground(FIRST, again), wrong) if not one.unstable]
    assert [one.what for one in counting] == ["b"]


def test_shared_objects_stay_shared() -> None:
    first = plain(snapshot(0, {"a": 1, "b": 1}, aliases=(("a", "b"),)))
    apart = split({"make": snapshot(0, {"a": 1, "b": 1})})
    one = plan(task("make", 0))
    assert said(compare_split(one, ground(first), apart)) == [
        "`a` and `b` after task `make` do not share objects, other than unsplit"
    ]
    joined = split({"make": snapshot(0, {"a": 1, "b": 1}, aliases=(("a", "b", "handover"),))})
    assert compare_split(one, ground(first), joined) == ()


def test_a_state_that_a_task_takes_over_must_be_the_same() -> None:
    one = plan(task("make", 0, states=("random",)))
    first = plain(snapshot(0, {}, states={"random": "s1", "torch": "t1"}))
    same = split({"make": snapshot(0, {}, states={"random": "s1", "torch": "t2"})})
    other = split({"make": snapshot(0, {}, states={"random": "s2"})})
    assert compare_split(one, ground(first), same) == ()
    assert said(compare_split(one, ground(first), other)) == [
        "the state of `random` after task `make` differs"
    ]
    again = plain(snapshot(0, {}, states={"random": "s3"}))
    assert [d.unstable for d in compare_split(one, ground(first, again), other)] == [True]


def test_outputs_are_compared_cell_by_cell() -> None:
    first = plain(*FIRST.snapshots.values(), outputs={0: printed("1\n")})
    wrong = split({**GOOD, "make": TaskSeen(((0, printed("2\n")),), snapshot(0, {"a": 1}))})
    (found,) = compare_split(PLAN, ground(first), wrong)
    assert (found.kind, found.what, found.task, found.cell) == (
        DifferenceKind.OUTPUT,
        "stdout",
        "make",
        0,
    )
    assert found.message == "cell 1 in task `make`: printed text differs in line 1"
    again = plain(*FIRST.snapshots.values(), outputs={0: printed("3\n")})
    assert [one.unstable for one in compare_split(PLAN, ground(first, again), wrong)] == [True]


def test_a_cell_runs_once_and_in_its_task() -> None:
    none = split({**GOOD, "make": TaskSeen((), snapshot(0, {"a": 1}))})
    twice = split({**GOOD, "make": TaskSeen(((0, ()), (0, ())), snapshot(0, {"a": 1}))})
    other = split({**GOOD, "make": TaskSeen(((0, ()), (1, ())), snapshot(0, {"a": 1}))})
    for run, message in (
        (none, "cell 1 in task `make` does not run"),
        (twice, "cell 1 in task `make` runs 2 times"),
        (other, "cell 2 in task `make` runs and should not"),
    ):
        assert said(compare_split(PLAN, ground(FIRST), run)) == [message]


def test_a_cell_that_puts_out_something_is_in_a_task() -> None:
    first = plain(*FIRST.snapshots.values(), outputs={5: printed("1")})
    assert said(compare_split(PLAN, ground(first), split(GOOD))) == [
        "no task runs cell 6, which puts out something"
    ]


def test_a_task_that_failed_or_did_not_run_is_said() -> None:
    error = CellError(ename="E", evalue="x", message="cannot hand over 'a'")
    failed = split({"make": TaskSeen((), None, error, "save")})
    found = compare_split(PLAN, ground(FIRST), failed)
    assert said(found) == [
        "task `make` failed in its save cell: cannot hand over 'a'",
        "task `use` did not run",
    ]
    assert {one.kind for one in found} == {DifferenceKind.FAILURE}


def test_a_task_of_which_no_snapshot_was_taken_is_not_equal() -> None:
    blind = split({**GOOD, "use": TaskSeen(((1, ()),), None)})
    (found,) = compare_split(PLAN, ground(FIRST), blind)
    assert found.message == "the variables after task `use` could not be read in the split run"
    half = plain(snapshot(0, {"a": 1}), outputs={1: ()})
    (found,) = compare_split(PLAN, ground(half), split(GOOD))
    assert found.message == "the variables after task `use` could not be read in the unsplit run"


def test_a_snapshot_may_be_taken_at_a_hoisted_cell_but_not_in_the_next_task() -> None:
    late = plan(task("make", 0), task("use", 2))
    first = plain(snapshot(1, {"a": 1}), snapshot(2, {"a": 1}), outputs={0: ()})
    run = split({"make": snapshot(0, {"a": 1}), "use": snapshot(2, {"a": 1})})
    assert compare_split(late, ground(first), run) == ()
    first = plain(snapshot(2, {"a": 1}), outputs={0: ()})
    (found,) = compare_split(late, ground(first), run)
    assert "task `make` could not be read in the unsplit run" in found.message


def test_a_task_of_text_only_needs_nothing() -> None:
    text = plan(task("make", 0), task("words", 1))
    first = plain(snapshot(0, {"a": 1}))
    run = split({"make": snapshot(0, {"a": 1}), "words": TaskSeen()})
    assert compare_split(text, ground(first), run) == ()


def test_two_plain_runs_show_what_is_not_deterministic() -> None:
    first = plain(snapshot(0, {"a": 1, "b": 1}), outputs={0: printed("1")}, out="x")
    again = plain(snapshot(0, {"a": 1, "b": 2}), outputs={0: printed("2")}, out="y")
    found = compare_plain(first, again, None)
    assert [(one.kind, one.what) for one in found] == [
        (DifferenceKind.VARIABLE, "b"),
        (DifferenceKind.OUTPUT, "stdout"),
        (DifferenceKind.FILE, "out"),
    ]
    assert all(one.unstable and one.task is None for one in found)
    assert compare_plain(first, first, None) == ()
