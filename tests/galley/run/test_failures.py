from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import nbformat
import pytest
from galley.domain.runs import FailureClass
from galley.domain.versions import CellError
from galley.inside.birth import NOT_BEGUN
from galley.run import failures
from galley.run.guard import Stop
from galley.run.outputs import MAX_NAME

GIB = 2**30
GIVEN = failures.Given(memory=8 * GIB, profile="cpu-small", next_profile=None, timeout_s=90)


def died(
    returncode: int | None, *, last: int = 0, detail: str = "", cells: list[Any] | None = None
) -> Any:
    return failures.died(
        returncode,
        task="fit",
        cell=13,
        last=last,
        given=GIVEN,
        detail=detail,
        cells=cells,
    )


@pytest.mark.parametrize(
    ("next_profile", "says"),
    [
        ("cpu-large", "out of memory in cell 14: 7.9 of 8 GiB; the next profile is cpu-large"),
        (
            None,
            "out of memory in cell 14: 7.9 of 8 GiB; "  # noqa: ISC004
            "profile 'cpu-small' is the largest there is for it: load less at a time",
        ),
    ],
)
def test_out_of_memory_names_cell_use_limit_and_the_next_profile(
    next_profile: str | None, says: str
) -> None:
    failure, error = failures.stopped(
        Stop.MEMORY,
        task="fit",
        cell=13,
        used=int(7.9 * GIB),
        given=replace(GIVEN, next_profile=next_profile),
    )
    assert failure is FailureClass.OUT_OF_MEMORY
    assert error.message == says


def test_a_deadline_is_a_timeout_and_a_cancellation_has_no_class() -> None:
    facts: dict[str, Any] = {"task": "fit", "cell": 13, "used": 0, "given": GIVEN}
    assert failures.stopped(Stop.DEADLINE, **facts)[0] is FailureClass.TIMEOUT
    assert "90 s" in failures.stopped(Stop.DEADLINE, **facts)[1].message
    failure, error = failures.stopped(Stop.CELL_DEADLINE, cell_limit_s=20, **facts)
    assert failure is FailureClass.TIMEOUT
    assert "the time limit of a cell, 20 s, in cell 14" in error.message
    assert failures.stopped(Stop.CANCELLED, **facts)[0] is None


@pytest.mark.parametrize(
    ("returncode", "last", "failure", "says"),
    [
        (-signal.SIGKILL, 0, FailureClass.INFRASTRUCTURE, "was killed in cell 14"),
        (-signal.SIGKILL, int(7.5 * GIB), FailureClass.OUT_OF_MEMORY, "out of memory in cell 14"),
        (None, 0, FailureClass.INFRASTRUCTURE, "was killed"),
        (-signal.SIGSEGV, 0, FailureClass.USER, "crashed with SIGSEGV in cell 14"),
        (3, 0, FailureClass.USER, "ended itself with exit code 3 in cell 14"),
    ],
)
def test_how_a_kernel_died_decides_whose_failure_it_was(
    returncode: int | None, last: int, failure: FailureClass, says: str
) -> None:
    found, error = died(returncode, last=last)
    assert found is failure
    assert says in error.message


def test_the_last_words_of_a_crash_are_told() -> None:
    assert died(-signal.SIGABRT, detail="corrupted heap")[1].message.endswith("corrupted heap")


def test_the_call_that_ended_the_kernel_is_named_although_a_later_cell_was_running() -> None:
    ended = cells(
        ("exit()", {"galley": {"cell": 3}}),
        ("import time", {"galley": {"cell": 13}}),
        ("quit()", {"galley": {"cell": 14}}),
    )
    message = died(0, cells=ended)[1].message
    assert message.endswith("ended itself with exit code 0 in cell 14: cell 4 calls exit()")
    assert died(0, cells=ended[1:2])[1].message.endswith("exit code 0 in cell 14")


