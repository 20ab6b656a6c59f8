"""Runs with a random process killed: each must end as if nothing had been.

Starts the platform as ``galley up`` does, publishes a pipeline of three tasks that log to MLflow,
and starts runs, a few at a time. In each a process of the tenant's host is killed by SIGKILL at a
random moment: a Dask worker, a runner, what forks either, a zygote or a kernel. Then it asks of
each run: is it succeeded; did each task leave a complete notebook; does MLflow have each point of
each metric once in the run that counts; and, at the end, whether any process of any attempt is
left.

    python benchmarks/kills.py [--runs 20] [--seed N] [--at-a-time 2]
"""

from __future__ import annotations

import argparse
import collections
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from galley.run.processes import marked
from galley.sandbox.processes import saved

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.journey import notebooks, platform
from tests.journey.people import Person
from tests.journey.waiting import until

TENANT = "playground"
POINTS = 20
STEPS = "for step in range(20):\n    mlflow.log_metric({!r}, step, step=step)\n    time.sleep(0.05)"
CELLS = (
    "# Load",
    "import time, mlflow",
    f"numbers = list(range(1000))\n{STEPS.format('loaded')}",
    "# Add",
    f"total = sum(numbers)\n{STEPS.format('added')}",
    "# Tell",
    f"print('total', total)\n{STEPS.format('told')}",
)
VICTIMS = {
    "what forks runners": lambda line, by: "galley.run" in line and "galley.host" in by,
    "runner": lambda line, by: "galley.run" in line and "galley.host" not in by,
    "what forks workers": lambda line, by: "forkserver" in line and "forkserver" not in by,
    "worker": lambda line, by: "forkserver" in line and "forkserver" in by,
    "zygote or kernel": lambda line, _: "inside/zygote.py" in line,
}
"""What is killed → whether a command line is of one, and that of what started it."""


def notebook() -> dict[str, Any]:
    """Return the pipeline's notebook: three tasks, by headings."""
    made = notebooks.notebook(*CELLS)
    for cell in made["cells"]:
        if "".join(cell["source"]).startswith("# "):
            cell["cell_type"] = "markdown"
            cell.pop("outputs", None)
            cell.pop("execution_count", None)
    return made


def kill_one(home: Path, chance: random.Random) -> str:
    """Kill a random process of the tenant's host; return what it was."""
    kind = chance.choice(list(VICTIMS))
    host = saved(home / "run" / "hosts")[TENANT]
    found = []
    for process in psutil.Process(host.pid).children(recursive=True):
        try:
            parent = process.parent()
            by = parent.cmdline() if parent else []
            if VICTIMS[kind](" ".join(process.cmdline()), " ".join(by)):
                found.append(process)
        except psutil.Error:
            continue
    if not found:
        return f"no {kind}"
    try:
        chance.choice(found).kill()
    except psutil.NoSuchProcess:
        return f"{kind} that had ended"
    return kind


def check(person: Person, token: str, run: str) -> list[str]:
    """Return what is wrong with an ended run.

    Args:
        token: with which MLflow is asked.
    """
    told = person.get(f"/runs/{run}").json()
    if told["state"] != "succeeded":
        return [f"{told['state']}: {told['state_reason']}"]
    won = [attempt for attempt in told["attempts"] if attempt["state"] == "succeeded"]
    if len(won) != 1:
        return [f"{len(won)} attempts succeeded"]
    wrong = [
        f"task {task['name']}: {task['state']}, notebook {task['notebook']}"
        for task in won[0]["tasks"]
        if task["state"] != "succeeded" or not task["notebook"]
    ]
    base = f"/services/mlflow/{TENANT}/api/2.0/mlflow"
    counted: dict[str, int] = {}
    for task in won[0]["tasks"]:
        if not _sent(task):
            wrong.append(f"task {task['name']}: MLflow's run is {task['mlflow_run_id']!r}")
            continue
        for key in ("loaded", "added", "told"):
            answer = person.http.get(
                f"{base}/metrics/get-history",
                params={"run_id": task["mlflow_run_id"], "metric_key": key},
                headers={"Authorization": f"Bearer {token}"},
            )
            answer.raise_for_status()
            counted[key] = counted.get(key, 0) + len(answer.json().get("metrics", []))
    wrong += [
        f"metric {key!r} has {count} points, not {POINTS}"
        for key, count in counted.items()
        if count != POINTS
    ]
    return wrong


def main() -> int:
    """Run, kill, check; the exit status says whether all was well."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=20)
    options.add_argument("--seed", type=int, default=int(time.time()))
    options.add_argument("--at-a-time", type=int, default=2)
    chosen = options.parse_args()
    chance = random.Random(chosen.seed)
    print(f"seed {chosen.seed}")
    with tempfile.TemporaryDirectory() as folder:
        running = platform.start(Path(folder) / "home")
        try:
            return _all(running, chosen, chance)
        finally:
            running.stop()


def _all(running: platform.Platform, chosen: argparse.Namespace, chance: random.Random) -> int:
    paula = Person(running, "paula")
    token = paula.token("look at MLflow")
    body = {"notebook": notebook(), "name": "Kills", "retries": 3}
    answer = paula.post(f"/tenants/{TENANT}/pipelines/kills/versions", body)
    answer.raise_for_status()
    until(
        lambda: paula.get(f"/versions/{answer.json()['id']}").json()["live"] or None,
        "the version going live",
        patience_s=600,
    )
    open_runs: dict[str, float] = {}
    killed: collections.Counter[str] = collections.Counter()
    wrong: dict[str, list[str]] = {}
    attempts: list[str] = []
    begun = 0
    while begun < chosen.runs or open_runs:
        while begun < chosen.runs and len(open_runs) < chosen.at_a_time:
            run = paula.post(f"/tenants/{TENANT}/pipelines/kills/runs", {}).json()
            open_runs[run["id"]] = time.monotonic() + chance.uniform(0.2, 6)
            begun += 1
        for run_id, due in list(open_runs.items()):
            told = paula.get(f"/runs/{run_id}").json()
            if told["state"] in {"queued", "launching", "running"}:
                if time.monotonic() >= due and told["state"] == "running":
                    killed[kill_one(running.home, chance)] += 1
                    open_runs[run_id] = float("inf")
                continue
            del open_runs[run_id]
            attempts += [attempt["id"] for attempt in told["attempts"]]
            _wait_for_mlflow(paula, run_id)
            if found := check(paula, token, run_id):
                wrong[run_id] = found
            print(f"{begun} {run_id}: {'; '.join(found) or 'as it should be'}", flush=True)
        time.sleep(0.1)
    time.sleep(5)
    left = [process for one in attempts for process in marked("GALLEY_ATTEMPT", one)]
    print(f"runs {begun}, attempts {len(attempts)}, killed {dict(killed)}")
    print(f"wrong {len(wrong)}, processes left {len(left)}")
    return 1 if wrong or left else 0


def _wait_for_mlflow(person: Person, run: str) -> None:
    """Wait a minute at most until what the run's last attempt logged has arrived."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        tasks = person.get(f"/runs/{run}").json()["attempts"][-1]["tasks"]
        if all(_sent(task) for task in tasks):
            return
        time.sleep(0.5)


def _sent(task: dict[str, Any]) -> bool:
    """Whether a task's run in MLflow has the server's id, and no local one any more."""
    return bool(task["mlflow_run_id"]) and not task["mlflow_run_id"].startswith("galley-")


if __name__ == "__main__":
    sys.exit(main())
