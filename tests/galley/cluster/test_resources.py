from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from galley.cluster.resources import Need, Pool, Resources

TOTAL = Resources(cpu=2, memory=1000, gpus=(3, 5))

HOLD = (
    "import sys, pathlib\n"
    "from galley.cluster.resources import *\n"
    "total = Resources(cpu=2, memory=1000, gpus=(3, 5))\n"
    "part = Pool(pathlib.Path(sys.argv[1]), total).take(Need(cpu=1, memory=900, gpus=1))\n"
    "print(part.given.gpus, flush=True)\n"
    "sys.stdin.read()"
)


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    return Pool(tmp_path / "pool", TOTAL)


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        (Need(cpu=1, memory=500), Need(cpu=1, memory=500), True),
        (Need(cpu=1, memory=501), Need(cpu=1, memory=500), False),
        (Need(cpu=1.5, memory=1), Need(cpu=1, memory=1), False),
        (Need(cpu=0.1, memory=1, gpus=2), Need(cpu=0.1, memory=1, gpus=1), False),
        (Need(cpu=0.1, memory=1, gpus=2), Need(cpu=0.1, memory=1), True),
    ],
)
def test_what_does_not_fit_beside_the_others_waits(
    pool: Pool, first: Need, second: Need, fits: bool
) -> None:
    held = pool.take(first)
    assert held is not None
    assert (pool.take(second) is not None) is fits
    held.close()
    assert pool.take(second) is not None or fits


def test_each_gets_gpus_of_its_own(pool: Pool) -> None:
    parts = [pool.take(Need(cpu=0.5, memory=1, gpus=1)) for _ in range(2)]
    assert [part.given.gpus for part in parts if part] == [(3,), (5,)]


def test_what_a_dead_process_held_is_free(tmp_path: Path, pool: Pool) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "pool")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"(3,)\n"
    assert pool.take(Need(cpu=1, memory=500)) is None
    holder.kill()
    holder.wait()
    part = pool.take(Need(cpu=2, memory=1000, gpus=2))
    assert part is not None
    assert part.given.gpus == (3, 5)
    holder.stdin.close()
    holder.stdout.close()


@pytest.mark.parametrize(
    ("need", "says"),
    [
        (Need(cpu=2, memory=1000, gpus=2), None),
        (Need(cpu=3, memory=1), "it needs 3 CPU cores; the cluster has 2"),
        (Need(cpu=1, memory=2**30), "it needs 1024 MiB of memory; the cluster has 0 MiB"),
        (Need(cpu=1, memory=1, gpus=3), "it needs GPUs: 3; the cluster has 2"),
    ],
)
def test_what_could_never_fit_is_told(need: Need, says: str | None) -> None:
    assert need.missing(TOTAL) == says
