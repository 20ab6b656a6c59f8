"""Real processes, without a kernel: which are found, and what they use."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from galley.run.confine import confine
from galley.run.family import Family
from galley.run.processes import TASK_MARK, enter_task, lives
from galley.sandbox import cgroup

MIB = 2**20

SHARING = (
    "import os, sys, time\n"
    "kept = b'x' * (100 * 2**20)\n"
    "for _ in range(3):\n"
    "    if os.fork() == 0:\n"
    "        time.sleep(600)\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)"
)
HOLDING = (
    "import mmap, os, time\n"
    "fd = os.memfd_create('held')\n"
    "for _ in range(100):\n"
    "    os.write(fd, b'x' * 2**20)\n"
    "{then}\n"
    "os.fork()\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)"
)
MAPPING = "kept = mmap.mmap(fd, 60 * 2**20)\nassert sum(kept[::4096])"
READING = "first = fd\nfd = os.open(f'/proc/self/fd/{first}', os.O_RDONLY)\nos.close(first)"
DAEMON = (
    "import os, sys, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    # It is ready when it has its environment; in the middle of an execve it has none.
    "        os.execve('/bin/sh', ['sh', '-c', 'echo ready; kill -STOP $$'], {env})\n"
    "    os._exit(0)\n"
    "os.wait()\n"
    "time.sleep({rest})"
)


class Task:
    """A process that is the first of a task."""

    def __init__(self, code: str) -> None:
        self.mark = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            env={TASK_MARK: self.mark},
            start_new_session=True,
            preexec_fn=enter_task,
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def family(self, baseline: int = 0, *, held: bool = True) -> Family:
        return Family(self.process.pid, self.mark, baseline=baseline, held=held)


@pytest.fixture
def task(request: pytest.FixtureRequest) -> Iterator[Task]:
    made = Task(request.param)
    yield made
    made.family().kill()
    made.process.wait()
    assert made.process.stdout is not None
    made.process.stdout.close()


@pytest.mark.parametrize("task", [SHARING], indirect=True)
def test_what_is_shared_counts_once_and_the_baseline_not_at_all(task: Task) -> None:
    family = task.family()
    assert len(family.members()) == 4
    used = family.memory(limit=2**40)
    assert 100 * MIB <= used < 200 * MIB
    assert task.family(baseline=90 * MIB).memory(limit=2**40) < used - 30 * MIB


@pytest.mark.parametrize(
    ("task", "least", "most"),
    [
        (HOLDING.format(then=""), 100, 150),
        (HOLDING.format(then=MAPPING), 100, 150),  # what is mapped is resident as well
        (HOLDING.format(then=READING), 0, 50),  # as one reads what another task has written
    ],
    indirect=["task"],
)
def test_shared_memory_that_is_open_counts_once(task: Task, least: int, most: int) -> None:
    for limit in (2**40, MIB):  # far away, and reached
        assert least * MIB <= task.family().memory(limit) < most * MIB
    assert task.family(held=False).memory(limit=2**40) < 90 * MIB


@pytest.mark.parametrize(
    "task",
    [
        DAEMON.format(env="{}", rest=600),  # the first process adopts it
        DAEMON.format(env="os.environ", rest=0),  # the first has gone; the mark is left
    ],
    indirect=True,
)
def test_a_daemon_belongs_to_the_task_and_ends_with_it(task: Task) -> None:
    family = task.family()
    found = [one for one in family.members(thorough=True) if one.pid != task.process.pid]
    daemons = [one for one in found if lives(one)]  # who has started it may not be collected yet
    assert len(daemons) == 1
    family.kill()
    assert not lives(daemons[0])


@pytest.mark.parametrize("task", ["print('ready', flush=True); input()"], indirect=True)
def test_the_log_says_what_limits_a_task(
    task: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"memory": 512 * MIB, "cpu": 1.5, "limit": "512.0 MiB"}
    group, said = confine(task.process.pid, task.mark, **limits)  # type: ignore[arg-type]
    assert (group is not None) is ("1.5 CPU and 512.0 MiB of memory, by a control group" in said)
    task.family().kill()
    if group is not None:
        group.close()
    monkeypatch.setattr(cgroup, "ROOT", tmp_path)  # as in a sandbox
    group, said = confine(task.process.pid, task.mark, **limits)  # type: ignore[arg-type]
    assert group is None
    assert said.startswith("limits: 512.0 MiB of memory, by a look every 0.1 s; CPU only by")
