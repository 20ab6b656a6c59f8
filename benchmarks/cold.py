"""What the first run of the day waits for: the start of a tenant's Dask cluster.

A: Dask's own ``LocalCluster``, whose workers are processes that each import what executes a
notebook; B: the cluster of a worker host, with as many. Both encrypted. Interleaved; prints each
pair, and the medians of the ratios A / B of time, CPU and memory (PSS) once all workers are there.

    python benchmarks/cold.py [--workers 8] [--pairs 3]
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
from galley.cluster.local import LocalProvider

PRELOAD = "galley.run.dask"
MEMORY = 8 * 2**30
PLAIN = f"""
import sys
import dask
from distributed import LocalCluster
from distributed.security import Security

if __name__ == "__main__":
    dask.config.set({{"distributed.worker.preload": [{PRELOAD!r}]}})
    security = Security.temporary()
    with LocalCluster(
        n_workers=int(sys.argv[1]),
        threads_per_worker=1,
        protocol="tls://",
        security=security,
        dashboard_address=None,
        memory_limit={MEMORY} // int(sys.argv[1]),
    ):
        print("ready", flush=True)
        sys.stdin.read()
"""


class Cost(NamedTuple):
    """Seconds until it is there, seconds of CPU until then, and MiB that it holds."""

    wall: float
    cpu: float
    memory: float


def cost_of(pid: int, began: float) -> Cost:
    """Return what a process and its descendants have cost."""
    wall = time.perf_counter() - began
    root = psutil.Process(pid)
    processes = [root, *root.children(recursive=True)]
    times = [one.cpu_times() for one in processes]
    cpu = sum(one.user + one.system for one in times)
    return Cost(wall, cpu, sum(one.memory_full_info().pss for one in processes) / 2**20)


@contextlib.contextmanager
def plain(folder: Path, workers: int) -> Iterator[int]:
    """Start Dask's own cluster; return the pid of its process."""
    program = folder / "plain.py"
    program.write_text(PLAIN)
    command = [sys.executable, program, str(workers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
        process.stdin.close()


@contextlib.contextmanager
def ours(folder: Path, workers: int) -> Iterator[int]:
    """Start the cluster of a host; return the pid of its process."""
    provider = LocalProvider(
        folder, name="bench", workers=workers, memory=MEMORY, idle_s=600, preload=(PRELOAD,)
    )
    provider.acquire()
    assert provider.pid is not None
    yield provider.pid
    provider.close()


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--workers", type=int, default=8)
    options.add_argument("--pairs", type=int, default=3)
    chosen = options.parse_args()
    ratios = []
    for _ in range(chosen.pairs):
        pair = []
        for start in (plain, ours):
            with tempfile.TemporaryDirectory() as name:
                began = time.perf_counter()
                with start(Path(name), chosen.workers) as pid:
                    pair.append(cost_of(pid, began))
        told = (f"{one.wall:.1f} s, CPU {one.cpu:.1f} s, {one.memory:.0f} MiB" for one in pair)
        sys.stdout.write(f"{chosen.workers} workers: Dask {' | ours '.join(told)}\n")
        ratios.append([a / b for a, b in zip(*pair, strict=True)])
    medians = (statistics.median(one) for one in zip(*ratios, strict=True))
    sys.stdout.write("Dask / ours: time {:.1f}, CPU {:.1f}, memory {:.1f}\n".format(*medians))


if __name__ == "__main__":
    main()
