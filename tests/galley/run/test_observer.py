"""How an execution ends that is stopped before there is a kernel, which no guard watches."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.domain.runs import FailureClass
from galley.inside import zygote as program
from galley.run.observer import Observer
from galley.run.zygotes import Zygotes

from tests.galley.run.executing import Executed

pytestmark = pytest.mark.integration


@pytest.fixture
def executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Executed:
    """What waits for a zygote that takes ten minutes to start, and is to wait for nothing else."""

    def start(*_: object) -> None:
        pytest.fail("a kernel was started")

    monkeypatch.setattr(Observer, "kernel_started", start)
    monkeypatch.setattr("galley.run.zygote_start.START_S", 5)
    slow = tmp_path / "slow.py"
    slow.write_text("import time\ntime.sleep(600)")
    monkeypatch.setattr(program, "__file__", str(slow))
    return Executed(tmp_path, Zygotes(tmp_path / "zygotes"))


def test_a_cancel_does_not_wait_for_the_kernel_to_come_into_being(executed: Executed) -> None:
    result = executed.run("print(1)", cancelled=lambda: True)
    assert result.cancelled
    assert result.error is not None
    assert result.error.message == "cancelled before the first cell"
    assert result.cell == 0


def test_a_deadline_does_not_wait_for_it_either(executed: Executed) -> None:
    result = executed.run("print(1)", seconds=1)
    assert result.failure_class is FailureClass.TIMEOUT
    assert result.error is not None
    assert result.error.message.startswith("the run reached its time limit of 1 s before the first")
