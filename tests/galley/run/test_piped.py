"""A forked kernel whose notebook meddles with its connection: its own failure, said at once."""

from __future__ import annotations

import errno
import resource
from pathlib import Path

import pytest
from galley.domain.runs import AttemptState, FailureClass
from papermill.iorw import LocalHandler

from tests.galley.run.test_hostile import job_of, run

pytestmark = pytest.mark.integration

MIB = 2**20
_PIPE = "import struct\npipe = get_ipython().kernel.session.pipe\n"
_A_LOT = "for _ in range(1500):\n    pipe.sendall(b'x' * 2**20)"
_WROTE = "the kernel had to be ended in cell 2: the notebook wrote to the connection of its kernel"
MEDDLES = {
    "text that is no JSON": (f"{_PIPE}pipe.sendall(struct.pack('!QI', 5, 0) + b'hello')", _WROTE),
    "JSON that is no message": (f"{_PIPE}pipe.sendall(struct.pack('!QI', 2, 0) + b'{{}}')", _WROTE),
    "a message without an end": (
        f"{_PIPE}pipe.sendall(struct.pack('!QI', 2**40, 0))\n{_A_LOT}",
        "in cell 2: an output of 1048576 MiB is too large: 512 MiB at most",
    ),
    "parts without an end": (
        f"{_PIPE}pipe.sendall(struct.pack('!QI', 2, 2**31))",
        "in cell 2: an output of 2147483648 parts is too large: 65536 parts at most",
    ),
    "the end of the connection": (
        f"{_PIPE}pipe.shutdown(2)\nimport time\ntime.sleep(600)",
        "in cell 2: the notebook closed the connection of its kernel",
    ),
}


@pytest.mark.parametrize("how", MEDDLES)
def test_who_meddles_fails_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    cell, says = MEDDLES[how]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    outcome = run(job_of(tmp_path / "one", cell, "'after'"), monkeypatch)
    assert outcome.error is not None
    assert says in outcome.error.message
    assert (outcome.state, outcome.failure_class) == (AttemptState.FAILED, FailureClass.USER)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    assert grown < 200 * MIB, "what a notebook sends is not to fill its reader's memory"


def test_an_output_that_nobody_would_take_is_an_error_of_its_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "display({'text/plain': 'x' * (520 * 2**20)}, raw=True)"
    outcome = run(job_of(tmp_path / "one", code, memory=4 * 2**30), monkeypatch)
    assert outcome.error is not None
    assert outcome.error.ename == "TooLarge"
    assert outcome.error.cell == 1


def test_a_notebook_that_cannot_be_written_is_the_platforms_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = LocalHandler.write, []

    def breaking_disk(self: LocalHandler, text: str, path: str) -> None:
        written.append(path)
        if len(written) > 1:  # the first is before the kernel
            raise OSError(errno.EIO, "Input/output error")
        write(self, text, path)

    job = job_of(tmp_path / "one", "1 + 1")
    monkeypatch.setattr(LocalHandler, "write", breaking_disk)
    outcome = run(job, monkeypatch)
    assert outcome.error is not None
    assert "the executed notebook could not be kept: " in outcome.error.message
    assert outcome.failure_class is FailureClass.INFRASTRUCTURE


def test_a_kernel_that_cannot_go_on_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = run(job_of(tmp_path / "one", "import sys\nsys.stdout = None", "1"), monkeypatch)
    assert outcome.error is not None
    assert "it said last: " in outcome.error.message
    assert "_tee" in outcome.error.message
