"""Who may write what in MLflow: a real server, and requests as clients and evil notebooks send."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from galley.domain.work import Assignment
from galley.service import MLFLOW_PREFIX
from galley.store import tokens
from galley.store.tokens import HostIdentity
from galley.tracking.client import WORKSPACE_HEADER
from galley.tracking.server import ALLOWED_HOST

from tests.galley.service.platform import Platform, running_platform, served
from tests.galley.service.tracked import Call, api, bearer

pytestmark = pytest.mark.integration

Headers = dict[str, str]
FILES = "/api/2.0/mlflow-artifacts/artifacts"
UPLOAD = "/ajax-api/2.0/mlflow/upload-artifact"


@pytest.fixture
def platform(mlflow_home: Path) -> Iterator[Platform]:
    shutil.rmtree(mlflow_home / "service", ignore_errors=True)
    with running_platform(mlflow_home) as running:
        yield running


class Tracked:
    """MLflow as one credential sees it."""

    def __init__(self, call: Call, headers: Headers) -> None:
        self._call = call
        self.headers = headers

    def send(self, path: str, body: Any = None, **more: Any) -> httpx.Response:
        return self._call(path, body, headers=self.headers, **more)

    def ask(self, route: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = self.send(api(route), body, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refused(self, route: str, body: Any = None, **more: Any) -> str:
        """Return the sentence with which a call is refused."""
        path = route if route.startswith("/") else api(route)
        answer = self.send(path, body, **more)
        assert answer.status_code == 403, (route, answer.status_code, answer.text)
        return str(answer.json()["message"])

    def experiment(self, name: str) -> str:
        found = self.send(api(f"experiments/get-by-name?experiment_name={name}"))
        if found.is_success:
            return str(found.json()["experiment"]["experiment_id"])
        return str(self.ask("experiments/create", {"name": name})["experiment_id"])

    def run(self, experiment: str, **more: Any) -> str:
        body = {"experiment_id": experiment, **more}
        return str(self.ask("runs/create", body)["run"]["info"]["run_id"])

    def model(self, experiment: str, run: str | None = None, name: str = "model") -> str:
        body = {"experiment_id": experiment, "name": name, "source_run_id": run}
        return str(self.ask("logged-models", body)["model"]["info"]["model_id"])

    def register(self, name: str, model: str) -> str:
        self.send(api("registered-models/create"), {"name": name})
        body = {"name": name, "source": f"models:/{model}", "model_id": model}
        return str(self.ask("model-versions/create", body)["model_version"]["version"])

    def put(self, path: str, content: bytes = b"x") -> int:
        answer = self._call(f"{FILES}/{path}", headers=self.headers, method="PUT", content=content)
        return answer.status_code

    def delete(self, path: str) -> int:
        return self._call(f"{FILES}/{path}", headers=self.headers, method="DELETE").status_code

    def get(self, path: str) -> bytes:
        return self._call(f"{FILES}/{path}", headers=self.headers).content

    def stage(self, run: str) -> str:
        return str(self.ask(f"runs/get?run_id={run}")["run"]["info"]["lifecycle_stage"])


@pytest.fixture
def slug() -> str:
    """The name of a pipeline that MLflow's server, which the tests share, has not seen yet."""
    return f"p-{uuid4().hex[:12]}"


@pytest.fixture
def approved(platform: Platform, call: Call, slug: str) -> Tracked:
    """A task of the run of an approved version."""
    platform.approved(slug)
    answer = platform.post(f"/tenants/oncology/pipelines/{slug}/runs", {})
    assert answer.status_code == 201, answer.text
    assignment = platform.lease("oncology")
    assert assignment is not None
    assert assignment.experiment == slug
    return Tracked(call, bearer(assignment.task_token))


@pytest.fixture
def rehearsed(platform: Platform, slug: str) -> Assignment:
    platform.publish(f"{slug}-next")
    assignment = platform.lease("oncology", "ada")
    assert assignment is not None
    return assignment


