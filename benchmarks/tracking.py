"""What tracking costs a task while somebody waits for it.

A: MLflow's fluent calls to a server, as a notebook and a runner would make them: a run with tags,
five parameters, ten metrics, the executed notebook as an artifact, the end, the metrics read back.
B: the same through a task's outbox, with the same fluent calls in between; sending it to the same
server comes later, is done by somebody else, and is printed beside it.

The server is MLflow's own on SQLite, on loopback, without our proxy in between: that favours A.
Interleaved; prints the medians and the median of the ratios A / B, and what the platform itself
adds to a task (B without what the notebook logs).
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import mlflow
from galley.domain.runs import TaskState
from galley.inside.outbox import install
from galley.run.task_tracking import TrackedTask
from galley.run.tasks import TaskSpec, TaskTracking
from galley.tracking.client import TrackingClient
from galley.tracking.outbox import Outbox, place_plugin
from galley.tracking.shipper import Shipper

NOTEBOOK = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
EXPERIMENT = "benchmark"
TAGS = {"galley.run_id": "r", "galley.pipeline": "p", "galley.version": "1"}


def milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def notebook() -> None:
    """What the notebook logs."""
    mlflow.log_params({f"p{number}": number for number in range(5)})
    for step in range(10):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)


def fluent(executed: Path) -> None:
    with mlflow.start_run(run_name="fit", tags=TAGS) as run:
        notebook()
        mlflow.log_artifact(str(executed))
    assert mlflow.get_run(run.info.run_id).data.metrics["loss"] == 0.1


class Ours:
    """Tasks with an outbox."""

    def __init__(self, folder: Path, uri: str, executed: Path) -> None:
        self.folder = folder
        self._executed = executed
        place_plugin(folder)
        parent = Outbox.begin(folder, "run", name="run", start_ms=1, tags=TAGS)
        self._tracking = TaskTracking(
            uri=uri,
            token="t",
            experiment=EXPERIMENT,
            outbox=folder,
            parent=parent.run,
            tags=TAGS,
        )

    def task(self, log: Callable[[], None]) -> tuple[float, float]:
        """Return what one task takes without its kernel's start, and the CPU's part, ms."""
        spec = TaskSpec(
            attempt="a",
            name="fit",
            notebook=NOTEBOOK,
            output=self._executed,
            cwd=self.folder,
            environment={},
            memory=1,
            profile="p",
            deadline=datetime.now(UTC) + timedelta(hours=1),
            timeout_s=1,
            grace_s=1,
            tracking=self._tracking,
        )
        clocks = time.perf_counter, time.thread_time
        started = [clock() for clock in clocks]
        tracked = TrackedTask(spec, print, datetime.now(UTC))
        begun = [clock() for clock in clocks]
        os.environ.update(tracked.environment)  # a kernel of its own begins with it
        logging = [clock() for clock in clocks]
        log()
        mlflow.end_run()
        tracked.end(TaskState.SUCCEEDED)
        ended = [clock() for clock in clocks]
        wall, cpu = (
            (begun[n] - started[n] + ended[n] - logging[n]) * 1000 for n in range(len(clocks))
        )
        return wall, cpu


@contextmanager
def server(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    argv = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    argv += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    argv += ["--serve-artifacts", "--artifacts-destination", str(folder / "artifacts")]
    environment = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            argv, env={**os.environ, **environment}, stdout=log, stderr=log, cwd=folder
        )
        try:
            uri = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 120
            while True:
                try:
                    if httpx.get(f"{uri}/health").is_success:
                        break
                except httpx.HTTPError:
                    assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            yield uri
        finally:
            process.terminate()
            process.wait(30)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=15)
    pairs = options.parse_args().pairs
    os.environ.update({"MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"})
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as uri:
        folder, executed = Path(name) / "outbox", Path(name) / "fit.ipynb"
        folder.mkdir()
        executed.write_text(NOTEBOOK)
        install(place_plugin(folder))
        ours = Ours(folder, uri, executed)
        shipper = Shipper(folder, EXPERIMENT, client := TrackingClient(uri, "t"), print)

        def peer() -> float:
            for variable in ("MLFLOW_RUN_ID", "MLFLOW_RUN_CONTEXT"):
                os.environ.pop(variable, None)
            os.environ["MLFLOW_TRACKING_URI"] = uri
            return milliseconds(lambda: fluent(executed))

        os.environ["MLFLOW_EXPERIMENT_NAME"] = EXPERIMENT
        mlflow.MlflowClient(uri).create_experiment(EXPERIMENT)
        peer()
        ours.task(notebook)
        shipper.ship()
        ratios, a, b, own, cpu, later = [], [], [], [], [], []
        for pair in range(pairs):
            a.append(peer())
            b.append(ours.task(notebook)[0])
            wall, busy = ours.task(lambda: None)
            own.append(wall)
            cpu.append(busy)
            later.append(milliseconds(shipper.ship) / 2)
            ratios.append(a[-1] / b[-1])
            print(
                f"pair {pair + 1}: fluent {a[-1]:.1f} ms, outbox {b[-1]:.1f} ms, of it the "
                f"platform's {own[-1]:.1f} ms (CPU {cpu[-1]:.1f} ms), sent later in "
                f"{later[-1]:.1f} ms, ratio {ratios[-1]:.1f}"
            )
        client.close()
    medians = [statistics.median(some) for some in (a, b, own, cpu, later)]
    print(
        "medians: fluent {:.1f} ms, outbox {:.1f} ms, of it the platform's {:.1f} ms (CPU {:.1f} "
        "ms); sent later in {:.1f} ms".format(*medians)
    )
    print(f"load of the machine, last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    print(f"median ratio fluent / outbox: {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
