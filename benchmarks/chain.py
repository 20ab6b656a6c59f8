"""What a pipeline of many small tasks costs: a chain of notebooks of 10 ms each, and 16 of 1 s.

A: Ploomber's serial executor, which has papermill start a kernel for each; B: our runner on a warm
tenant: its Dask cluster and its zygote are there, as they are after the first run of the day. From
the job to its outcome, the Ploomber project the same in both. Interleaved; prints each pair and the
median ratio A / B; of the chain alone also the CPU of Dask's scheduler. Then 16 independent tasks
of one second of CPU on as many cores as there are, against the ideal (16 seconds divided by them).

Started by root, it goes on in a mount namespace in which no control group can be written, as in the
sandbox of a tenant's host: to move a process into one takes the system 12 ms, once a task.

Prefect and Airflow execute the same notebooks in turn with ours where an interpreter is given that
has one of them, and papermill.

    python benchmarks/chain.py [--steps 40] [--pairs 3] [--without-peer]
        [--prefect PYTHON] [--airflow PYTHON]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import psutil
import yaml
from galley.cluster.address import ClusterAddress
from galley.cluster.local import LocalProvider
from galley.domain.runs import AttemptState, RunKind
from galley.domain.tenants import Profile
from galley.run.dag import load_dag
from galley.run.job import Job
from galley.run.journal import Journal
from galley.run.runner import Runner
from galley.run.zygotes import Zygotes
from galley.sandbox.spec import SCRATCH
from ploomber.executors import Serial

CORES = os.cpu_count() or 1
PEERS = ("prefect", "airflow")
CONFINED = "GALLEY_BENCH_CONFINED"
READ_ONLY = (
    "mount --bind /sys/fs/cgroup /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup"
    ' && exec "$@"'
)
SPIN = "import time\nend = time.process_time() + {s}\nwhile time.process_time() < end:\n    pass"


def project(folder: Path, steps: int, seconds: float, *, chained: bool) -> None:
    """Write a plain Ploomber project of ``steps`` notebooks that spin for ``seconds`` of CPU."""
    (folder / "tasks").mkdir(parents=True)
    entries = []
    for step in range(steps):
        before = [f"step{step - 1}"] if chained and step else None
        head = nbformat.v4.new_code_cell(f"upstream = {before}\nproduct = None")
        head.metadata["tags"] = ["parameters"]
        notebook = nbformat.v4.new_notebook(
            cells=[head, nbformat.v4.new_code_cell(SPIN.format(s=seconds))]
        )
        notebook.metadata["kernelspec"] = {
            "name": "python3",
            "display_name": "Python 3",
            "language": "python",
        }
        source, product = f"tasks/step{step}.ipynb", f"output/step{step}.ipynb"
        (folder / source).write_text(json.dumps(notebook))
        entries.append({"source": source, "name": f"step{step}", "product": product})
    meta = {"extract_upstream": True, "extract_product": False}
    (folder / "pipeline.yaml").write_text(yaml.safe_dump({"meta": meta, "tasks": entries}))


class Warm:
    """A tenant whose cluster and zygotes are there."""

    def __init__(self, folder: Path, cluster: ClusterAddress) -> None:
        self.folder, self.cluster = folder, cluster

    def run(self, project: Path) -> float:
        """Execute the project as a run; return how long it took, seconds."""
        folder = self.folder / "attempts" / uuid.uuid4().hex
        shutil.copytree(project, folder / "project")
        with contextlib.chdir(folder / "project"):
            began = time.perf_counter()
            job = self._job(folder)
            with contextlib.closing(Runner(job, Journal(job.journal), os.environ)) as runner:
                outcome = runner.run()
            took = time.perf_counter() - began
        assert outcome.state is AttemptState.SUCCEEDED, outcome.error
        return took

    def _job(self, folder: Path) -> Job:
        return Job(
            attempt=uuid.uuid4(),
            run=uuid.uuid4(),
            number=1,
            kind=RunKind.PIPELINE,
            tenant="bench",
            pipeline="chain",
            version=1,
            parameters={},
            profile=Profile(display_name="One core", cpu=1, memory=2**29),
            profile_name="one-core",
            started_at=datetime.now(UTC),
            timeout_s=600,
            scratch_limit=2**30,
            project=folder / "project",
            folder=folder,
            cluster=self.cluster,
            zygotes=self.folder / "zygotes",
            # The walls of a host, and the cluster that notebooks would find there.
            private=self.folder,
            own_scratch=(*map(Path, SCRATCH), Path.home()),
            dask_workers=CORES,
        )


@contextlib.contextmanager
def warm(folder: Path) -> Iterator[Warm]:
    """Start the cluster of a tenant, and end all of it."""
    provider = LocalProvider(
        folder / "cluster",
        name="bench",
        workers=CORES,
        memory=2**31,
        idle_s=600,
        preload=("galley.run.dask",),
    )
    Zygotes(folder / "zygotes").own()  # as a host does
    try:
        yield Warm(folder, provider.acquire())
    finally:
        provider.close()
        Zygotes(folder / "zygotes").close()


def as_in_a_sandbox() -> None:
    """Start over where no control group can be written, if it can be written here."""
    if os.geteuid() == 0 and CONFINED not in os.environ:
        command = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", sys.executable, *sys.argv]
        os.execvpe(command[0], command, {**os.environ, CONFINED: "1"})


def serially(project: Path) -> float:
    """Execute the project with Ploomber alone; return how long it took, seconds."""
    with contextlib.chdir(project):
        began = time.perf_counter()
        dag: Any = load_dag(project, {})
        dag.executor = Serial(build_in_subprocess=False)
        dag.build(force=True, show_progress=False)
        return time.perf_counter() - began


def elsewhere(name: str, python: Path, project: Path, steps: int) -> float:
    """Have another tool execute the notebooks; return how long it took, seconds."""
    script = Path(__file__).parent / "peers" / f"{name}_chain.py"
    said = subprocess.run(
        [python, script, project, str(steps)], check=True, stdout=subprocess.PIPE, text=True
    )
    return float(said.stdout.split()[-1])


def cpu_of(module: str) -> float:
    """Return the CPU time of what this process has started as ``python -m module``, seconds."""
    used = 0.0
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if module in process.cmdline():
                times = process.cpu_times()
                used += times.user + times.system
    return used


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--steps", type=int, default=40)
    options.add_argument("--pairs", type=int, default=3)
    options.add_argument("--without-peer", action="store_true")
    for name in PEERS:
        options.add_argument(f"--{name}", type=Path, metavar="PYTHON")
    chosen = options.parse_args()
    as_in_a_sandbox()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project(folder / "chain", chosen.steps, 0.01, chained=True)
        project(folder / "wide", 16, 1.0, chained=False)
        with warm(folder) as tenant:
            tenant.run(folder / "chain")
            if not chosen.without_peer:
                _pairs("Ploomber", lambda: serially(folder / "chain"), tenant, chosen.pairs)
            for name in PEERS:
                if (python := getattr(chosen, name)) is not None:
                    theirs = functools.partial(
                        elsewhere, name, python, folder / "chain", chosen.steps
                    )
                    _pairs(name.title(), theirs, tenant, chosen.pairs)
            before = cpu_of("galley.cluster")
            alone = statistics.median(tenant.run(folder / "chain") for _ in range(chosen.pairs))
            scheduler = (cpu_of("galley.cluster") - before) / chosen.pairs
            print(f"chain of {chosen.steps} alone: median {alone:.2f} s; ", end="")
            print(f"CPU of the cluster's scheduler {scheduler:.2f} s")
            wide = [tenant.run(folder / "wide") for _ in range(chosen.pairs)]
    ideal = 16 / CORES
    times = ", ".join(f"{one:.2f}" for one in wide)
    print(f"16 tasks of 1 s on {CORES} cores: {times} s; ideal {ideal:.2f} s, ", end="")
    print(f"median {statistics.median(wide) / ideal:.2f}x ideal")


def _pairs(name: str, theirs: Callable[[], float], tenant: Warm, pairs: int) -> None:
    """Run the chain there and here in turn."""
    ratios, ours = [], []
    for pair in range(1, pairs + 1):
        there = theirs()
        ours.append(tenant.run(tenant.folder / "chain"))
        ratios.append(there / ours[-1])
        print(f"chain, pair {pair}: {name} {there:.1f} s, galley {ours[-1]:.2f} s", flush=True)
    median, ratio = statistics.median(ours), statistics.median(ratios)
    print(f"chain: galley median {median:.2f} s, median ratio {name} / galley {ratio:.1f}")


if __name__ == "__main__":
    main()