@pytest.fixture
def rehearsal(call: Call, rehearsed: Assignment) -> Tracked:
    """A task of a version that nobody has reviewed."""
    return Tracked(call, bearer(rehearsed.task_token))


@pytest.fixture
def notebook(platform: Platform, call: Call) -> Tracked:
    """A notebook in JupyterLab."""
    return Tracked(call, platform.as_user("ada", server_of="oncology"))


@pytest.fixture
def person(platform: Platform, call: Call) -> Tracked:
    """A person with a token of their own."""
    return Tracked(call, platform.as_user("ada"))


class Champion:
    """A model that an approved run made and registered, and where its file is."""

    def __init__(self, approved: Tracked, slug: str) -> None:
        self.experiment = approved.experiment(slug)
        self.run = approved.run(self.experiment)
        self.model = approved.model(self.experiment, self.run)
        self.name = slug
        self.file = f"{self.experiment}/models/{self.model}/artifacts/model.pkl"
        assert approved.put(self.file, b"reviewed") == 200
        assert approved.register(slug, self.model) == "1"
        body = {"name": slug, "alias": "prod", "version": "1"}
        approved.ask("registered-models/alias", body)


@pytest.fixture
def champion(approved: Tracked, slug: str) -> Champion:
    return Champion(approved, slug)


def spellings(file: str) -> list[str]:
    """Return an artifact's path as it can be written, encoded twice among it."""
    experiment, rest = file.split("/", 1)
    return [
        file,
        f"workspaces/oncology/{file}",
        f"{experiment}//{rest}",
        f"{experiment}/.%252F{rest}",
        file.replace("models", "%256dodels"),
        file.replace("/m-", "/%256d-"),
        file.replace("/m-", "/%25256d-"),
    ]


@pytest.mark.parametrize("who", ["rehearsal", "notebook", "person"])
def test_nobody_replaces_what_an_approved_run_made(
    who: str, champion: Champion, approved: Tracked, request: pytest.FixtureRequest
) -> None:
    other: Tracked = request.getfixturevalue(who)
    for path in spellings(champion.file):
        assert other.put(path, b"evil") in {400, 403, 404}, path
        assert other.delete(path) in {400, 403, 404}, path
    for path in (
        f"{champion.experiment}/models/{champion.model}/artifacts/code/numpy.py",
        f"{champion.experiment}/{champion.run}/artifacts/new.txt",
        f"{champion.experiment}/new.txt",
        "new.txt",
    ):
        assert other.put(path) == 403, path
    for path in (
        f"{champion.experiment}/models/{champion.model}",
        f"{champion.experiment}/models",
        champion.experiment,
        "workspaces/oncology",
    ):
        assert other.delete(path) == 403, path
    assert other.get(champion.file) == approved.get(champion.file) == b"reviewed"


@pytest.mark.parametrize("who", ["rehearsal", "notebook", "person"])
def test_nobody_changes_an_approved_run_or_its_models(
    who: str, champion: Champion, request: pytest.FixtureRequest
) -> None:
    other: Tracked = request.getfixturevalue(who)
    run = {"run_id": champion.run}
    tag = {"key": "best", "value": "1"}
    for route, body in (
        ("runs/delete", run),
        ("runs/delete", {"runId": champion.run}),
        ("runs/delete", json.dumps(run)),
        ("runs/update", {**run, "status": "FAILED"}),
        ("runs/update", {"run_uuid": champion.run, "status": "FAILED"}),
        ("runs/update", {"run_id": "", "runUuid": champion.run, "RUN_ID": "x"}),
        ("runs/set-tag", {**run, **tag}),
        ("runs/delete-tag", {**run, "key": "galley.kind"}),
        ("runs/log-metric", {**run, "key": "auc", "value": 1, "timestamp": 1}),
        ("runs/log-batch", {**run, "params": [tag]}),
        ("runs/outputs", {**run, "models": [{"model_id": "m-1", "step": 0}]}),
        (f"{UPLOAD}?run_uuid={champion.run}&path=a.txt", {}),
        ("experiments/delete", {"experiment_id": champion.experiment}),
        ("experiments/delete", {"experiment_id": f"0{champion.experiment}"}),
        ("experiments/update", {"experiment_id": champion.experiment, "new_name": "x"}),
        (
            "logged-models",
            {"experiment_id": champion.experiment, "source_run_id": champion.run, "name": "model"},
        ),
        (f"logged-models/{champion.model}/params", {"params": [tag]}),
    ):
        other.refused(route, body)
    model = f"logged-models/{champion.model}"
    other.refused(model, {"status": "LOGGED_MODEL_UPLOAD_FAILED"}, method="PATCH")
    other.refused(f"{model}/tags", {"tags": [tag]}, method="PATCH")
    other.refused(f"{model}/tags/galley.kind", method="DELETE")
    other.refused(model, method="DELETE")
    twice = f"{UPLOAD}?run_uuid={champion.run}&run_uuid=x&path=a.txt"
    assert other.send(twice, {}).status_code == 422
    assert other.stage(champion.run) == "active"
    found = other.ask(f"runs/get?run_id={champion.run}")["run"]
    assert {one["key"] for one in found["data"]["tags"]} >= {"galley.kind"}


