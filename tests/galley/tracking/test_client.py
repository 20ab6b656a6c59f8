"""The runner's client against a real MLflow server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from galley.domain.runs import AttemptState
from galley.tracking.client import TrackingClient, TrackingRefused, TrackingUnavailable
from galley.tracking.parent import end_parent, milliseconds, start_parent
from galley.tracking.tracker import KEY, Tracker

from tests.galley.tracking.mlflow_process import MlflowProcess, tags_of

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Forward(httpx.BaseTransport):
    """The platform's proxy, reduced to its forwarding; may lose answers or be away."""

    def __init__(self, mlflow: MlflowProcess) -> None:
        self.mlflow = mlflow
        self.lose: set[str] = set()
        self.away = False
        self.calls: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path.rpartition("/mlflow/")[2])
        if self.away:
            raise httpx.ConnectError("away")
        path = request.url.raw_path.decode().removeprefix("/m")
        kind = request.headers.get("Content-Type", "application/json")
        status, body = self.mlflow.answer(request.method, path, request.read(), kind)
        if self.calls[-1] in self.lose:
            self.lose.discard(self.calls[-1])
            raise httpx.ReadTimeout("the answer was lost")
        return httpx.Response(status, content=body)


@pytest.fixture
def forward(mlflow: MlflowProcess) -> Forward:
    return Forward(mlflow)


@pytest.fixture
def client(forward: Forward) -> Iterator[TrackingClient]:
    with TrackingClient("http://platform/m", "token", transport=forward) as made:
        yield made


@pytest.fixture
def experiment() -> str:
    return f"e-{uuid.uuid4().hex}"


def test_an_experiment_is_made_once(client: TrackingClient, experiment: str) -> None:
    assert client.experiment(experiment) == client.experiment(experiment)


def test_a_run_keeps_what_is_logged(
    client: TrackingClient, mlflow: MlflowProcess, experiment: str
) -> None:
    run = client.create(
        client.experiment(experiment), name="fit", start_ms=1, tags={"a": "b" * 9000}
    )
    client.log(
        run.id,
        params={f"p{n}": n for n in range(150)},
        metrics={"auc": 0.9, "broken": float("nan")},
        at_ms=5,
    )
    client.upload(run, "fit.ipynb", b"{}")
    client.end(run.id, status="FINISHED", end_ms=9)
    assert client.get(run.id).status == "FINISHED"
    assert client.get(run.id).metrics == {"auc": 0.9}
    (told,) = mlflow.runs(experiment)
    data = told["data"]
    assert isinstance(data, dict)
    assert len(data["params"]) == 150
    listed = mlflow.http.get("/api/2.0/mlflow/artifacts/list", params={"run_id": run.id}).json()
    assert [file["path"] for file in listed["files"]] == ["fit.ipynb"]


def test_a_lost_answer_does_not_double_the_run(
    client: TrackingClient, forward: Forward, mlflow: MlflowProcess, experiment: str
) -> None:
    said: list[str] = []
    tracker = Tracker(client, said.append)
    forward.lose.add("runs/create")
    run = tracker.create_once(
        client.experiment(experiment), key="attempt-1", name="r", start_ms=1, tags={}
    )
    assert run is not None
    assert said == []
    (told,) = mlflow.runs(experiment)
    assert tags_of(told)[KEY] == "attempt-1"


def test_a_server_that_is_away_is_asked_once_and_then_left_alone(
    client: TrackingClient, forward: Forward
) -> None:
    clock = [0.0]
    said: list[str] = []
    tracker = Tracker(client, said.append, clock=lambda: clock[0])
    forward.away = True
    assert tracker.attempt("read it", lambda client: client.get("x")) is None
    assert tracker.attempt("read it", lambda client: client.get("x")) is None
    assert len(forward.calls) == 1
    (line,) = said
    assert line.startswith("tracking: could not read it; the run goes on without. ")
    assert line.endswith("MLflow did not answer runs/get: ConnectError: away")
    clock[0] = 21.0
    tracker.attempt("read it", lambda client: client.get("x"))
    assert len(forward.calls) == 2


def test_one_refused_call_does_not_close_the_way(client: TrackingClient, experiment: str) -> None:
    said: list[str] = []
    tracker = Tracker(client, said.append)
    assert tracker.attempt("read it", lambda client: client.get("0" * 32)) is None
    assert len(said) == 1
    assert tracker.attempt("make it", lambda client: client.experiment(experiment)) is not None
    with pytest.raises(TrackingRefused):
        client.get("0" * 32)


def test_the_parent_has_params_metrics_and_a_final_status(
    client: TrackingClient, mlflow: MlflowProcess, experiment: str
) -> None:
    tracker = Tracker(client, lambda line: pytest.fail(line))
    parent = start_parent(
        tracker,
        experiment=experiment,
        key="k",
        name="survival v3",
        started_at=NOW,
        tags={"galley.run_id": "r"},
        params={"alpha": 0.1},
    )
    end_parent(tracker, parent, state=AttemptState.TIMED_OUT, metrics={"auc": 0.8}, ended_at=NOW)
    assert parent.run_id is not None
    assert client.get(parent.run_id).status == "FAILED"
    assert client.get(parent.run_id).metrics == {"auc": 0.8}
    (told,) = mlflow.runs(experiment)
    assert tags_of(told)["galley.run_id"] == "r"


def test_an_artifact_outside_the_proxy_is_refused(client: TrackingClient, experiment: str) -> None:
    run = client.create(client.experiment(experiment), name="r", start_ms=1, tags={})
    elsewhere = run.model_copy(update={"artifact_uri": "file:/tmp/x"})
    with pytest.raises(TrackingUnavailable, match="not behind MLflow's proxy"):
        client.upload(elsewhere, "a", b"")


def test_milliseconds() -> None:
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)) == 1500
