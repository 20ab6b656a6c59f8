"""MLflow in a task: real clients in processes of their own, a real server behind a gate."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from galley.inside.outbox import install, place, spool
from galley.run.environment import outbox_tracking
from galley.run.tasks import TaskTracking
from galley.tracking.client import TrackingClient, TrackingUnavailable
from galley.tracking.outbox import Outbox, place_plugin
from galley.tracking.shipper import Shipper

from tests.galley.tracking.gate import Gate, gate_to
from tests.galley.tracking.mlflow_process import MlflowProcess, mlflow_process, tags_of

pytestmark = pytest.mark.integration


class Attempt:
    """An attempt with its outbox, whose logs are sent as its host would."""

    def __init__(self, folder: Path, gate: Gate) -> None:
        self.gate = gate
        self.folder = folder
        self.experiment = f"e-{uuid.uuid4().hex}"
        self.parent = Outbox.begin(folder, spool.RUN, name="run", start_ms=1, tags={})
        self.said: list[str] = []
        self.client = TrackingClient(gate.uri, "t", timeout_s=30)
        self.shipper = Shipper(folder, self.experiment, self.client, self.said.append, settle_s=0)
        self._closed = threading.Event()
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def task(self, name: str = "fit") -> Outbox:
        tags = {"mlflow.parentRunId": self.parent.run, "galley.task": name}
        return Outbox.begin(self.folder, None, name=name, start_ms=2, tags=tags)

    def start(self, outbox: Outbox, code: str, **more: str) -> subprocess.Popen[str]:
        tracking = TaskTracking(
            uri=self.gate.uri,
            token="t",
            experiment=self.experiment,
            outbox=self.folder,
            parent=self.parent.run,
            tags={},
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
            **outbox_tracking(tracking, outbox, place_plugin(self.folder), ""),
            **more,
        }
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, outbox: Outbox, code: str, **more: str) -> dict[str, Any]:
        """Execute code and return what it prints as JSON in its last line."""
        out, err = self.start(outbox, code, **more).communicate(timeout=120)
        assert out.strip(), err
        told: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return {**told, "stderr": err}

    def sent(self) -> list[dict[str, Any]]:
        """Return all runs on the server, after what is left was sent."""
        self.shipper.ship()
        return self.gate.mlflow.runs(self.experiment)

    def close(self) -> None:
        self._closed.set()
        self._sender.join()
        self.client.close()

    def _send(self) -> None:
        while not self._closed.wait(0.1):
            for wanted in self.folder.glob("*/wanted"):
                try:
                    self.shipper.ship(wanted.parent.name)
                except TrackingUnavailable:
                    continue
                wanted.unlink(missing_ok=True)


@pytest.fixture
def gate(mlflow: MlflowProcess) -> Iterator[Gate]:
    with gate_to(mlflow) as served:
        yield served


@pytest.fixture
def attempt(gate: Gate, tmp_path: Path) -> Iterator[Attempt]:
    made = Attempt(tmp_path, gate)
    yield made
    made.close()


def named(runs: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {run["info"]["run_name"]: run for run in runs}


def data_of(run: dict[str, Any], kind: str) -> dict[str, Any]:
    return {item["key"]: item["value"] for item in run["data"].get(kind, [])}


LOGGED = """
import json, mlflow
mlflow.log_params({"depth": 3, "long": "x" * 9000})
mlflow.log_metric("auc", 0.5, step=1)
mlflow.log_metrics({"auc": 0.9, "loss": float("nan")}, step=2)
mlflow.set_tags({"team": "lab", "wrong": "1"})
mlflow.delete_tag("wrong")
mlflow.log_metric("later", 1.0, synchronous=False)
own = mlflow.active_run()
try:
    mlflow.log_param("depth", 4)
except mlflow.MlflowException as error:
    changed = error.error_code
with mlflow.start_run(run_name="child", nested=True) as child:
    mlflow.log_metric("inner", 1)
    above = mlflow.get_parent_run(child.info.run_id).info.run_id
