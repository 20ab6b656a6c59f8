from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from galley.cluster.gpus import Gpus, lay_out
from galley.cluster.resources import Need, Pool, Resources

HOLD = (
    "import sys, pathlib\n"
    "from galley.cluster.gpus import Gpus\n"
    "lent = Gpus(pathlib.Path(sys.argv[1])).take(2, (0, 1, 2))\n"
    "print(lent.numbers, flush=True)\n"
    "sys.stdin.read()"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lay_out(tmp_path / "gpus", 3)
    return tmp_path / "gpus"


def test_each_is_lent_to_one_at_a_time(folder: Path) -> None:
    first = Gpus(folder).take(2, (0, 1, 2))
    assert first is not None
    assert first.numbers == (0, 1)
    assert Gpus(folder).take(2, (0, 1, 2)) is None
    last = Gpus(folder).take(1, (0, 1, 2))
    assert last is not None, "what is too little for one is free for another"
    assert last.numbers == (2,)
    first.close()
    again = Gpus(folder).take(2, (2, 1, 0))
    assert again is not None
    assert again.numbers == (1, 0)


def test_what_a_dead_process_used_is_free(folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"(0, 1)\n"
        with Gpus(folder).some(1) as seen:
            assert seen == (2,)
        holder.kill()
    with Gpus(folder).some(2) as seen:
        assert seen == (0, 1)


def test_what_waits_for_nobody_uses_one_with_others_at_last(folder: Path) -> None:
    with Gpus(folder).some(2) as theirs, Gpus(folder).some(2) as seen:
        assert theirs == (0, 1)
        assert seen == (2, 0)
        with Gpus(folder).some(1) as third:
            assert third == (0,)


@pytest.mark.parametrize("folder", [None, Path("/nowhere")])
def test_without_files_all_are_free(folder: Path | None) -> None:
    with Gpus(folder).some(2) as one, Gpus(folder).some(2) as other:
        assert one == other == (0, 1)
    assert Gpus(folder).take(1, (7,)) is not None


def test_none_is_none(folder: Path) -> None:
    with Gpus(folder).some(0) as seen:
        assert seen == ()


def test_the_pools_of_two_tenants_share_them(folder: Path, tmp_path: Path) -> None:
    total = Resources(cpu=4, memory=1000, gpus=(0, 1, 2))
    ours, theirs = (Pool(tmp_path / name, total, Gpus(folder)) for name in ("ours", "theirs"))
    held = ours.take(Need(cpu=1, memory=1, gpus=2))
    assert held is not None
    assert held.given.gpus == (0, 1)
    assert theirs.take(Need(cpu=1, memory=1, gpus=2)) is None
    assert theirs.take(Need(cpu=1, memory=1)) is not None
    held.close()
    other = theirs.take(Need(cpu=1, memory=1, gpus=3))
    assert other is not None
    assert other.given.gpus == (0, 1, 2)
