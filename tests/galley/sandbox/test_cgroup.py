"""Control groups, where they can be written."""

from __future__ import annotations

import subprocess

import pytest
from galley.sandbox import cgroup


def test_a_group_that_a_killed_process_of_the_same_number_left_is_no_obstacle() -> None:
    if cgroup.create("left-behind", memory=2**28, cpu=1) is None:
        pytest.skip("no control group can be written here")
    group = cgroup.create("left-behind", memory=2**28, cpu=1)
    assert group is not None
    with subprocess.Popen(["sleep", "600"]) as process:
        group.add(process.pid)
        process.kill()
    group.close()
    again = cgroup.create("left-behind", memory=None, cpu=None)
    assert again is not None
    again.close()