read = mlflow.get_run(own.info.run_id)
history = mlflow.MlflowClient().get_metric_history(own.info.run_id, "auc")
print(json.dumps({
    "run": own.info.run_id, "above": above, "changed": changed, "metrics": read.data.metrics["auc"],
    "params": read.data.params["depth"], "tags": read.data.tags,
    "history": [point.value for point in history], "child": child.info.run_id,
    "experiment": mlflow.get_experiment_by_name(mlflow.get_experiment(
        own.info.experiment_id).name).experiment_id == own.info.experiment_id,
}))
"""


def test_what_a_notebook_logs_is_read_back_at_once_and_arrives_later(
    attempt: Attempt, gate: Gate
) -> None:
    gate.away = True
    task = attempt.task()
    told = attempt.run(task, LOGGED)
    assert gate.calls == []
    assert told["run"] == told["above"] == task.run
    assert (told["metrics"], told["params"], told["history"]) == (0.9, "3", [0.5, 0.9])
    assert told["changed"] == "INVALID_PARAMETER_VALUE"
    assert told["tags"]["team"] == "lab"
    assert "wrong" not in told["tags"]
    assert told["experiment"] is True
    assert task.metrics()["auc"] == 0.9
    gate.away = False
    task.end("FINISHED", at_ms=9)
    runs = named(attempt.sent())
    assert runs.keys() == {"run", "fit", "child"}
    fit = runs["fit"]
    assert data_of(fit, "params")["depth"] == "3"
    assert len(data_of(fit, "params")["long"]) == 6000
    assert data_of(fit, "metrics")["auc"] == 0.9
    assert data_of(fit, "metrics")["later"] == 1.0
    assert tags_of(fit)["mlflow.parentRunId"] == runs["run"]["info"]["run_id"]
    assert tags_of(runs["child"])["mlflow.parentRunId"] == fit["info"]["run_id"]
    assert runs["child"]["info"]["status"] == fit["info"]["status"] == "FINISHED"
    assert gate.count("runs/create") == 3
    assert attempt.said == []


ANSWERS = """
import json, mlflow, mlflow.sklearn
from sklearn.linear_model import LinearRegression
mlflow.log_metric("auc", 0.5)
mlflow.log_dict({"a": 1}, "facts.json")
model = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
info = mlflow.sklearn.log_model(model, name="model", registered_model_name=NAME,
                                serialization_format="cloudpickle")
with mlflow.start_run(run_name="child", nested=True):
    mlflow.log_metric("auc", 0.9)
own = mlflow.active_run().info.run_id
best = mlflow.search_runs(order_by=["metrics.auc DESC"],
                          filter_string=f"tags.mlflow.parentRunId = '{own}'")
