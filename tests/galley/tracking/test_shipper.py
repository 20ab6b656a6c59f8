"""Sending an outbox to a real MLflow server, with what can go wrong in between."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from galley.inside.outbox import spool
from galley.tracking.client import TrackingClient, TrackingUnavailable
from galley.tracking.outbox import Outbox
from galley.tracking.shipper import Shipper, close_open

from tests.galley.tracking.gate import Gate, gate_to
from tests.galley.tracking.mlflow_process import MlflowProcess, tags_of

pytestmark = pytest.mark.integration

TASK = {"galley.task": "fit"}


@pytest.fixture
def gate(mlflow: MlflowProcess) -> Iterator[Gate]:
    with gate_to(mlflow) as served:
        yield served


@pytest.fixture
def experiment() -> str:
    return f"e-{uuid.uuid4().hex}"


@pytest.fixture
def said() -> list[str]:
    return []


Clock = Callable[[], float]


@pytest.fixture
def shipper(
    gate: Gate, experiment: str, tmp_path: Path, said: list[str]
) -> Iterator[Callable[..., Shipper]]:
    clients = []

    def make(clock: Clock = lambda: 1000.0) -> Shipper:
        clients.append(TrackingClient(gate.uri, "t", timeout_s=20))
        return Shipper(tmp_path, experiment, clients[-1], said.append, clock=clock)

    yield make
    for client in clients:
        client.close()


def logged(outbox: Outbox, **record: Any) -> None:
    log = spool.Log(Path(outbox.uri.partition(":")[2]) / spool.LOG)
    log.append({"op": "batch", "run": outbox.run} | record)
    log.close()


def point(key: str, value: float, step: int = 0) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": 5, "step": step}


def begin(folder: Path, **more: Any) -> Outbox:
    return Outbox.begin(folder, None, name="fit", start_ms=1, tags={**TASK, **more})


def data_of(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in run["data"].get(kind, [])}


def test_one_create_one_batch_one_update(
    shipper: Callable[..., Shipper],
    gate: Gate,
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
) -> None:
    outbox = begin(tmp_path)
    for number in range(90):
        logged(outbox, params={f"p{number}": str(number)}, tags={f"t{number}": "x"})
        logged(outbox, metrics=[point("loss", 1 / (number + 1), step=number)])
    notebook = tmp_path / "fit.ipynb"
    notebook.write_text("{}")
    outbox.keep("fit.ipynb", notebook)
    outbox.end("FINISHED", at_ms=9)
    shipper().ship()
    assert gate.count("runs/create") == gate.count("runs/log-batch") == 1
    assert gate.count("runs/update") == 1
    (run,) = mlflow.runs(experiment)
    assert len(data_of(run, "params")) == 90
    assert data_of(run, "metrics") == {"loss": 1 / 90}
    assert run["info"]["status"] == "FINISHED"  # type: ignore[index]
    assert run["info"]["end_time"] == 9  # type: ignore[index]
    listed = mlflow.http.get(
        "/api/2.0/mlflow/artifacts/list",
        params={"run_id": run["info"]["run_id"]},  # type: ignore[index]
    ).json()
    assert [file["path"] for file in listed["files"]] == ["fit.ipynb"]


def test_more_than_mlflow_takes_at_once_is_split_by_its_limits(
    shipper: Callable[..., Shipper],
    gate: Gate,
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
) -> None:
    outbox = begin(tmp_path)
    logged(
        outbox,
        params={f"p{number}": "x" * 6000 for number in range(150)},
        metrics=[point("m", float(step), step=step) for step in range(2000)],
    )
    shipper().ship()
    assert gate.count("runs/log-batch") == 4
    (run,) = mlflow.runs(experiment)
    assert len(data_of(run, "params")) == 150
    assert history(mlflow, run, "m") == [float(step) for step in range(2000)]


def history(mlflow: MlflowProcess, run: dict[str, Any], key: str) -> list[float]:
    answer = mlflow.http.get(
        "/api/2.0/mlflow/metrics/get-history",
        params={"run_id": run["info"]["run_id"], "metric_key": key, "max_results": 10000},
    )
    return [metric["value"] for metric in answer.json()["metrics"]]


@pytest.mark.parametrize("lost", ["runs/create", "runs/log-batch", "runs/update"])
def test_a_lost_answer_doubles_nothing(
    lost: str,
    shipper: Callable[..., Shipper],
    gate: Gate,
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
) -> None:
    outbox = begin(tmp_path)
    logged(outbox, metrics=[point("m", 1.0), point("m", 2.0, step=1)], params={"a": "1"})
    outbox.end("FINISHED", at_ms=9)
    gate.lose.add(lost)
    with pytest.raises(TrackingUnavailable):
        shipper().ship()
    again = shipper()  # as a host that was started anew
    again.ship()
    (run,) = mlflow.runs(experiment)
    assert history(mlflow, run, "m") == [1.0, 2.0]
    assert run["info"]["status"] == "FINISHED"  # type: ignore[index]
    assert again.waiting(outbox.run) == 0


def test_a_request_that_acts_late_leaves_no_second_run(
    shipper: Callable[..., Shipper],
    gate: Gate,
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
) -> None:
    clock = [1000.0]
    outbox = begin(tmp_path)
    gate.away = True
    gate.mlflow.http.post("/api/2.0/mlflow/experiments/create", json={"name": experiment})
    found = mlflow.http.get(
        "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": experiment}
    ).json()
    spool.State(tmp_path).add(
        know="experiment", name=experiment, id=found["experiment"]["experiment_id"]
    )
    with pytest.raises(TrackingUnavailable):
        shipper(lambda: clock[0]).ship()
    gate.away = False
    with pytest.raises(TrackingUnavailable, match="may still take effect"):
        shipper(lambda: clock[0]).ship()
    clock[0] += 30
    ships = shipper(lambda: clock[0])
    ships.ship()
    (first,) = mlflow.runs(experiment)
    late = {  # the first request, which lay somewhere until now
        "experiment_id": found["experiment"]["experiment_id"],
        "tags": [{"key": "galley.key", "value": outbox.run}],
    }
    mlflow.http.post("/api/2.0/mlflow/runs/create", json=late)
    assert len(mlflow.runs(experiment)) == 2
    clock[0] += 30
    ships.settle()
    assert [run["info"] for run in mlflow.runs(experiment)] == [first["info"]]


KILLED = """
import os, sys
from pathlib import Path
from galley.tracking.client import TrackingClient
from galley.tracking.shipper import Shipper

