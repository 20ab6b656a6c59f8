"""A child's restarts and its log."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from galley.supervisor import child as children
from galley.supervisor.child import PAUSES_S, STEADY_S, Child, ChildSpec, ChildState, how_it_ended


@pytest.fixture
def child(tmp_path: Path) -> Child:
    argv = [sys.executable, "-c", "print('hello')"]
    spec = ChildSpec("odd", argv, {}, tmp_path, is_ready=lambda: True)
    return Child(spec, tmp_path / "odd.log")


def test_the_pause_grows_up_to_the_last(child: Child) -> None:
    pauses = [child.ended(1, now=0) for _ in range(len(PAUSES_S) + 2)]
    assert pauses == [*PAUSES_S, PAUSES_S[-1], PAUSES_S[-1]]
    assert child.restarts == len(pauses)
    assert (child.state, child.restart_at) == (ChildState.WAITING, PAUSES_S[-1])


def test_after_a_steady_time_it_begins_anew(child: Child) -> None:
    child.ended(1, now=0)
    child.ended(1, now=1)
    child.since = 1
    assert child.ended(1, now=STEADY_S + 2) == PAUSES_S[0]


def test_an_end_that_was_asked_for_needs_no_pause(child: Child) -> None:
    child.ended(1, now=0)
    child.expected = True
    assert child.ended(0, now=1) == 0
    child.expected = False
    assert child.ended(1, now=2) == PAUSES_S[0]


def test_what_it_writes_goes_to_its_log(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    child.log.write_text("an earlier start\n")
    child.start(now=0)
    _wait(child)
    assert child.log.read_text() == "an earlier start\nhello\n"
    assert child.log_tail(1) == "hello"
    monkeypatch.setattr(children, "MAX_LOG", 3)
    child.start(now=1)
    _wait(child)
    assert child.log.read_text() == "hello\n"
    assert child.log.with_name("odd.log.1").read_text().startswith("an earlier")


def _wait(child: Child) -> None:
    assert child.pid is not None
    os.waitpid(child.pid, 0)


def test_how_it_ended() -> None:
    assert how_it_ended(3) == "exit code 3"
    assert how_it_ended(-9) == "killed by SIGKILL"