def test_all_that_an_approved_run_makes_is_marked_whatever_its_client_sends(
    approved: Tracked, slug: str
) -> None:
    experiment = approved.experiment(slug)
    own = [{"key": "galley.kind", "value": "rehearsal"}, {"key": "team", "value": "lab"}]
    run = approved.ask(f"runs/get?run_id={approved.run(experiment, tags=own)}")["run"]
    expected = {("galley.kind", "pipeline"), ("team", "lab")}
    assert expected <= {(one["key"], one["value"]) for one in run["data"]["tags"]}
    model = approved.model(experiment)
    assert approved.register(slug, model) == "1"
    kind = {"key": "galley.kind", "value": "pipeline"}
    info = approved.ask(f"logged-models/{model}")["model"]["info"]
    assert kind in info["tags"]
    assert kind in approved.ask(f"registered-models/get?name={slug}")["registered_model"]["tags"]
    version = approved.ask(f"model-versions/get?name={slug}&version=1")["model_version"]
    assert kind in version["tags"]


@pytest.mark.parametrize("who", ["rehearsal", "notebook", "person"])
def test_nobody_else_claims_to_be_an_approved_run(
    who: str, rehearsal: Tracked, rehearsed: Assignment, request: pytest.FixtureRequest
) -> None:
    other: Tracked = request.getfixturevalue(who)
    mark = {"key": "galley.kind", "value": "pipeline"}
    experiment = rehearsal.experiment(rehearsed.experiment)
    run = other.run(experiment)
    for route, body in (
        ("runs/create", {"experiment_id": experiment, "tags": [mark]}),
        ("runs/set-tag", {"run_id": run, **mark}),
        ("runs/log-batch", {"run_id": run, "tags": [mark]}),
        ("logged-models", {"experiment_id": experiment, "name": "m", "tags": [mark]}),
    ):
        assert "galley.kind" in other.refused(route, body)


def test_a_worker_host_marks_what_approved_runs_logged(
    platform: Platform, call: Call, slug: str, person: Tracked
) -> None:
    host = Tracked(call, platform.as_host("oncology"))
    run = host.run(host.experiment(slug))
    assert "approved" in person.refused("runs/delete", {"run_id": run})
    assert host.put(f"{host.experiment(slug)}/{run}/artifacts/fit.ipynb") == 200
    host.ask("runs/delete", {"run_id": run})


