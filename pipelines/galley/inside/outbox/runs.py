"""What the records of a log say: the state of each run, as MLflow would tell it.

Records, all with ``op`` and ``run`` (a local id):

    create    experiment, name, user, start (ms), tags {key: value}
    batch     metrics [{key, value, timestamp, step, …}], params {key: value}, tags {key: value}
    untag     key
    update    status and end (ms) and name, each or null
    inputs    datasets: MLflow's own JSON
    artifact  path, the artifact's name; file, its name below ``files``
    closed    status, at (ms): nothing follows; runs that are still open end so
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import spool
from .within import Refused

KEY = "galley.key"
"""Tag of a run on the server, with its local id: by it a run whose making was in doubt is found."""
PARENT = "mlflow.parentRunId"
RUN_NAME = "mlflow.runName"
ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})


@dataclass
class RunState:
    """One run.

    Attributes:
        metrics: key → the latest point, as MLflow counts: highest step, then time, then value.
        end: ms since 1970; None while it runs.
    """

    id: str
    experiment: str
    name: str
    user: str
    start: int
    tags: dict[str, str]
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: list[dict[str, Any]] = field(default_factory=list)
    status: str = "RUNNING"
    end: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing is to be expected of it."""
        return self.status in ENDED


def created(
    run: str,
    *,
    experiment: str,
    name: str,
    start_ms: int,
    tags: Mapping[str, str],
    user: str = "",
) -> dict[str, Any]:
    """Return the record of a new run."""
    return {
        "op": "create",
        "run": run,
        "experiment": experiment,
        "name": name,
        "user": user,
        "start": start_ms,
        "tags": dict(tags),
    }


def apply(runs: dict[str, RunState], records: Iterable[Mapping[str, Any]]) -> None:
    """Bring ``runs`` up to date; a record of a run that was never begun is left out."""
    for record in records:
        operation, run = record.get("op"), str(record.get("run"))
        if operation == "create":
            runs.setdefault(
                run,
                RunState(
                    run,
                    str(record["experiment"]),
                    str(record["name"]),
                    str(record.get("user", "")),
                    int(record["start"]),
                    dict(record["tags"]),
                ),
            )
        elif run in runs:
            _apply(runs[run], record)


def _apply(run: RunState, record: Mapping[str, Any]) -> None:
    operation = record["op"]
    if operation == "batch":
        for point in record.get("metrics", ()):
            known = run.metrics.get(point["key"])
            if known is None or _order(point) >= _order(known):
                run.metrics[point["key"]] = point
        run.params.update(record.get("params", {}))
        run.tags.update(record.get("tags", {}))
        run.name = run.tags.get(RUN_NAME, run.name)
    elif operation == "untag":
        run.tags.pop(record["key"], None)
    elif operation == "inputs":
        run.datasets.extend(record["datasets"])
    elif operation == "update":
        run.status = record.get("status") or run.status
        run.end = record.get("end") if run.ended else None
        if record.get("name"):
            run.name = run.tags[RUN_NAME] = record["name"]


def _order(point: Mapping[str, Any]) -> tuple[Any, ...]:
    value = point["value"]
    return point["step"], point["timestamp"], value == value, value


def find(folder: Path, run: str) -> RunState | None:
    """Return a run of an attempt as it stands in the attempt's logs; None: it is none of them."""
    for name in spool.logs(folder):
        try:
            records, _, _ = spool.read(folder / name / spool.LOG)
        except Refused:  # told where that log is sent
            continue
        if any(one.get("op") == "create" and one.get("run") == run for one in records):
            found: dict[str, RunState] = {}
            apply(found, records)
            return found[run]
    return None


def values(run: RunState) -> dict[str, float]:
    """Return the latest value of each metric."""
    return {key: float(point["value"]) for key, point in run.metrics.items()}
