"""What runs logged goes with them: against a real MLflow server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from galley.service.mlflow.pruning import Pruning
from galley.store import Store, retention
from galley.store.records import TrackedRemovalRow

from tests.galley.tracking.mlflow_process import WORKSPACE, MlflowProcess

pytestmark = pytest.mark.integration

OTHER = "winery"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path / 'galley.db'}")
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def experiment(mlflow: MlflowProcess) -> str:
    mlflow.http.post("/api/3.0/mlflow/workspaces", json={"name": OTHER})
    return f"e-{uuid4().hex}"


def ask(
    mlflow: MlflowProcess, route: str, body: dict[str, object], workspace: str = WORKSPACE
) -> dict[str, dict[str, dict[str, str]]]:
    answer = mlflow.http.post(
        f"/api/2.0/mlflow/{route}", json=body, headers={"X-MLFLOW-WORKSPACE": workspace}
    )
    assert answer.is_success, answer.text
    found: dict[str, dict[str, dict[str, str]]] = answer.json()
    return found


def logged(
    mlflow: MlflowProcess,
    place: str,
    of: UUID | str,
    *,
    tag: str = "galley.run_id",
    workspace: str = WORKSPACE,
) -> str:
    body = {
        "experiment_id": place,
        "start_time": 1,
        "tags": [{"key": tag, "value": str(of)}],
    }
    return ask(mlflow, "runs/create", body, workspace)["run"]["info"]["run_id"]


def stage(mlflow: MlflowProcess, run: str, workspace: str = WORKSPACE) -> str:
    answer = mlflow.http.get(
        "/api/2.0/mlflow/runs/get",
        params={"run_id": run},
        headers={"X-MLFLOW-WORKSPACE": workspace},
    )
    return str(answer.json()["run"]["info"]["lifecycle_stage"])


def note(store: Store, run: UUID, experiment: str) -> None:
    row = {"run_id": run, "tenant": WORKSPACE, "experiment": experiment}
    store.write(lambda s: s.add(TrackedRemovalRow(**row)))


def noted(store: Store) -> list[UUID]:
    return [one for one, _, _ in store.read(lambda s: retention.tracked_removals(s, None, 9))]


def test_what_a_run_logged_goes_with_it_and_nothing_else_does(
    mlflow: MlflowProcess, store: Store, experiment: str
) -> None:
    places = {
        name: str(ask(mlflow, "experiments/create", {"name": experiment}, name)["experiment_id"])
        for name in (WORKSPACE, OTHER)
    }
    gone, kept = uuid4(), uuid4()
    whole = logged(mlflow, places[WORKSPACE], gone)
    nested = logged(mlflow, places[WORKSPACE], whole, tag="mlflow.parentRunId")
    stays = logged(mlflow, places[WORKSPACE], kept)
    model = logged(mlflow, places[WORKSPACE], gone)
    theirs = logged(mlflow, places[OTHER], gone, workspace=OTHER)
    ask(mlflow, "registered-models/create", {"name": experiment})
    source = f"runs:/{model}/model"
    version: dict[str, object] = {"name": experiment, "source": source, "run_id": model}
    ask(mlflow, "model-versions/create", version)

    note(store, gone, experiment)
    note(store, uuid4(), "an experiment that never was")
    Pruning(store, mlflow.socket).step()
    assert noted(store) == []
    assert [stage(mlflow, one) for one in (whole, nested)] == ["deleted", "deleted"]
    assert [stage(mlflow, one) for one in (stays, model)] == ["active", "active"]
    assert stage(mlflow, theirs, OTHER) == "active"
    note(store, gone, experiment)
    Pruning(store, mlflow.socket).step()
    assert noted(store) == [], "a second time is no mistake"


def test_while_mlflow_is_away_it_stays_noted(
    mlflow: MlflowProcess, store: Store, experiment: str, tmp_path: Path
) -> None:
    place = str(ask(mlflow, "experiments/create", {"name": experiment})["experiment_id"])
    gone = uuid4()
    run = logged(mlflow, place, gone)
    note(store, gone, experiment)
    Pruning(store, tmp_path / "nobody.sock").step()
    assert (noted(store), stage(mlflow, run)) == ([gone], "active")
    Pruning(store, mlflow.socket).step()
    assert (noted(store), stage(mlflow, run)) == ([], "deleted")
