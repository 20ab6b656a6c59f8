"""Control groups, where they can be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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
    if (own := cgroup.create("own", memory=None, cpu=None)) is None:
        pytest.skip("no control group can be written here")
    made = "from galley.sandbox.cgroup import create; g = create({!r}, memory=None, cpu=None); "
    told = made + "print(*g.folders, sep='\\n')"
    left, new, used = (
        [Path(one) for one in run_here(told.format(name)).split()]
        for name in ("left", "new", "used")
    )
    with subprocess.Popen(["sleep", "600"]) as process:
        for folder in used:
            (folder / "cgroup.procs").write_text(str(process.pid))
        for folder in (*left, *used, *own.folders):
            os.utime(folder, (1, 1))
        cgroup.sweep()
        assert not any(folder.exists() for folder in left)
        assert all(folder.exists() for folder in (*new, *used, *own.folders))
        process.kill()
    for folder in new:
        folder.rmdir()
    cgroup.ControlGroup(used, used[0]).close()
    own.close()
    assert not any(folder.exists() for folder in (*new, *used, *own.folders))


def run_here(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout
