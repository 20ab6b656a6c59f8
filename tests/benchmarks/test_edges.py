from __future__ import annotations

from scoreboard.edges import Edges, compare

TASKS = {0: "load", 1: "clean", 2: "fit", 3: "fit"}


def judged(
    reads: list[tuple[str, int, list[int], bool, str]],
    carried: list[tuple[str, str, str]],
    given: dict[str, frozenset[str]] | None = None,
    ran: frozenset[int] = frozenset(TASKS),
) -> Edges:
    return compare(reads, carried, tasks=TASKS, given=given or {}, ran=ran)


def test_what_is_read_and_carried_is_a_hit() -> None:
    found = judged([("df", 1, [0], True, "value")], [("df", "load", "clean")])
    assert found == Edges(hit=1, right=1)


def test_a_stale_producer_is_missed_and_needless() -> None:
    found = judged([("df", 2, [0, 1], True, "value")], [("df", "load", "fit")])
    assert found.missed == [("df", "clean", "fit")]
    assert found.needless == [("df", "load", "fit")]


def test_what_is_handed_on_by_a_task_between_arrives_by_a_needless_edge() -> None:
    carried = [("df", "load", "clean"), ("df", "clean", "fit")]
    found = judged([("df", 1, [0], True, "value"), ("df", 2, [0], True, "value")], carried)
    assert (found.hit, found.missed, found.right) == (2, [], 1)
    assert found.needless == [("df", "clean", "fit")]


def test_where_a_change_could_go_unseen_any_of_the_writers_will_do() -> None:
    found = judged([("ax", 2, [0, 1], False, "value")], [("ax", "load", "fit")])
    assert found == Edges(hit=1, right=1)


def test_what_a_task_has_of_its_own_need_not_be_carried() -> None:
    reads = [("np", 2, [0], True, "module"), ("x", 3, [2], True, "value")]
    assert judged(reads, [], {"fit": frozenset({"np"})}) == Edges()


def test_an_edge_into_cells_that_never_ran_is_not_judged() -> None:
    assert judged([], [("df", "load", "fit")], ran=frozenset({0, 1, 2})) == Edges()
    found = judged([], [("df", "load", "fit")])
    assert found.needless == [("df", "load", "fit")]