print(json.dumps({
    "facts": mlflow.artifacts.load_dict(mlflow.get_artifact_uri("facts.json")),
    "predicted": float(mlflow.sklearn.load_model(info.model_uri).predict([[3.0]])[0]),
    "version": mlflow.MlflowClient().get_model_version(NAME, "1").run_id,
    "best": list(best["metrics.auc"]), "above": list(best["tags.mlflow.parentRunId"]),
    "read": mlflow.get_run(own).data.metrics["auc"],
}))
"""


def test_what_needs_an_answer_goes_through_and_makes_no_second_run(
    attempt: Attempt, gate: Gate
) -> None:
    task = attempt.task()
    name = f"model-{uuid.uuid4().hex}"
    told = attempt.run(task, f"NAME = {name!r}\n{ANSWERS}")
    assert told["facts"] == {"a": 1}
    assert told["predicted"] == pytest.approx(3.0)
    assert (told["best"], told["above"], told["read"]) == ([0.9], [task.run], 0.5)
    task.end("FINISHED", at_ms=9)
    runs = named(attempt.sent())
    assert len(attempt.sent()) == 3
    fit = runs["fit"]
    assert told["version"] == fit["info"]["run_id"]
    assert tags_of(fit)["mlflow.parentRunId"] == runs["run"]["info"]["run_id"]
    place_ = fit["info"]["artifact_uri"].partition(":/")[2]
    model = fit["outputs"]["model_outputs"][0]["model_id"]
    assert place_
    described = gate.mlflow.http.get(
        f"/api/2.0/mlflow-artifacts/artifacts/{place_.rpartition('/')[0].rpartition('/')[0]}"
        f"/models/{model}/artifacts/MLmodel"
    ).text
    assert f"run_id: {fit['info']['run_id']}" in described
    assert "galley-" not in described


ASKED = """
import json, mlflow
mlflow.log_metric("m", 1.0)
mlflow.log_dict({"a": 1}, "facts.json")
facts = mlflow.artifacts.load_dict(mlflow.get_artifact_uri("facts.json"))
print(json.dumps({"facts": facts}))
"""


def test_a_run_whose_answer_was_lost_on_the_way_to_the_notebook_is_there_once(
    attempt: Attempt, gate: Gate
) -> None:
    task = attempt.task()
    attempt.shipper.ship(spool.RUN)
    gate.calls.clear()
    gate.lose.add("runs/create")
    assert attempt.run(task, ASKED)["facts"] == {"a": 1}
    task.end("FINISHED", at_ms=9)
    attempt.sent()
    assert gate.count("runs/create") == 2
    attempt.shipper.settle()
    assert len([run for run in attempt.sent() if run["info"]["run_name"] == "fit"]) == 1


AUTOLOGGED = """
import json, mlflow
import pandas
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
mlflow.sklearn.autolog(log_models=False)
x, y = pandas.DataFrame({"a": [1.0, 2, 3, 4, 5, 6]}), [1.0, 2, 3, 4, 5, 7]
GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(x, y)
print(json.dumps({"params": mlflow.last_active_run().data.params}))
"""


def test_autolog_logs_params_datasets_and_children(attempt: Attempt, gate: Gate) -> None:
    task = attempt.task()
    told = attempt.run(task, AUTOLOGGED)
    assert told["params"]["best_alpha"] in {"0.1", "1.0"}
    task.end("FINISHED", at_ms=9)
    runs = attempt.sent()
    (fit,) = [run for run in runs if run["info"]["run_name"] == "fit"]
    below = [run for run in runs if tags_of(run).get("mlflow.parentRunId") == fit["info"]["run_id"]]
    assert sorted(data_of(run, "params")["alpha"] for run in below) == ["0.1", "1.0"]
    assert all(run["info"]["status"] == "FINISHED" for run in below)
    assert fit["inputs"]["dataset_inputs"]
    assert "best_cv_score" in data_of(fit, "metrics")


AWAY = """
import json, time, mlflow
mlflow.log_metric("auc", 0.5)
began, errors = time.monotonic(), []
for call in (lambda: mlflow.log_dict({}, "x.json"), lambda: mlflow.search_runs(),
             lambda: mlflow.MlflowClient().search_registered_models(),
             lambda: mlflow.create_experiment("other")):
    try:
        call()
    except Exception as error:
        errors.append(str(error))
mlflow.log_metric("auc", 0.6)
print(json.dumps({"errors": errors, "took": time.monotonic() - began}))
"""


def test_what_needs_an_answer_fails_soon_and_says_why(attempt: Attempt, gate: Gate) -> None:
    task = attempt.task()
    told = attempt.run(task, AWAY, GALLEY_MLFLOW_URI="http://127.0.0.1:9/m")
    assert len(told["errors"]) == 4
    assert all("MLflow does not answer, and this call needs" in one for one in told["errors"])
    assert told["took"] < 10
    assert "galley: MLflow does not answer" in told["stderr"]
    assert task.metrics() == {"auc": 0.6}
    gate.away = True
    told = attempt.run(attempt.task("again"), AWAY)
    assert all("does not answer" in one or "503" in one for one in told["errors"]), told["errors"]
    gate.away = False
    task.end("FINISHED", at_ms=9)
    assert data_of(named(attempt.sent())["fit"], "metrics") == {"auc": 0.6}


THROUGH = """
import json, sys, time, mlflow
took = []
for step in range(300):
    began = time.perf_counter()
    mlflow.log_metric("m", step, step=step)
    took.append(time.perf_counter() - began)
    if step == 100:
        print("now", flush=True)
        sys.stdin.readline()
