"""Control groups, where they can be written."""

from __future__ import annotations

import os
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


def test_what_killed_processes_have_left_is_swept_and_what_is_in_use_stays() -> None:
    if (new := cgroup.create("new", memory=None, cpu=None)) is None:
        pytest.skip("no control group can be written here")
    left = cgroup.create("left-long-ago", memory=None, cpu=None)
    used = cgroup.create("used", memory=None, cpu=None)
    assert left is not None
    assert used is not None
    with subprocess.Popen(["sleep", "600"]) as process:
        used.add(process.pid)
        for folder in (*left.folders, *used.folders):
            os.utime(folder, (1, 1))
        cgroup.sweep()
        assert not any(folder.exists() for folder in left.folders)
        assert all(folder.exists() for folder in (*new.folders, *used.folders))
        process.kill()
    for group in (new, left, used):
        group.close()
        assert not any(folder.exists() for folder in group.folders)
