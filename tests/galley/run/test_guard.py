"""The guard of a process that is no kernel, and a control group that is only a file."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from galley.run.family import Family
from galley.run.guard import Guard
from galley.sandbox.cgroup import ControlGroup

MIB = 2**20


class DiskThatIsFull:
    """Takes what a guard sees, and cannot keep it."""

    def __call__(self, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True
    )
    yield process
    process.kill()
    process.wait()


def guard_of(process: subprocess.Popen[bytes], **options: Any) -> Guard:
    return Guard(
        Family(process.pid, None),
        memory=400 * MIB,
        deadline=datetime.now(UTC) + timedelta(hours=1),
        grace_s=1,
        cancelled=lambda: False,
        **options,
    )


def test_who_was_killed_at_the_limit_has_used_all_of_it(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom 0\noom_kill 0\n")
    guard = guard_of(sleeper, group=ControlGroup([], tmp_path))
    guard.measure()
    assert 0 < guard.peak < 400 * MIB
    events.write_text("oom 1\noom_kill 1\n")
    guard.close()
    assert guard.killed_for_memory
    assert guard.peak == 400 * MIB


def test_it_is_known_why_a_look_failed_whoever_looked(sleeper: subprocess.Popen[bytes]) -> None:
    guard = guard_of(sleeper, on_sample=DiskThatIsFull())
    with pytest.raises(OSError, match="No space"):
        guard.measure()
    assert isinstance(guard.failed, OSError)
    guard.close()


def test_who_can_look_no_more_ends_what_it_guards(sleeper: subprocess.Popen[bytes]) -> None:
    guard = guard_of(sleeper, on_sample=DiskThatIsFull())
    guard.start()
    assert sleeper.wait(30) == -signal.SIGKILL
    guard.close()
    assert isinstance(guard.failed, OSError)