print(json.dumps({"longest": max(took[100:])}))
"""


def test_a_server_that_is_killed_and_started_again_has_everything_once(tmp_path: Path) -> None:
    with mlflow_process() as own, gate_to(own) as gate:
        attempt = Attempt(tmp_path, gate)
        task = attempt.task()
        process = attempt.start(task, THROUGH)
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "now\n"
        attempt.shipper.ship()
        own.kill()
        out, err = process.communicate("\n", timeout=120)
        assert process.returncode == 0, err
        assert json.loads(out)["longest"] < 1
        task.end("FINISHED", at_ms=9)
        with pytest.raises(TrackingUnavailable):
            attempt.shipper.ship()
        own.restart()
        runs = named(attempt.sent())
        attempt.close()
        assert runs.keys() == {"run", "fit"}
        answer = own.http.get(
            "/api/2.0/mlflow/metrics/get-history",
            params={"run_id": runs["fit"]["info"]["run_id"], "metric_key": "m"},
        )
        assert [one["value"] for one in answer.json()["metrics"]] == list(range(300))
        assert runs["fit"]["info"]["status"] == "FINISHED"


BOTH = """
import json, mlflow
with mlflow.start_run() as own:
    mlflow.log_param("who", own.info.run_id)
    mlflow.log_dict({}, "x.json")
    for step in range(200):
        mlflow.log_metric("m", step, step=step)
print(json.dumps({}))
"""


def test_two_tasks_at_once_share_nothing_but_their_parent(attempt: Attempt, gate: Gate) -> None:
    tasks = [attempt.task("left"), attempt.task("right")]
    processes = [attempt.start(task, BOTH) for task in tasks]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    for task in tasks:
        task.end("FINISHED", at_ms=9)
    runs = named(attempt.sent())
    assert runs.keys() == {"run", "left", "right"}
    assert len(attempt.sent()) == 3
    for task, name in zip(tasks, ("left", "right"), strict=True):
        assert data_of(runs[name], "params")["who"] == attempt.shipper.known(task.run)
        assert data_of(runs[name], "metrics")["m"] == 199


GIVEN = """
import json, pathlib, sys, types
sys.modules["galley_inside_secrets"] = types.SimpleNamespace(_values=VALUES)
import mlflow
password = VALUES["password"]
mlflow.log_param("login", password)
mlflow.log_metric(f"of {password}", 0.5)
with mlflow.start_run(run_name="child", nested=True) as child:
    mlflow.set_tag("above", child.data.tags["mlflow.parentRunId"])
mlflow.log_text(f"for {password}\\r\\n", "report.txt")
mlflow.log_dict({"login": password}, "facts.json")
with open("model.bin", "wb") as file:
    file.write(b"\\0" + password.encode())
refused = []
for name in ("model.bin", f"{password}.txt"):
    open(name, "ab").close()
    try:
        mlflow.log_artifact(name)
    except mlflow.MlflowException as error:
        refused.append(str(error))
own = mlflow.active_run().info.run_id
loaded = mlflow.artifacts.download_artifacts(run_id=own)
read = {path.name: path.read_bytes().decode() for path in pathlib.Path(loaded).iterdir()}
print(json.dumps({"read": read, "refused": refused}))
"""


def test_texts_are_logged_without_secrets_and_nothing_else_is_changed_by_them(
    attempt: Attempt,
) -> None:
    values = {"password": "hunter2-long", "user": "galley", "database": "task", "word": "mlflow"}
    task = attempt.task()
    told = attempt.run(task, GIVEN.replace("VALUES", repr(values)))
    read = told["read"]
    assert read.keys() == {"report.txt", "facts.json"}, "no other is a text, which it still fits"
    assert read["report.txt"] == "for [secret password]\r\n"
    assert json.loads(read["facts.json"]) == {"login": "[secret password]"}
    for sentence in told["refused"]:
        assert "it holds the value of a secret, which must not lie in a file" in sentence
        assert "hunter2-long" not in sentence
    assert len(told["refused"]) == 2
    task.end("FINISHED", at_ms=9)
    runs = named(attempt.sent())
    fit = runs["fit"]
    assert data_of(fit, "params") == {"login": "[secret password]"}
    assert data_of(fit, "metrics") == {"of secret password": 0.5}
    for tag in ("mlflow.parentRunId", "above"):
        assert tags_of(runs["child"])[tag] == fit["info"]["run_id"]


SENT = """
import json, os, sys, types
sys.modules["galley_inside_secrets"] = types.SimpleNamespace(_values=VALUES)
import mlflow, numpy
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from sklearn.linear_model import LinearRegression

