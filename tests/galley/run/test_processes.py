from __future__ import annotations

import os
import subprocess
import sys

import pytest
from galley.run.processes import kill_all, marked

NOBODY = 65534

HIDE = (
    "import sys, os, ctypes\n"
    "from galley.run.processes import hide_from_own_uid\n"
    "if os.geteuid() == 0: os.setgid({uid}); os.setuid({uid})\n"
    "ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)\n"  # what a plain process is
    "if {hide}: hide_from_own_uid()\n"
    "print('ready', flush=True); sys.stdin.read()"
)
READ = (
    "import sys, os\n"
    "if os.geteuid() == 0: os.setgid({uid}); os.setuid({uid})\n"
    "print(b'TOKEN=secret' in open('/proc/' + sys.argv[1] + '/environ', 'rb').read())"
)


@pytest.mark.parametrize(("hide", "readable"), [(False, True), (True, False)])
def test_a_hidden_process_cannot_be_read_by_its_own_uid(hide: bool, readable: bool) -> None:
    uid = NOBODY if os.geteuid() == 0 else os.geteuid()
    hidden = subprocess.Popen(
        [sys.executable, "-c", HIDE.format(uid=uid, hide=hide)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"TOKEN": "secret"},
    )
    assert hidden.stdout is not None
    assert hidden.stdin is not None
    hidden.stdout.readline()
    reader = subprocess.run(
        [sys.executable, "-c", READ.format(uid=uid), str(hidden.pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    hidden.stdin.close()
    hidden.wait()
    hidden.stdout.close()
    assert (reader.stdout.strip() == "True") is readable


def test_marked_processes_are_found_and_killed() -> None:
    mark = f"test-{os.getpid()}"
    child = subprocess.Popen(["sleep", "600"], env={"MARK": mark}, start_new_session=True)
    assert [process.pid for process in marked("MARK", mark)] == [child.pid]
    kill_all(marked("MARK", mark))
    assert child.wait() == -9
    assert marked("MARK", mark) == []
