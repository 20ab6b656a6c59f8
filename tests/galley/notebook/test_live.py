"""Hidden state: each finding says which cell and which name."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from galley.domain.live import LiveCell, LiveNamespace, LiveState
from galley.domain.split import NameFact, Snapshot
from galley.domain.versions import Check, Severity
from galley.errors import InvalidInput
from galley.notebook.live import CleanRun, compare

from tests.galley.notebook.builders import code, markdown, notebook

NOTEBOOK = notebook("a = 1", markdown("# Next"), "b = a + 1", "b")


def fact(digest: str | None = "d", form: str = "f", **more: Any) -> NameFact:
    return NameFact(type=more.pop("type", "builtins.int"), digest=digest, form=form, **more)


def live(
    names: dict[str, NameFact],
    *cells: LiveCell,
    document: dict[str, Any] = NOTEBOOK,
    aliases: tuple[tuple[str, ...], ...] = (),
) -> LiveState:
    return LiveState(
        snapshot=LiveNamespace(names=names, aliases=aliases),
        cells=cells or ran(0, 2, 3),
        notebook=document,
    )


def ran(*indexes: int) -> tuple[LiveCell, ...]:
    return tuple(
        LiveCell(index=index, execution_count=count) for count, index in enumerate(indexes, start=1)
    )


def clean(names: dict[str, NameFact], **more: Any) -> CleanRun:
    aliases = more.pop("aliases", ())
    return CleanRun(Snapshot(cell=3, names=names, aliases=aliases), **more)


def only(checks: tuple[Check, ...]) -> Check:
    (one,) = checks
    return one


def test_a_session_that_is_the_clean_run_has_no_findings() -> None:
    names = {"a": fact("1"), "b": fact("2")}
    run = clean(names, aliases=(("a", "b"),), executed=NOTEBOOK)
    assert compare(live(names, aliases=(("b", "a"),)), run) == ()


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (fact("1"), fact("2"), "`b` has other values than in the clean run, in the same form"),
        (
            fact("1", "f", summary="3 rows"),
            fact("2", "g", summary="4 rows"),
            "`b` is 3 rows in your session and 4 rows in the clean run",
        ),
        (
            fact("1", type="builtins.str"),
            fact("2"),
            "`b` is a builtins.str in your session and a builtins.int in the clean run",
        ),
        (fact(None, type="builtins.str"), fact("2"), "`b` is a builtins.str in your session"),
    ],
)
def test_a_value_that_differs_is_told_with_the_cell_that_sets_it(
    here: NameFact, there: NameFact, words: str
) -> None:
    same = {"a": fact("1")}
    check = only(compare(live({**same, "b": here}), clean({**same, "b": there})))
    assert (check.code, check.severity, check.cell) == ("live-differs", Severity.WARNING, 2)
    assert words in check.message
    assert "cell 3 sets it" in check.message


def test_a_value_without_a_canonical_form_is_said_to_be_not_comparable() -> None:
    odd = fact(None, why="a generator has no value to compare")
    check = only(compare(live({"b": odd}), clean({"b": odd})))
    assert (check.code, check.severity, check.cell) == ("live-not-comparable", Severity.INFO, 2)
    assert "a generator has no value to compare" in check.message


def test_a_cell_that_set_a_name_last_in_the_session_is_named() -> None:
    document = notebook("a = 1", "a = 2")
    state = live({"a": fact("1")}, *ran(1, 0), document=document)
    order, value = sorted(compare(state, clean({"a": fact("2")})), key=lambda one: one.code)[::-1]
    assert (order.code, order.cell) == ("live-order", 1)
    assert order.message.startswith("cell 2 last ran before cell 1")
    assert (value.code, value.cell) == ("live-differs", 0)
    assert "cell 1 set it last in your session, cell 2 in the clean run" in value.message


def test_a_name_that_no_cell_defines_exists_only_in_the_session() -> None:
    check = only(compare(live({"tmp": fact()}), clean({})))
    assert check.message == "`tmp` exists only in your session: no cell defines it"
    assert (check.cell, check.severity) == (None, Severity.INFO)


def test_a_name_of_the_session_that_a_cell_uses_is_a_warning_at_that_cell() -> None:
    document = notebook("a = 1", "print(tmp)")
    state = live({"tmp": fact()}, *ran(0, 1), document=document)
    check = only(compare(state, clean({})))
    assert (check.cell, check.severity) == (1, Severity.WARNING)
    assert check.message.endswith("no cell defines it, and cell 2 uses it")


def test_a_name_that_the_clean_run_lost_although_a_cell_can_define_it() -> None:
    document = notebook("if False:\n    a = 1")
    check = only(compare(live({"a": fact()}, *ran(0), document=document), clean({})))
    assert (check.code, check.cell) == ("live-only", 0)
    assert "although cell 1 can define it" in check.message


def test_the_names_of_a_cell_that_was_not_run_are_not_told_one_by_one() -> None:
    state = live({"a": fact()}, *ran(0), LiveCell(index=2), LiveCell(index=3))
    found = compare(state, clean({"a": fact(), "b": fact()}))
    assert [(one.code, one.cell) for one in found] == [
        ("live-not-run", 2),
        ("live-not-run", 3),
    ]


@pytest.mark.parametrize(
    ("cells", "at", "words"),
    [
        ((), 0, "no cell was run in your session; a clean run runs all of them"),
        (ran(0), 1, "cells 2, 3, 4, 5 were not run in your session; a clean run runs them"),
    ],
)
def test_many_cells_that_were_not_run_are_told_at_once(
    cells: tuple[LiveCell, ...], at: int, words: str
) -> None:
    document = notebook(*(f"x{number} = 1" for number in range(5)))
    state = LiveState(snapshot=LiveNamespace(names={}), cells=cells, notebook=document)
    found = only(compare(state, clean({}, executed=document)))
    assert (found.code, found.cell, found.message) == ("live-not-run", at, words)


def test_a_name_only_in_the_clean_run_because_it_was_deleted() -> None:
    check = only(compare(live({"a": fact()}), clean({"a": fact(), "b": fact()})))
    assert "it was deleted after cell 3 defined it" in check.message


def test_an_edited_cell_is_told_and_so_is_what_it_set() -> None:
    cells = (
        *ran(0),
        LiveCell(index=2, execution_count=2, edited=True),
        LiveCell(index=3, execution_count=3),
    )
    state = live({"a": fact(), "b": fact("1")}, *cells)
    edited, value = compare(state, clean({"a": fact(), "b": fact("2")}))
    assert (edited.code, edited.cell) == ("live-edited", 2)
    assert "cell 3 was edited after it ran" in edited.message
    assert "cell 3 sets it, and was edited after it ran" in value.message


def test_what_two_clean_runs_do_not_repeat_is_no_warning() -> None:
    run = clean({"b": fact("2")}, unstable=frozenset({"b"}))
    check = only(compare(live({"b": fact("1")}), run))
    assert check.severity is Severity.INFO
    assert "two clean runs differ in it as well" in check.message


def test_what_follows_from_random_numbers_is_no_warning() -> None:
    run = clean({"a": fact("2"), "b": fact("2")}, drawing=frozenset({0}))
    checks = compare(live({"a": fact("1"), "b": fact("1")}), run)
    assert [check.severity for check in checks] == [Severity.INFO, Severity.INFO]
    assert all("random numbers, which nobody seeds" in check.message for check in checks)
    edited = LiveCell(index=0, execution_count=1, edited=True)
    checks = compare(live({"a": fact("1")}, edited, *ran(0, 2, 3)[1:]), run)
    (value,) = [one for one in checks if one.code == "live-differs"]
    assert value.severity is Severity.WARNING
    later = clean({"a": fact("2")}, drawing=frozenset({3}))
    assert only(compare(live({"a": fact("1")}), later)).severity is Severity.WARNING


def test_a_parameter_of_the_rehearsal_is_told_as_the_cause() -> None:
    run = clean({"a": fact("2")}, parameters={"a": 20})
    check = only(compare(live({"a": fact("1")}), run))
    assert (check.code, check.severity) == ("live-parameter", Severity.INFO)
    assert "the clean run gave 20" in check.message


def test_names_that_share_an_object_only_in_the_session() -> None:
    names = {"a": fact(), "b": fact()}
    check = only(compare(live(names, aliases=(("a", "b"),)), clean(names)))
    assert (check.code, check.cell) == ("live-alias", 2)
    assert "`a` and `b` share an object in your session and not in the clean run" in check.message
    check = only(compare(live(names), clean(names, aliases=(("a", "b"),))))
    assert "share an object in the clean run and not in your session" in check.message


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def executed(text: str, *, source: str = "print(1)") -> dict[str, Any]:
    own = code(source, outputs=[stream(text)])
    own["metadata"] = {"galley": {"cell": 0}}
    return notebook(code("import handover"), own)


def test_an_output_that_differs_is_told_at_its_cell() -> None:
    document = notebook(code("print(1)", outputs=[stream("1\n")]))
    state = live({}, *ran(0), document=document)
    assert compare(state, CleanRun(None, executed("1\n"))) == ()
    check = only(compare(state, CleanRun(None, executed("2\n"))))
    assert (check.code, check.severity, check.cell) == ("live-output", Severity.WARNING, 0)
    assert check.message.startswith("cell 1 shows something else than in the clean run")
    run = CleanRun(None, executed("2\n"), unstable_cells=frozenset({0}))
    assert only(compare(state, run)).severity is Severity.INFO
    run = CleanRun(None, executed("2\n"), drawing=frozenset({0}))
    assert only(compare(state, run)).severity is Severity.INFO


def test_a_cell_that_the_clean_run_had_otherwise_is_not_compared() -> None:
    document = notebook(code("print(1)", outputs=[stream("1\n")]))
    state = live({}, *ran(0), document=document)
    check = only(compare(state, CleanRun(None, executed("2\n", source="print(2)"))))
    assert (check.code, check.severity, check.cell) == ("live-changed", Severity.INFO, 0)


def test_without_a_note_cells_are_counted_without_injected_ones() -> None:
    document = notebook(code("print(1)", outputs=[stream("1\n")]))
    run = notebook(code("a = 1", "injected-parameters"), code("print(1)", outputs=[stream("2\n")]))
    check = only(compare(live({}, *ran(0), document=document), CleanRun(None, run)))
    assert (check.code, check.cell) == ("live-output", 0)


def test_something_that_is_no_notebook_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nbformat"):
        compare(live({}, document={"cells": []}), CleanRun(None))


def test_what_may_follow_from_other_parameters_is_no_warning() -> None:
    """A rehearsal with cheaper values shows other results; the session is not to blame."""
    document = notebook(
        code("n = 300\nq = 5", "parameters"),
        code("total = sum(range(n))\nprint(total)"),
        code("twice = 2 * q\nprint(twice)"),
    )

    def printing(*texts: str) -> dict[str, Any]:
        made = copy.deepcopy(document)
        for cell, text in zip(made["cells"][1:], texts, strict=True):
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]
        return made

    here = {"total": fact("1"), "twice": fact("1")}
    there = {"total": fact("2"), "twice": fact("2")}
    state = live(here, *ran(0, 1, 2), document=printing("44850\n", "10\n"))
    for given, severity in (({"n": 30}, Severity.INFO), ({"n": 300}, Severity.WARNING)):
        run = clean(there, executed=printing("435\n", "12\n"), parameters={**given, "q": 5})
        found = compare(state, run)
        assert [(one.code, one.cell, one.severity) for one in found] == [
            ("live-differs", 1, severity),
            ("live-output", 1, severity),
            ("live-differs", 2, Severity.WARNING),
            ("live-output", 2, Severity.WARNING),
        ]
        assert all("`n` = 30" in one.message for one in found if one.severity is Severity.INFO)