secret, name = VALUES["dsn"], os.environ["NAME"]
mlflow.start_run()
client = MlflowClient()
mlflow.set_experiment_tag("dsn", secret)
other = client.create_experiment(f"{name} of {secret}", tags={"dsn": secret, secret: "1"})
assert client.get_experiment_by_name(f"{name} of {secret}").experiment_id == other
fitted = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
info = mlflow.sklearn.log_model(
    fitted, name="model", metadata={"dsn": secret, secret: "key", "at": f"{secret}@host"},
    params={"dsn": secret}, tags={"dsn": secret}, pip_requirements=[f"numpy  # {secret}"],
)
client.log_batch(  # to a run by the id that the server knows it by
    os.environ["SERVER_RUN"],
    params=[Param("dsn", secret)], tags=[RunTag(f"of {secret}", secret)],
    metrics=[Metric(f"of {secret}", 0.5, 1, 0)],
)
client.log_param(os.environ["SERVER_RUN"], "late", secret)
client.create_registered_model(name, tags={"dsn": secret}, description=secret)
client.set_registered_model_tag(name, f"of {secret}", secret)
version = client.create_model_version(
    name, info.model_uri, description=secret, tags={"dsn": secret}, model_id=info.model_id
)
loaded = mlflow.sklearn.load_model(f"models:/{name}/{version.version}")
assert loaded.predict([[3.0]]).round() == 3
assert mlflow.pyfunc.load_model(f"models:/{name}/{version.version}").predict([[3.0]]).round() == 3
plain = VALUES["plain"]
child = client.create_run(other, tags={"mlflow.user": plain})
client.log_param(child.info.run_id, "user", plain)
found = mlflow.search_runs(
    [other], filter_string=f"params.user = '{plain}'", output_format="list"
)

@mlflow.trace(name=f"of {secret}", attributes={"dsn": secret, secret: [secret]})
def connect(dsn):
    mlflow.get_current_active_span().set_inputs({"dsn": dsn, "deep": [{"dsn": dsn}]})
    mlflow.update_current_trace(tags={"dsn": dsn}, metadata={"dsn": dsn})
    raise ValueError(f"no login with {dsn}")

try:
    connect(secret)
except ValueError:
    pass
mlflow.flush_trace_async_logging()
(trace,) = mlflow.search_traces(locations=[mlflow.active_run().info.experiment_id],
                                return_type="list")
mlflow.log_feedback(trace_id=trace.info.trace_id, name="login", value=secret, rationale=secret)
mlflow.set_trace_tag(trace.info.trace_id, "late", secret)

with open("facts.json", "w") as file:
    file.write("{}")
refused = []
def attempt(what, function, *arguments, **more):
    try:
        function(*arguments, **more)
    except mlflow.MlflowException as error:
        refused.append(what if "holds the value of a secret" in str(error) else str(error))
fitted.note = secret
attempt("model", mlflow.sklearn.log_model, fitted, name="evil", pip_requirements=[],
        serialization_format="cloudpickle")
numpy.save("array.npy", numpy.frombuffer(secret.encode(), dtype="uint8"))
attempt("array", mlflow.log_artifact, "array.npy")
attempt("path", mlflow.log_artifact, "facts.json", artifact_path=f"of {secret}")
with open("large.txt", "w") as file:
    file.write("x" * (64 * 2**20 - 4) + secret)