def test_a_rehearsal_writes_to_its_own_experiment(
    rehearsal: Tracked, rehearsed: Assignment
) -> None:
    own = rehearsal.experiment(rehearsed.experiment)
    run = rehearsal.run(own)
    metric = {"run_id": run, "key": "auc", "value": 0.5, "timestamp": 1}
    rehearsal.ask("runs/log-metric", metric)
    rehearsal.ask("runs/log-batch", {"run_id": run, "tags": [{"key": "a", "value": "1"}]})
    rehearsal.ask(
        "experiments/set-experiment-tag", {"experiment_id": own, "key": "a", "value": "1"}
    )
    model = rehearsal.model(own, run)
    file = f"{own}/models/{model}/artifacts/model.pkl"
    assert rehearsal.put(file, b"1") == rehearsal.put(file, b"2") == 200
    assert rehearsal.put(f"{own}/{run}/artifacts/{uuid4().hex}", b"named by its digest") == 200
    ready = {"model_id": model, "status": "LOGGED_MODEL_READY"}
    rehearsal.ask(f"logged-models/{model}", ready, method="PATCH")
    assert rehearsal.delete(file) == 200
    rehearsal.ask("runs/delete", {"run_id": run})


def test_a_rehearsal_writes_nowhere_else(
    rehearsal: Tracked, rehearsed: Assignment, notebook: Tracked, slug: str
) -> None:
    own = rehearsal.experiment(rehearsed.experiment)
    mine = rehearsal.run(own)
    theirs = notebook.experiment(f"{slug}-notes")
    run = notebook.run(theirs)
    model = notebook.model(theirs)
    file = f"{theirs}/models/{model}/artifacts/model.pkl"
    assert notebook.put(file, b"1") == 200
    for route, body in (
        ("runs/create", {"experiment_id": theirs}),
        ("runs/create", {"experiment_id": own, "experimentId": theirs}),
        ("runs/create", {}),
        ("runs/create", {"run_id": mine}),
        ("runs/log-metric", {"experiment_id": own, "key": "auc", "value": 1, "timestamp": 1}),
        ("runs/log-metric", {"run_id": run, "key": "auc", "value": 1, "timestamp": 1}),
        ("runs/log-metric", {"run_id": uuid4().hex, "key": "auc", "value": 1, "timestamp": 1}),
        ("runs/delete", {"run_id": run}),
        ("logged-models", {"experiment_id": theirs, "name": "m"}),
        ("logged-models", {"experiment_id": own, "name": "m", "source_run_id": run}),
        ("experiments/create", {"name": f"{slug}-another"}),
        ("experiments/delete", {"experiment_id": theirs}),
        ("experiments/delete", {"experiment_id": own}),
        ("experiments/update", {"experiment_id": own, "new_name": "x"}),
        ("experiments/set-experiment-tag", {"experiment_id": theirs, "key": "a", "value": "1"}),
        ("traces/delete-traces", {"experiment_id": theirs, "max_timestamp_millis": 1}),
        (f"{UPLOAD}?run_uuid={run}&path=a.txt", {}),
        ("registered-models/create", {"name": slug}),
    ):
        rehearsal.refused(route, body)
    place = {"mlflow_experiment": {"experiment_id": theirs}, "type": "MLFLOW_EXPERIMENT"}
    trace = {"trace": {"trace_info": {"trace_id": "tr-1", "trace_location": place}}}
    rehearsal.refused("/api/3.0/mlflow/traces", trace)
    rehearsal.refused("/api/3.0/mlflow/traces", {"experiment_id": own, "trace": {}})
    rehearsal.refused("traces", {"trace": trace, "timestamp_ms": 1})
    rehearsal.refused("/api/3.0/mlflow/datasets/create", {"name": "d", "experiment_ids": [theirs]})
    spans = {**rehearsal.headers, "x-mlflow-experiment-id": theirs}
    assert rehearsal._call("/v1/traces", {}, headers=spans).status_code == 403
    assert rehearsal.put(file, b"2") == rehearsal.delete(file) == 403
    assert rehearsal.get(file) == b"1"
    assert "GALLEY_REHEARSAL" in rehearsal.refused("runs/delete", {"run_id": run})
    assert rehearsed.experiment in rehearsal.refused("runs/create", {"experiment_id": theirs})