class DiesAfterCreate(TrackingClient):
    def create(self, *arguments, **options):
        super().create(*arguments, **options)
        os.kill(os.getpid(), 9)

Shipper(Path(sys.argv[1]), sys.argv[2], DiesAfterCreate(sys.argv[3], "t"), print).ship()
"""


def test_a_shipper_that_is_killed_after_the_create_makes_no_second_run(
    shipper: Callable[..., Shipper],
    gate: Gate,
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
) -> None:
    outbox = begin(tmp_path)
    logged(outbox, params={"a": "1"})
    died = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), experiment, gate.uri], check=False
    )
    assert died.returncode == -9
    shipper().ship()
    assert gate.count("runs/create") == 1
    (run,) = mlflow.runs(experiment)
    assert data_of(run, "params") == {"a": "1"}


def test_children_are_below_their_parent_wherever_it_was_logged(
    shipper: Callable[..., Shipper], mlflow: MlflowProcess, experiment: str, tmp_path: Path
) -> None:
    parent = Outbox.begin(tmp_path, spool.RUN, name="run", start_ms=1, tags={})
    task = begin(tmp_path, **{"mlflow.parentRunId": parent.run})
    logged(task, params={"best": parent.run})
    ships = shipper()
    ships.ship(task.run)
    own = ships.known(parent.run)
    runs = {run["info"]["run_name"]: run for run in mlflow.runs(experiment)}  # type: ignore[index]
    assert tags_of(runs["fit"])["mlflow.parentRunId"] == own
    assert data_of(runs["fit"], "params") == {"best": own}
    assert ships.tasks() == (own, {"fit": ships.known(task.run)})


def test_what_mlflow_refuses_is_told_and_the_rest_arrives(
    shipper: Callable[..., Shipper],
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
    said: list[str],
) -> None:
    outbox = begin(tmp_path)
    logged(outbox, params={"good": "1", "bad\x01name": "2"}, metrics=[point("m", 1.0)])
    outbox.end("FAILED", at_ms=9)
    shipper().ship()
    (run,) = mlflow.runs(experiment)
    assert data_of(run, "params") == {"good": "1"}
    assert data_of(run, "metrics") == {"m": 1.0}
    (line,) = said
    assert "MLflow refused params 'bad\\x01name'" in line


def test_texts_and_names_that_are_no_unicode_hold_up_nothing(
    shipper: Callable[..., Shipper],
    gate: Gate,
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
    said: list[str],
) -> None:
    outbox = begin(tmp_path)
    logged(outbox, params={"note": "caf\ud83d menu"}, tags={"half": "\udc00"})
    notebook = tmp_path / "fit.ipynb"
    notebook.write_text("{}")
    outbox.keep(os.fsdecode(b"caf\xe9.ipynb"), notebook)
    logged(outbox, metrics=[point("m", 1.0)])
    outbox.end("FINISHED", at_ms=9)
    shipper().ship()
    (run,) = mlflow.runs(experiment)
    assert data_of(run, "params") == {"note": "caf? menu"}
    assert data_of(run, "tags")["half"] == "?"
    assert data_of(run, "metrics") == {"m": 1.0}
    assert run["info"]["status"] == "FINISHED"  # type: ignore[index]
    (line,) = said
    assert line.startswith("the artifact 'caf\\udce9.ipynb' is left out: ")


def test_a_record_that_makes_no_sense_holds_up_nothing(
    shipper: Callable[..., Shipper],
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
    said: list[str],
) -> None:
    outbox = begin(tmp_path)
    child = {"run": spool.local_run(), "experiment": 7, "tags": "none", "start": "now", "user": 1}
    logged(outbox, op="create", name="child", **child)
    logged(outbox, run=child["run"], metrics=[point("m", 2.0)])
    logged(outbox, metrics=[point("m", 1.0)])
    outbox.end("FINISHED", at_ms=9)
    again = shipper()
    again.ship()
    assert again.waiting(outbox.run) == 0
    (run,) = mlflow.runs(experiment)
    assert data_of(run, "metrics") == {"m": 1.0}
    assert any("makes no sense" in line for line in said)


def test_numbers_that_json_does_not_know_arrive(
    shipper: Callable[..., Shipper], mlflow: MlflowProcess, experiment: str, tmp_path: Path
) -> None:
    outbox = begin(tmp_path)
    logged(outbox, metrics=[point("nan", float("nan")), point("low", float("-inf"))])
    shipper().ship()
    (run,) = mlflow.runs(experiment)
    assert str(data_of(run, "metrics")["nan"]).lower() == "nan"
    assert float(data_of(run, "metrics")["low"]) < -1e300


def test_what_a_killed_task_left_open_is_ended(
    shipper: Callable[..., Shipper], mlflow: MlflowProcess, experiment: str, tmp_path: Path
) -> None:
    outbox = begin(tmp_path)
    logged(outbox, params={"a": "1"})
    by_exit = {"op": "update", "run": outbox.run, "status": "FINISHED", "end": 6, "name": None}
    mine = spool.Log(tmp_path / outbox.run / spool.LOG)
    mine.append(by_exit)
    mine.close()
    with (tmp_path / outbox.run / spool.LOG).open("ab") as log:
        log.write(b'\n{"op":"batch","run":"' + outbox.run.encode())  # killed in mid-write
    close_open(tmp_path, "FINISHED", 7)
    close_open(tmp_path, "FINISHED", 8)
    shipper().ship()
    (run,) = mlflow.runs(experiment)
    assert (run["info"]["status"], run["info"]["end_time"]) == ("KILLED", 7)  # type: ignore[index]
    assert data_of(run, "params") == {"a": "1"}


def test_a_task_cannot_have_other_files_sent(
    shipper: Callable[..., Shipper], gate: Gate, tmp_path: Path, said: list[str]
) -> None:
    outbox = begin(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("s")
    files = tmp_path / outbox.run / "files"
    files.mkdir()
    (files / "link").symlink_to(secret)
    log = spool.Log(tmp_path / outbox.run / spool.LOG)
    for file in ("../../secret", "link", str(secret)):
        log.append({"op": "artifact", "run": outbox.run, "path": "x", "file": file})
    log.close()
    shipper().ship()
    assert not any("mlflow-artifacts" in call for call in gate.calls)
    assert len(said) == 3


def test_a_live_log_is_sent_in_parts(
    shipper: Callable[..., Shipper], mlflow: MlflowProcess, experiment: str, tmp_path: Path
) -> None:
    outbox = begin(tmp_path)
    ships = shipper()
    logged(outbox, params={"a": "1"}, tags={"x": "1", "y": "1"})
    ships.ship()
    log = spool.Log(tmp_path / outbox.run / spool.LOG)
    log.append({"op": "untag", "run": outbox.run, "key": "x"})
    log.append({"op": "update", "run": outbox.run, "name": "renamed", "status": None, "end": None})
    log.close()
    ships.ship()
    (run,) = mlflow.runs(experiment)
    assert "x" not in tags_of(run)
    assert tags_of(run)["y"] == "1"
    assert run["info"]["run_name"] == "renamed"  # type: ignore[index]


def test_a_run_in_an_experiment_that_is_not_there_holds_up_nothing(
    shipper: Callable[..., Shipper],
    mlflow: MlflowProcess,
    experiment: str,
    tmp_path: Path,
    said: list[str],
) -> None:
    outbox = begin(tmp_path)
    log = spool.Log(tmp_path / outbox.run / spool.LOG)
    lost = {"op": "create", "run": spool.local_run(), "name": "lost", "start": 1, "tags": {}}
    log.append({**lost, "experiment": "987654321"})
    log.append({"op": "batch", "run": lost["run"], "params": {"a": "1"}})
    log.close()
    logged(outbox, params={"b": "2"})
    ships = shipper()
    ships.ship()
    (run,) = mlflow.runs(experiment)
    assert data_of(run, "params") == {"b": "2"}
    assert "MLflow refused the run 'lost'" in said[0]
    assert ships.waiting(outbox.run) == 0