attempt("large", mlflow.log_artifact, "large.txt")
print(json.dumps({
    "refused": refused, "other": other, "model": info.model_id, "trace": trace.info.trace_id,
    "own": mlflow.active_run().info.run_id, "found": len(found),
}))
"""


def everything(mlflow: MlflowProcess) -> Iterator[tuple[Path, bytes]]:
    """Yield the files in which a server keeps all that it was told."""
    for path in mlflow.socket.parent.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def test_no_call_takes_the_value_of_a_secret_to_the_server(
    attempt: Attempt, gate: Gate, tmp_path: Path
) -> None:
    value = "tr0ub4dor&'3\"-" + uuid.uuid4().hex
    weak = {"weak": "mlflow", "user": "trace", "kind": "experiment", "tag": "params"}
    plain = f"reader-{uuid.uuid4().hex}"
    values = {"dsn": value, "plain": plain, **weak}
    with TrackingClient(gate.uri, "t", timeout_s=30) as client:
        place = client.experiment(f"e-{uuid.uuid4().hex}")
        server_run = client.create(place, name="by-id", start_ms=1, tags={}).id
    name = f"registered-{uuid.uuid4().hex}"
    code = SENT.replace("VALUES", repr(values))
    told = attempt.run(attempt.task(), code, NAME=name, SERVER_RUN=server_run)
    assert told["refused"] == ["model", "array", "path", "large"], told["stderr"]
    assert told["found"] == 1, "what is searched for is what was logged"
    attempt.sent()
    kept = list(everything(gate.mlflow))
    # As it stands; how it is escaped in JSON, which is how the server keeps spans; its end.
    for form in (value, json.dumps(value)[1:-1], value[-32:], plain):
        assert [path for path, data in kept if form.encode() in data] == []
    clean = {path.name for path, data in kept if b"[secret dsn]" in data}
    assert clean >= {"mlflow.db", "MLmodel"}


ELSEWHERE = """
import json, mlflow
from mlflow import MlflowClient
with mlflow.start_run(experiment_id="EXPERIMENT", run_name="child", nested=True) as run:
    mlflow.log_metric("auc", 0.5)
    mlflow.log_text("report", "report.txt")
print(json.dumps({"experiment": run.info.experiment_id}))
"""


@pytest.mark.parametrize(("rehearsal", "where"), [("1", "own"), ("0", "other")])
def test_a_run_for_another_experiment_is_in_a_rehearsals_own(
    attempt: Attempt, gate: Gate, rehearsal: str, where: str
) -> None:
    names = {"own": attempt.experiment, "other": f"e-{uuid.uuid4().hex}"}
    with TrackingClient(gate.uri, "t", timeout_s=30) as client:
        place = client.experiment(names["other"])
    task = attempt.task()
    code = f"import mlflow; mlflow.start_run()\n{ELSEWHERE.replace('EXPERIMENT', place)}"
    told = attempt.run(task, code, GALLEY_REHEARSAL=rehearsal)
    assert ("a rehearsal logs to its own experiment" in told["stderr"]) == (where == "own")
    task.end("FINISHED", at_ms=9)
    attempt.sent()
    for which, name in names.items():
        there = "child" in named(gate.mlflow.runs(name))
        assert there == (which == where), which


SET = """
import json, mlflow, os
mlflow.set_experiment("OTHER")
with mlflow.start_run() as own:
    mlflow.log_metric("m", 1.0)
with mlflow.start_run(run_name="second"):
    mlflow.log_metric("m", 2.0)
print(json.dumps({"own": own.info.run_id}))
"""


@pytest.mark.parametrize("rehearsal", ["1", ""])
@pytest.mark.parametrize("there", [True, False])
def test_a_notebook_that_sets_another_experiment_logs_to_its_runs(
    attempt: Attempt, gate: Gate, rehearsal: str, there: bool
) -> None:
    other, task = f"{attempt.experiment}-other", attempt.task()
    with TrackingClient(gate.uri, "t") as client:
        if there:
            client.experiment(other)
        told = attempt.run(task, SET.replace("OTHER", other), GALLEY_REHEARSAL=rehearsal)
        made = client.find_experiment(other) is not None
    assert told["own"] == task.run
    said = f"logs to the experiment {attempt.experiment}" if made else f"{other!r} is not made"
    assert said in told["stderr"]
    assert made == (there or not rehearsal), "a rehearsal makes none"
    task.end("FINISHED", at_ms=9)
    runs = named(attempt.sent())
    assert data_of(runs["fit"], "metrics") == {"m": 1.0}
    assert data_of(runs["second"], "metrics") == {"m": 2.0}


AFTERWARDS = """
import json, mlflow
with mlflow.start_run():
    mlflow.log_metric("m", 1.0)