def test_an_experiment_that_leads_elsewhere_leads_a_rehearsal_nowhere(
    notebook: Tracked, rehearsal: Tracked, rehearsed: Assignment, champion: Champion
) -> None:
    folder = f"mlflow-artifacts:/{champion.experiment}/models/{champion.model}/artifacts"
    body = {"name": rehearsed.experiment, "artifact_location": folder}
    rehearsal.refused("experiments/create", body)
    made = notebook.send(api("experiments/create"), body)
    assert "artifact_location cannot be specified" in made.text, "MLflow itself sees to that"
    run = rehearsal.run(rehearsal.experiment(rehearsed.experiment))
    below = f"{champion.experiment}/models/{champion.model}/artifacts/{run}/artifacts/model.pkl"
    assert rehearsal.put(below) == notebook.put(below) == 403


def test_a_trial_and_the_host_of_a_rehearsal_are_held_to_it_too(
    platform: Platform, call: Call, approved: Tracked, slug: str
) -> None:
    path = f"/tenants/oncology/pipelines/{slug}/trials"
    assert platform.post(path, {"version": 1}).is_success
    assignment = platform.lease("oncology", "ada")
    assert assignment is not None
    assert assignment.experiment == f"{slug} (trials)"
    identity = HostIdentity(tenant="oncology", author="ada", run=assignment.run)
    secret = platform.store.write(lambda s: tokens.mint_host(s, identity, platform.clock()))
    theirs = approved.experiment(slug)
    made = approved.run(theirs)
    trial, host = (Tracked(call, bearer(one)) for one in (assignment.task_token, secret))
    for who in (trial, host):
        run = who.run(who.experiment(assignment.experiment))
        assert who.put(f"{who.experiment(assignment.experiment)}/{run}/artifacts/a.txt") == 200
        assert who.put(f"{theirs}/{made}/artifacts/a.txt") in {403, 409}
    trial.refused("runs/create", {"experiment_id": theirs})
    # Final for what sends outboxes, which sends again what was refused for its token.
    refused = host.send(api("runs/create"), {"experiment_id": theirs})
    assert (refused.status_code, refused.json()["error_code"]) == (409, "BAD_REQUEST")
    anybody = Tracked(call, platform.as_host("oncology", "ada"))
    assert anybody.send(api("runs/create"), {"experiment_id": theirs}).status_code == 409


@pytest.mark.parametrize("who", ["notebook", "person"])
def test_people_write_their_own_runs_as_they_like(
    who: str, slug: str, request: pytest.FixtureRequest
) -> None:
    other: Tracked = request.getfixturevalue(who)
    experiment = other.experiment(f"{slug}-notes")
    run = other.run(experiment)
    model = other.model(experiment, run)
    for file in (
        f"{experiment}/models/{model}/artifacts/model.pkl",
        f"{experiment}/{run}/artifacts/report/a.html",
        f"{experiment}/{run}/artifacts/{uuid4().hex}",
    ):
        assert other.put(file, b"1") == other.put(file, b"2") == 200
        assert other.get(file) == b"2"
        assert other.delete(file) == 200
    upload = f"{UPLOAD}?run_uuid={run}&path=a.txt"
    assert other.send(upload, method="POST", content=b"x").status_code == 200
    other.ask("runs/delete", {"run_id": run})
    other.ask("runs/restore", {"run_id": run})
    other.ask(f"logged-models/{model}", method="DELETE")
    other.ask("experiments/update", {"experiment_id": experiment, "new_name": f"{slug}-renamed"})
    other.ask("experiments/delete", {"experiment_id": experiment})