def test_a_notebook_that_kills_its_own_kernel_is_to_blame() -> None:
    ended = cells(("import os\nos.kill(os.getpid(), 9)", {"galley": {"cell": 13}}))
    failure, error = died(-signal.SIGKILL, cells=ended)
    assert failure is FailureClass.USER
    assert error.message.endswith("SIGKILL in cell 14: cell 14 calls os.kill(os.getpid(), 9)")
    other = cells(("import os\nos.kill(worker.pid, 9)", {"galley": {"cell": 13}}))
    failure, error = died(-signal.SIGKILL, cells=other)
    assert failure is FailureClass.INFRASTRUCTURE
    assert error.message.endswith("in cell 14, perhaps by it, it calls os.kill(worker.pid, 9)")
    above = cells(
        ("import os\nos.kill(os.getpid(), 9)", {"galley": {"cell": 3}}),
        ("import time", {"galley": {"cell": 13}}),
    )
    failure, error = died(-signal.SIGKILL, cells=above)
    assert failure is FailureClass.INFRASTRUCTURE
    assert error.message.endswith("in cell 14, for no reason of the notebook's")


def cells(*specs: tuple[str, dict[str, Any]]) -> list[Any]:
    return [nbformat.v4.new_code_cell(source, metadata=meta) for source, meta in specs]


def test_a_cell_maps_back_to_the_published_notebook() -> None:
    executed = cells(
        ("a = 1", {"galley": {"cell": 4}}),
        ("a = 2", {"tags": ["injected-parameters"]}),
        ("b", {"galley": {"cell": 6}}),
    )
    found = [failures.published_cell(executed, index) for index in (0, 1, 2, 9, None)]
    assert found == [4, None, 6, None, None]


def test_without_the_note_injected_cells_are_not_counted() -> None:
    executed = cells(("a = 1", {}), ("a = 2", {"tags": ["injected-parameters"]}), ("b", {}))
    assert [failures.published_cell(executed, index) for index in range(3)] == [0, None, 1]


def test_the_published_notebook_is_rebuilt_in_place() -> None:
    executed = cells(("a", {"galley": {"cell": 2}}), ("x", {"tags": ["injected-parameters"]}))
    notebook = failures.published_notebook(executed)
    assert [cell["source"] for cell in notebook["cells"]] == ["", "", "a"]


def test_no_text_of_an_error_travels_at_any_length() -> None:
    error = CellError(
        ename="E" * 10**5,
        evalue="v" * 10**5,
        message="m" * 10**5,
        traceback=("first", "a" * 10**5, *[""] * 10**5, "last"),
    )
    cut = failures.bounded(error)
    assert cut is not None
    assert len(cut.model_dump_json()) < 10**5 * 3
    assert cut.ename == "E" * MAX_NAME + " …"
    assert (cut.traceback[0], cut.traceback[-1]) == ("… the beginning is cut off", "last")
    assert "first" not in cut.traceback
    fits = CellError(ename="E", evalue="v", message="m", traceback=("a" * 60_000, "last"))
    assert failures.bounded(fits) == fits


@pytest.mark.parametrize(
    ("source", "whose"),
    [
        ("!kill -9 $PPID", FailureClass.USER),
        ("%%bash\nsleep 1\nkill -s KILL ${PPID}", FailureClass.USER),
        ("os.system('kill -KILL $PPID')", FailureClass.USER),
        ("# by hand: kill -9 $PPID", FailureClass.INFRASTRUCTURE),
        ("!pkill -9 chromedriver || true", FailureClass.INFRASTRUCTURE),
        ("!kill -9 $(cat old.pid)", FailureClass.INFRASTRUCTURE),
    ],
)
def test_only_a_shell_that_kills_its_parent_kills_the_kernel(
    source: str, whose: FailureClass
) -> None:
    ended = cells((source, {"galley": {"cell": 13}}))
    assert died(-signal.SIGKILL, cells=ended)[0] is whose


def test_a_fork_that_could_not_begin_is_the_platforms() -> None:
    last = "PermissionError: [Errno 1] mount: Operation not permitted: '/home'"
    said = f"Traceback …\n  File x\n{last}"
    failure, error = died(NOT_BEGUN, detail=said)
    assert failure is FailureClass.INFRASTRUCTURE
    assert error.message == f"the kernel could not begin: {last}"