mlflow.set_experiment("OTHER")
with mlflow.start_run(run_name="second"):
    mlflow.log_metric("m", 2.0)
print(json.dumps({}))
"""


def test_what_a_notebook_begins_beside_its_own_run_is_where_it_says(
    attempt: Attempt, gate: Gate
) -> None:
    other, task = f"{attempt.experiment}-other", attempt.task()
    told = attempt.run(task, AFTERWARDS.replace("OTHER", other))
    assert "set_experiment" not in told["stderr"]
    task.end("FINISHED", at_ms=9)
    assert "second" not in named(attempt.sent())
    assert "second" in named(gate.mlflow.runs(other))


SEEDED = """
import json, mlflow, random
random.seed(7)
names = []
for _ in range(2):
    with mlflow.start_run():
        pass
    with mlflow.start_run() as own:
        names.append(own.info.run_name)
print(json.dumps({"drawn": random.random(), "names": names}))
"""


def test_a_run_without_a_name_draws_nothing_from_the_notebooks_generator(attempt: Attempt) -> None:
    told = attempt.run(attempt.task(), SEEDED)
    assert told["drawn"] == random.Random(7).random()
    assert all(re.fullmatch(r"[a-z]+-[a-z]+-\d+", name) for name in told["names"]), told
    assert len(set(told["names"])) == 2


LATE = """
import json
import mlflow
from mlflow.store.tracking.rest_store import RestStore

real, asked = RestStore.get_experiment_by_name, []
def late(store, name):
    asked.append(name)
    return None if len(asked) == 1 else real(store, name)

RestStore.get_experiment_by_name = late
mlflow.log_text("report", "report.txt")
print(json.dumps({"asked": len(asked)}))
"""


def test_an_experiment_that_somebody_else_makes_at_the_same_time_is_the_one(
    attempt: Attempt,
) -> None:
    attempt.client.experiment(attempt.experiment)
    assert attempt.run(attempt.task(), LATE)["asked"] == 2


FORKED = """
import json, os, sys
import mlflow, mlflow.sklearn  # as in a zygote: before anything is known about the task
import mlflow.tracking.fluent
environment, folder = json.loads(sys.stdin.read())
if pid := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
os.environ.update(environment)
sys.path.append(folder)
import galley_outbox
from pathlib import Path
galley_outbox.install(Path(folder))
mlflow.log_metric("auc", 0.5)
print(json.dumps({"run": mlflow.active_run().info.run_id}), flush=True)
os._exit(0)
"""


def test_a_forked_interpreter_learns_of_it_after_mlflow_was_imported(
    attempt: Attempt, tmp_path: Path
) -> None:
    task = attempt.task()
    tracking = TaskTracking(
        uri="http://127.0.0.1:9/m",
        token="t",
        experiment="e",
        outbox=tmp_path,
        parent=None,
        tags={},
    )
    plugin = place_plugin(tmp_path)
    environment = outbox_tracking(tracking, task, plugin, "")
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        input=json.dumps([environment, str(plugin)]),
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == task.run
    assert task.metrics() == {"auc": 0.5}


def test_placing_it_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    place(tmp_path)
    code = "import galley_outbox, galley_outbox.spool, galley_outbox.runs, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"mlflow", "galley"} & set(done.stdout.split())


def test_installing_it_in_a_process_without_mlflow_only_adds_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["/somewhere"])
    install(tmp_path)
    install(tmp_path)
    assert sys.path == ["/somewhere", str(tmp_path)]