def test_what_a_registered_model_comes_of_stays_as_it_is(
    person: Tracked, notebook: Tracked, slug: str
) -> None:
    experiment = notebook.experiment(f"{slug}-notes")
    run = notebook.run(experiment)
    model = notebook.model(experiment, run)
    folder = f"{experiment}/models/{model}/artifacts"
    below = f"{experiment}/{run}/artifacts"
    assert notebook.put(f"{folder}/model.pkl", b"1") == 200
    assert notebook.put(f"{below}/old/model.pkl", b"1") == 200
    notebook.register(slug, model)
    source = {"source": f"mlflow-artifacts:/workspaces/oncology/{below}/old", "run_id": run}
    notebook.ask("model-versions/create", {"name": slug, **source})
    for who in (person, notebook):
        assert who.put(f"{folder}/model.pkl") == who.put(f"{folder}/code/a.py") == 403
        assert who.put(f"{below}/old/model.pkl") == who.put(f"{below}/old/code/a.py") == 403
        assert who.delete(f"{folder}/model.pkl") == who.delete(folder) == 403
        assert who.delete(f"{below}/old") == who.delete(below) == who.delete(f"{below}/") == 403
        assert who.delete(f"{below}//old") == who.put(f"{below}/%25252E/old/model.pkl") == 403
        assert "delete the version first" in who.refused("runs/delete", {"run_id": run})
        who.refused(f"logged-models/{model}", method="DELETE")
        assert who.put(f"{below}/older/report.html") == 200, "beside it is not within it"
        who.ask("runs/set-tag", {"run_id": run, "key": "a", "value": "1"})
    assert notebook.get(f"{folder}/model.pkl") == b"1"
    for version in "12":
        body = {"name": slug, "version": version}
        notebook.ask("model-versions/delete", body, method="DELETE")
    assert notebook.put(f"{folder}/model.pkl", b"2") == 200
    notebook.ask("runs/delete", {"run_id": run})


def test_a_notebook_does_not_change_what_approved_runs_register(
    notebook: Tracked, champion: Champion, slug: str
) -> None:
    experiment = notebook.experiment(f"{slug}-notes")
    evil = notebook.model(experiment)
    name = {"name": champion.name}
    version = {**name, "version": "1"}
    source = {"source": f"models:/{evil}", "model_id": evil}
    assert "any notebook can read" in notebook.refused("model-versions/create", {**name, **source})
    for route, body, method in (
        ("registered-models/alias", {**version, "alias": "prod"}, "POST"),
        ("registered-models/alias", {**name, "alias": "prod"}, "DELETE"),
        ("registered-models/rename", {**name, "new_name": f"{slug}-old"}, "POST"),
        ("registered-models/set-tag", {**name, "key": "a", "value": "1"}, "POST"),
        ("registered-models/delete-tag", {**name, "key": "galley.kind"}, "DELETE"),
        ("registered-models/delete", name, "DELETE"),
        ("model-versions/delete", version, "DELETE"),
        ("model-versions/set-tag", {**version, "key": "a", "value": "1"}, "POST"),
        ("model-versions/delete-tag", {**version, "key": "galley.kind"}, "DELETE"),
        ("model-versions/transition-stage", {**version, "stage": "Production"}, "POST"),
        ("model-versions/update", {**version, "description": "x"}, "PATCH"),
    ):
        notebook.refused(route, body, method=method)
    answer = notebook.send(api("registered-models/create"), name)
    assert answer.json()["error_code"] == "RESOURCE_ALREADY_EXISTS", "as its client expects"


def test_a_notebook_registers_models_of_its_own_and_a_person_promotes_any(
    notebook: Tracked, person: Tracked, champion: Champion, slug: str
) -> None:
    experiment = notebook.experiment(f"{slug}-notes")
    own = notebook.model(experiment)
    assert notebook.register(f"{slug}-mine", own) == "1"
    alias = {"name": f"{slug}-mine", "alias": "best", "version": "1"}
    notebook.ask("registered-models/alias", alias)
    assert notebook.register(f"{slug}-copy", champion.model) == "1", "of an approved model, too"
    noted = {"tags": [{"key": "mlflow.modelVersions", "value": "[]"}]}
    notebook.ask(f"logged-models/{champion.model}/tags", noted, method="PATCH")
    assert person.register(champion.name, own) == "2"
    person.ask("registered-models/alias", {**alias, "name": champion.name, "version": "2"})


