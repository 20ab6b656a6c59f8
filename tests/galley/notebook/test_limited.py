from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psutil
import pytest
from galley.domain.split import SplitLayout, TaskLayout
from galley.errors import InvalidInput
from galley.notebook import limited_process
from galley.notebook.analysis import analyse
from galley.notebook.limited import analyse_limited
from galley.notebook.limited_process import ReadingLimits

from .builders import INSTALLED, code, markdown, notebook


def test_it_is_the_same_analysis() -> None:
    made = notebook(code("n = 1", "parameters"), "import helpers, torch\nprint(m)")
    modules = {"helpers.py": "import numpy"}
    limited = analyse_limited(made, modules, installed=INSTALLED, task="t")
    assert limited == analyse(made, modules, INSTALLED, task="t")
    assert limited.missing_modules == ("torch",)


def test_this_environment_is_the_default() -> None:
    assert analyse_limited(notebook("import pandas"), {}).requirements[0].name == "pandas"


@pytest.mark.parametrize(
    "bomb",
    [
        "x = " + "-" * 200_000 + "1",
        "x = " + "[" * 50_000,
        "x = " + "a." * 100_000 + "a",
        "x = " + "1 + " * 100_000 + "1",
        "f'" + "{" * 50_000,
    ],
)
def test_bombs_are_refused_one_way_or_the_other(bomb: str) -> None:
    assert outcome(bomb) in {"syntax-error", "this notebook cannot be analysed"}


def outcome(bomb: str) -> str:
    """Return how it ends; which of the two ways depends on the version of Python."""
    try:
        analysis = analyse_limited(notebook(bomb), {}, installed=INSTALLED)
    except InvalidInput as error:
        return error.detail.partition(":")[0]
    return ", ".join(check.code for check in analysis.errors)


def test_a_bomb_in_a_module_dies_alone() -> None:
    with pytest.raises(InvalidInput, match="nested too deeply or takes too much memory"):
        analyse_limited(
            notebook("import helpers"),
            {"helpers.py": "x = " + "-" * 200_000 + "1"},
            installed=INSTALLED,
        )


def test_time_is_limited() -> None:
    with pytest.raises(InvalidInput, match=r"longer than 0\.01 s"):
        analyse_limited(
            notebook(*["x = [1, 2]"] * 5000),
            {},
            installed=INSTALLED,
            limits=ReadingLimits(timeout_s=0.01),
        )


def test_what_took_too_long_is_ended_and_the_next_one_is_answered() -> None:
    endless = notebook(*["x = [1, 2]"] * 150_000)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(
            analyse_limited, endless, {}, installed=INSTALLED, limits=ReadingLimits(timeout_s=2)
        )
        time.sleep(1)
        working = max(forks(), key=lambda one: sum(one.cpu_times()[:2]))
        assert working.is_running()
        assert isinstance(asked.exception(), InvalidInput)
    assert analyse_limited(notebook("x = 1"), {}, installed=INSTALLED).errors == ()
    psutil.wait_procs([working], timeout=5)
    assert not working.is_running()


def test_many_ask_at_the_same_time() -> None:
    def ask(number: int) -> str:
        made = notebook(markdown(f"# Title {number}"), "x = 1")
        return str(analyse_limited(made, {}, installed=INSTALLED).title)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(24))) == [f"Title {number}" for number in range(24)]


def test_when_its_processes_are_killed_others_answer() -> None:
    analyse_limited(notebook("x = 1"), {}, installed=INSTALLED)
    latest = time.monotonic() + 10  # the next fork is made once nobody has to wait for it
    while len(killed := [*parents(), *forks()]) < 2:
        assert time.monotonic() < latest, killed
        time.sleep(0.01)
    for one in killed:
        with suppress(psutil.NoSuchProcess):  # the one that has answered ends by itself
            one.kill()
    psutil.wait_procs(killed, timeout=10)
    assert analyse_limited(notebook("x = 1"), {}, installed=INSTALLED).errors == ()


def test_one_that_ends_idle_just_when_it_is_asked_is_replaced() -> None:
    readers = limited_process._readers("galley.notebook.limited")
    if readers._spare is not None:
        readers._spare.close()
    readers._spare, idle = socket.socketpair()

    def end() -> None:
        with idle:
            idle.recv(1)
            idle.sendall(b'{"status": 0}\n')

    idle.sendall(b'{"pid": 0}\n')
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(end)
        assert analyse_limited(notebook("x = 1"), {}, installed=INSTALLED).errors == ()
        ended.result()


def parents() -> list[psutil.Process]:
    """Return the warm parents of the processes that read."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.Error):  # it has ended meanwhile
            if "galley.notebook.limited" in one.cmdline():
                found.append(one)
    return found


def forks() -> list[psutil.Process]:
    """Return the processes that read, or wait to."""
    return [fork for one in parents() for fork in one.children()]


def test_memory_is_limited() -> None:
    with pytest.raises(InvalidInput, match="too much memory"):
        analyse_limited(
            notebook("x = [" + "'a', " * 1_000_000 + "]"),
            {},
            installed=INSTALLED,
            limits=ReadingLimits(memory=200 * 2**20),
        )


def test_its_refusals_arrive_as_they_are() -> None:
    with pytest.raises(InvalidInput, match="nbformat is 3") as caught:
        analyse_limited({"nbformat": 3}, {}, installed=INSTALLED)
    assert caught.value.field == "notebook"


def test_the_authors_layout_is_read_as_well() -> None:
    made = notebook("x = 1", "y = x + 1", "print(y)")
    layout = SplitLayout(
        tasks=(TaskLayout(name="one", cells=(0, 1)), TaskLayout(name="two", cells=(2,)))
    )
    split = analyse_limited(made, {}, installed=INSTALLED, layout=layout).split
    assert split is not None
    assert split.wished == layout
