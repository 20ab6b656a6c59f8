"""The runner's client against a real MLflow server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from galley.tracking.client import TrackingClient, TrackingRefused, TrackingUnavailable
from galley.tracking.parent import milliseconds

from tests.galley.tracking.mlflow_process import MlflowProcess

pytestmark = pytest.mark.integration


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
    client.upload(run, "fit.ipynb", iter([b"{", b"}"]), 2)
    client.end(run.id, status="FINISHED", end_ms=9)
    assert client.get(run.id).status == "FINISHED"
    assert client.get(run.id).metrics == {"auc": 0.9}
    (told,) = mlflow.runs(experiment)
    data = told["data"]
    assert isinstance(data, dict)
    assert len(data["params"]) == 150
    listed = mlflow.http.get("/api/2.0/mlflow/artifacts/list", params={"run_id": run.id}).json()
    assert [file["path"] for file in listed["files"]] == ["fit.ipynb"]


def test_an_error_tells_whether_anything_can_have_happened(
    client: TrackingClient, forward: Forward, experiment: str
) -> None:
    with pytest.raises(TrackingRefused) as refused:
        client.get("0" * 32)
    assert (refused.value.status, refused.value.code) == (404, "RESOURCE_DOES_NOT_EXIST")
    forward.away = True
    with pytest.raises(TrackingUnavailable) as away:
        client.get("x")
    assert not away.value.reached
    assert away.value.reason == "MLflow did not answer runs/get: ConnectError: away"
    forward.away = False
    forward.lose.add("experiments/get-by-name")
    with pytest.raises(TrackingUnavailable) as lost:
        client.experiment(experiment)
    assert lost.value.reached


@pytest.mark.parametrize("answer", [{}, {"run": {}}, {"run": "m"}, []])
def test_an_answer_that_is_not_mlflows_is_none(answer: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    with TrackingClient("http://platform/m", "token", transport=transport) as client:
        with pytest.raises(TrackingUnavailable, match="runs/create makes no sense"):
            client.create("1", name="a", start_ms=1, tags={})
        with pytest.raises(TrackingUnavailable, match="experiments/get-by-name makes no sense"):
            client.find_experiment("e")


def test_an_artifact_outside_the_proxy_is_refused(client: TrackingClient, experiment: str) -> None:
    run = client.create(client.experiment(experiment), name="r", start_ms=1, tags={})
    elsewhere = run.model_copy(update={"artifact_uri": "file:/tmp/x"})
    with pytest.raises(TrackingUnavailable, match="not behind MLflow's proxy"):
        client.upload(elsewhere, "a", [], 0)


def test_milliseconds() -> None:
    assert milliseconds(datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)) == 1500