@pytest.mark.parametrize("who", ["notebook", "person"])
def test_a_version_that_an_approved_run_made_is_promoted_with_its_tags_but_that_one(
    request: pytest.FixtureRequest, who: str, champion: Champion, slug: str
) -> None:
    promoting: Tracked = request.getfixturevalue(who)
    tags = [{"key": "galley.kind", "value": "pipeline"}, {"key": "auc", "value": "0.9"}]
    name = {"name": f"{slug}-best", "tags": tags}
    promoting.ask("registered-models/create", name)
    source = {"source": f"models:/{champion.model}", "model_id": champion.model}
    made = promoting.ask("model-versions/create", {**name, **source})["model_version"]
    assert made["tags"] == [{"key": "auc", "value": "0.9"}]


def test_versions_of_approved_runs_count_wherever_they_are_and_however_they_are_named(
    notebook: Tracked, approved: Tracked, slug: str
) -> None:
    own = notebook.model(notebook.experiment(f"{slug}-notes"))
    theirs = approved.model(approved.experiment(slug))
    for name in (f"{slug}'s", f'{slug} "best"', f"{slug} % _ and name = 'x'"):
        assert notebook.register(name, own) == "1"
        assert notebook.register(name, own) == "2"
        approved.register(name, theirs)
        notebook.refused("model-versions/create", {"name": name, "source": f"models:/{own}"})
    approved.ask("registered-models/create", {"name": f"{slug}-next"})
    source = {"source": f"models:/{own}"}
    notebook.refused("model-versions/create", {"name": f"{slug}-next", **source})
    prompt = {"name": f"{slug}-prompt"}
    is_prompt = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    text = [*is_prompt, {"key": "mlflow.prompt.text", "value": "Dear {{name}}"}]
    notebook.ask("registered-models/create", {**prompt, "tags": is_prompt})
    version = {**prompt, "source": "dummy-source", "tags": text}
    notebook.ask("model-versions/create", version)
    approved.ask("model-versions/create", version)
    notebook.refused("model-versions/create", version)


def test_a_version_of_an_approved_run_counts_that_nobody_marked(
    notebook: Tracked, person: Tracked, champion: Champion, slug: str
) -> None:
    person.register(f"{slug}-by-hand", champion.model)
    alias = {"name": f"{slug}-by-hand", "alias": "prod", "version": "1"}
    notebook.refused("registered-models/alias", alias)


def test_a_model_of_an_approved_run_counts_that_nobody_marked(
    platform: Platform, person: Tracked, champion: Champion
) -> None:
    body = {"experiment_id": champion.experiment, "source_run_id": champion.run, "name": "old"}
    socket = httpx.HTTPTransport(uds=str(platform.settings.mlflow_socket))
    workspace = {WORKSPACE_HEADER: "oncology"}
    with httpx.Client(transport=socket, headers=workspace) as mlflow:
        made = mlflow.post(f"http://{ALLOWED_HOST}{api('logged-models')}", json=body)
    info = made.json()["model"]["info"]
    assert "galley.kind" not in made.text
    assert person.put(f"{champion.experiment}/models/{info['model_id']}/artifacts/a.pkl") == 403


def test_the_room_of_what_was_removed_can_be_freed_by_a_person(
    platform: Platform, call: Call, approved: Tracked, person: Tracked, notebook: Tracked, slug: str
) -> None:
    experiment = approved.experiment(slug)
    run = approved.run(experiment)
    folder = f"{experiment}/{run}/artifacts"
    assert approved.put(f"{folder}/a.txt") == 200
    assert person.delete(folder) == 403
    Tracked(call, platform.as_host("oncology")).ask("runs/delete", {"run_id": run})
    assert person.put(f"{folder}/a.txt") == notebook.delete(folder) == 403
    assert person.delete(folder) == 200
    person.ask("runs/restore", {"run_id": run})
    assert person.delete(folder) == 403
    own = notebook.experiment(f"{slug}-notes")
    model = notebook.model(own)
    assert notebook.put(f"{own}/models/{model}/artifacts/a.txt") == 200
    notebook.ask(f"logged-models/{model}", method="DELETE")
    assert notebook.put(f"{own}/models/m-{uuid4().hex}/artifacts/a.txt") == 403, "whose is it?"
    assert person.delete(f"{own}/models/{model}/artifacts") == 200


