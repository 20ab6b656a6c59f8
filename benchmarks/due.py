"""How soon after its due time a scheduled notebook's first cell is running, on a warm tenant.

Starts the platform as ``galley up`` does, publishes a notebook that prints the time in its first
cell, with a schedule of every minute, and reads the time from the log of each run. Between two
firings the peer takes its turn: what a job of cron costs that starts a ``LocalCluster`` and has
papermill execute the same notebook there. Prints each pair, and the medians.

    python benchmarks/due.py [--firings 12]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.journey import notebooks, platform
from tests.journey.people import Person
from tests.journey.waiting import until

TENANT = "playground"
SAYS = "import time\nprint('first cell at', time.time())"
COLD = """
import sys, papermill
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, dashboard_address=None) as cluster, cluster.get_client() as one:
        one.submit(papermill.execute_notebook, *sys.argv[1:], progress_bar=False).result()
"""


def first_cell(text: str) -> float:
    """Return the time that the notebook printed, seconds since 1970."""
    return float(text.split("first cell at ")[1].split()[0].strip('",\\n'))


def cold(folder: Path) -> float:
    """Execute the notebook as a job of cron would; return the seconds until its first cell."""
    source, output = folder / "in.ipynb", folder / "out.ipynb"
    source.write_text(json.dumps(notebooks.notebook(SAYS)))
    (folder / "job.py").write_text(COLD)
    began = time.time()
    subprocess.run([sys.executable, folder / "job.py", source, output], check=True)
    cells = json.loads(output.read_text())["cells"]
    printed = "".join(cells[-1]["outputs"][0]["text"])
    return first_cell(printed) - began


def next_run(person: Person, known: set[str]) -> dict[str, Any]:
    """Wait for a run that is not known and has ended."""

    def look() -> dict[str, Any] | None:
        runs = person.get(f"/tenants/{TENANT}/runs", pipeline="due", kind="pipeline").json()
        fresh = [run for run in runs["items"] if run["id"] not in known]
        return next((run for run in fresh if run["state"] == "succeeded"), None)

    return until(look, "the next firing's run")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--firings", type=int, default=12)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        running = platform.start(Path(name) / "home")
        try:
            _measure(running, Path(name), chosen.firings)
        finally:
            running.stop()


def _measure(running: platform.Platform, folder: Path, firings: int) -> None:
    paula = Person(running, "paula")
    schedule = {"cron": "* * * * *", "timezone": "UTC"}
    body = {"notebook": notebooks.notebook(SAYS), "name": "Due", "schedule": schedule}
    answer = paula.post(f"/tenants/{TENANT}/pipelines/due/versions", body)
    answer.raise_for_status()
    known = {next_run(paula, set())["id"]}  # the first one warms all up
    ours, ratios = [], []
    while len(ours) < firings:
        run = next_run(paula, known)
        known.add(run["id"])
        text = paula.get(f"/runs/{run['id']}/log").json()["text"]
        due = datetime.fromisoformat(run["logical_date"]).astimezone(UTC).timestamp()
        ours.append(first_cell(text) - due)
        theirs = cold(folder)
        ratios.append(theirs / ours[-1])
        print(f"due → first cell: cold {theirs:.2f} s, galley {ours[-1]:.3f} s", flush=True)
    print(
        f"galley p50 {statistics.median(ours):.3f} s, longest {max(ours):.3f} s; median ratio "
        f"cold / galley {statistics.median(ratios):.1f}"
    )


if __name__ == "__main__":
    main()