def test_what_is_no_call_of_mlflows_is_refused_before_it_gets_there(notebook: Tracked) -> None:
    for content in (b"[]", b'"x"', b"{", b"[" * 100_000):
        answer = notebook.send(api("runs/delete"), method="POST", content=content)
        assert answer.status_code == 422, content[:9]
    assert notebook.put("%" + "25" * 20 + "41") == 422


CLIENT = """
import json, sys
import mlflow, pandas
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression

name = sys.argv[1]
mlflow.set_experiment(f"{name}-client")
mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run() as run:
    fitted = LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])
    for _ in range(2):
        mlflow.log_text("again", "notes.txt")
        mlflow.log_dict({"a": 1}, "facts.json")
    with mlflow.start_run(nested=True) as child:
        mlflow.log_params({"depth": 3})
        mlflow.set_tags({"team": "lab"})
mlflow.sklearn.autolog(disable=True)
with mlflow.start_run():
    for version in (1, 2):
        info = mlflow.sklearn.log_model(
            fitted, name="model", registered_model_name=f"{name}-mine", pip_requirements=[]
        )
    mlflow.models.set_signature(
        mlflow.sklearn.log_model(fitted, name="other", pip_requirements=[]).model_uri,
        mlflow.models.infer_signature([[1.0]], [1.0]),
    )
mlflow.register_model(f"models:/{info.model_id}", f"{name}-other")
client = MlflowClient()
client.set_registered_model_alias(f"{name}-mine", "best", 2)
assert mlflow.sklearn.load_model(f"models:/{name}-mine@best")
@mlflow.trace
def answer(x):
    return x + 1
answer(1)
mlflow.flush_trace_async_logging()
(trace,) = mlflow.search_traces(return_type="list")
mlflow.set_trace_tag(trace.info.trace_id, "seen", "yes")
mlflow.log_feedback(trace_id=trace.info.trace_id, name="good", value=True)
mlflow.models.evaluate(
    f"models:/{name}-mine@best", data=pandas.DataFrame({"x": [1.0], "y": [1.0]}),
    targets="y", model_type="regressor",
)
client.log_batch(child.info.run_id, metrics=[mlflow.entities.Metric("auc", 0.5, 1, 0)])
client.delete_run(child.info.run_id)
mlflow.delete_run(run.info.run_id)
refused = []
for attempt in (
    lambda: mlflow.register_model(f"models:/{info.model_id}", name),
    lambda: client.set_registered_model_alias(name, "prod", 1),
    lambda: client.set_tag(sys.argv[2], "best", "1"),
):
    try:
        attempt()
    except mlflow.MlflowException as error:
        refused.append(error.error_code)
print(json.dumps(refused))
"""


def test_a_notebook_in_jupyterlab_uses_mlflow_as_it_is(mlflow_home: Path, tmp_path: Path) -> None:
    shutil.rmtree(mlflow_home / "service", ignore_errors=True)
    name = f"p-{uuid4().hex[:12]}"
    with running_platform(mlflow_home, lifespan=False) as platform, served(platform) as url:
        address = f"{url}{MLFLOW_PREFIX}/oncology"
        host = platform.as_host("oncology")
        with httpx.Client(base_url=address, headers=host) as client:
            made = client.post(api("experiments/create"), json={"name": name}).json()
            run = client.post(api("runs/create"), json=made).json()["run"]["info"]["run_id"]
        with httpx.Client(base_url=address, headers=platform.as_user("ada")) as client:
            client.post(api("registered-models/create"), json={"name": name})
            version = {"name": name, "source": f"runs:/{run}/model", "run_id": run}
            assert client.post(api("model-versions/create"), json=version).is_success
        token = platform.as_user("ada", server_of="oncology")["Authorization"].split()[1]
        done = subprocess.run(
            [sys.executable, "-c", CLIENT, name, run],
            cwd=tmp_path,
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": address,
                "MLFLOW_TRACKING_TOKEN": token,
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            capture_output=True,
            text=True,
            timeout=240,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["PERMISSION_DENIED"] * 3, done.stderr
