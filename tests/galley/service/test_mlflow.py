"""The proxy in front of a real MLflow server on a real socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from galley.domain.work import Assignment
from galley.service import MLFLOW_PREFIX
from playwright.sync_api import sync_playwright

from tests.galley.service.platform import HOST, Platform, running_platform, served
from tests.galley.service.tracked import Call, api, bearer, new_run

pytestmark = pytest.mark.integration

CHROMIUM = Path("/usr/bin/chromium")
HTML = "<h1>Report</h1><script>top.stolen = 1</script>"


@pytest.fixture
def platform(mlflow_home: Path) -> Iterator[Platform]:
    shutil.rmtree(mlflow_home / "service", ignore_errors=True)
    with running_platform(mlflow_home) as running:
        yield running


def work(platform: Platform) -> Assignment:
    platform.publish()
    assignment = platform.lease("oncology", "ada")
    assert assignment is not None
    return assignment


def test_tenants_do_not_see_each_others_runs(platform: Platform, call: Call) -> None:
    ada, carl = platform.as_user("ada"), platform.as_user("carl")
    run = new_run(call, ada, "borders")
    get = api(f"runs/get?run_id={run}")
    assert call(get, headers=ada).status_code == 200
    assert call(get, headers=carl, tenant="cardiology").status_code == 404
    assert call(get, headers=carl).status_code == 404
    spoofed = {**carl, "X-MLFLOW-WORKSPACE": "oncology"}
    assert call(get, headers=spoofed, tenant="cardiology").status_code == 404
    spoofed = {**carl, "x-mlflow-workspace": "oncology"}
    names = call(
        api("experiments/search"), {"max_results": 50}, headers=spoofed, tenant="cardiology"
    )
    assert "borders" not in names.text


def test_artifacts_stay_in_their_workspace(platform: Platform, call: Call) -> None:
    ada, carl = platform.as_user("ada"), platform.as_user("carl")
    run = new_run(call, ada, "artifacts")
    info = call(api(f"runs/get?run_id={run}"), headers=ada).json()["run"]["info"]
    root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{root}/report.html"
    put = platform.client.put(f"{MLFLOW_PREFIX}/oncology{path}", headers=ada, content=HTML)
    assert put.status_code == 200, put.text
    assert call(path, headers=ada).text == HTML
    assert call(path, headers=carl, tenant="cardiology").status_code >= 400


def test_html_artifacts_come_in_a_sandbox(platform: Platform, call: Call) -> None:
    ada = platform.as_user("ada")
    run = new_run(call, ada, "sandboxed")
    info = call(api(f"runs/get?run_id={run}"), headers=ada).json()["run"]["info"]
    root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{root}/report.html"
    platform.client.put(f"{MLFLOW_PREFIX}/oncology{path}", headers=ada, content=HTML)
    for shown in (path, f"/get-artifact?path=report.html&run_uuid={run}"):
        answer = call(shown, headers=ada)
        assert answer.text == HTML
        assert answer.headers["content-security-policy"].startswith("sandbox;")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_large_artifacts_stream_through_and_count_for_the_quota(
    platform: Platform, call: Call
) -> None:
    ada = platform.as_user("ada")
    run = new_run(call, ada, "large")
    info = call(api(f"runs/get?run_id={run}"), headers=ada).json()["run"]["info"]
    root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    url = f"{MLFLOW_PREFIX}/oncology/api/2.0/mlflow-artifacts/artifacts/{root}/model.bin"
    data = os.urandom(2**20) * 8
    assert platform.client.put(url, headers=ada, content=data).status_code == 200
    assert platform.client.get(url, headers=ada).content == data
    announced = {**ada, "Content-Length": str(2**50)}
    refused = platform.client.put(url, headers=announced, content=b"x")
    assert refused.status_code == 413
    assert "limits.artifacts" in refused.json()["message"]


def test_work_of_a_tenant_that_is_out_of_the_file_leaves_its_artifacts(
    platform: Platform, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = bearer(work(platform).task_token)
    run = new_run(call, task, "daily-report (rehearsals)")
    info = call(api(f"runs/get?run_id={run}"), headers=task).json()["run"]["info"]
    root = info["artifact_uri"].removeprefix("mlflow-artifacts:/")
    url = f"{MLFLOW_PREFIX}/oncology/api/2.0/mlflow-artifacts/artifacts/{root}/model.bin"
    monkeypatch.delitem(platform.tenants.tenants, "oncology")
    assert platform.client.put(url, headers=task, content=b"x").status_code == 200


def test_server_info_says_that_there_are_no_workspaces_to_choose(
    platform: Platform, call: Call
) -> None:
    for prefix in ("/api", "/ajax-api"):
        info = call(f"{prefix}/3.0/mlflow/server-info", headers=platform.as_user("ada"))
        assert info.json()["workspaces_enabled"] is False


def test_workspaces_cannot_be_listed_or_made_by_anybody(platform: Platform, call: Call) -> None:
    ada = platform.as_user("ada")
    path = "/api/3.0/mlflow/workspaces"
    assert call(path, headers=ada).status_code == 404
    assert call(path, {"name": "mine"}, headers=ada).status_code == 404
    assert call(f"{path}/cardiology", headers=ada, method="DELETE").status_code == 404


def test_nobody_reads_the_servers_disk(platform: Platform, call: Call) -> None:
    ada = platform.as_user("ada")
    body = {"name": "disk", "artifact_location": "file:///etc"}
    assert call(api("experiments/create"), body, headers=ada).status_code == 400
    run = new_run(call, ada, "disk")
    call(api("registered-models/create"), {"name": "m"}, headers=ada)
    for source in ("file:///etc", "http://127.0.0.1:1/x", "mlflow-artifacts://h:1/x", "s3://b/x"):
        for body in ({"run_id": run}, {}):
            made = call(
                api("model-versions/create"),
                {"name": "m", "source": source, **body},
                headers=ada,
            )
            assert made.status_code == 400, source


def test_an_auditor_reads_and_does_not_write(platform: Platform, call: Call) -> None:
    rita = platform.as_user("rita")
    search = {"max_results": 5}
    assert call(api("experiments/search"), search, headers=rita).status_code == 200
    refused = call(api("experiments/create"), {"name": "x"}, headers=rita)
    assert refused.status_code == 403
    assert refused.json()["error_code"] == "PERMISSION_DENIED"


def test_a_task_writes_to_its_tenant_only_and_needs_no_hub(platform: Platform, call: Call) -> None:
    task = bearer(work(platform).task_token)
    platform.mlflow_hub.away = True
    run = new_run(call, task, "daily-report (rehearsals)")
    metric = {"run_id": run, "key": "accuracy", "value": 0.5, "timestamp": 1}
    assert call(api("runs/log-metric"), metric, headers=task).status_code == 200
    elsewhere = call(api("runs/log-metric"), metric, headers=task, tenant="cardiology")
    assert elsewhere.status_code == 404
    hub = call(api("experiments/search"), {"max_results": 1}, headers=platform.as_user("ada"))
    assert hub.status_code == 503


def test_a_rehearsal_does_not_write_to_the_registry(platform: Platform, call: Call) -> None:
    assignment = work(platform)
    for token in (assignment.task_token, assignment.run_token):
        refused = call(api("registered-models/create"), {"name": "m2"}, headers=bearer(token))
        assert refused.status_code == 403
        assert "rehearsal" in refused.json()["message"]


def test_a_hosts_token_sends_what_tasks_logged_and_opens_nothing_else(
    platform: Platform, call: Call
) -> None:
    host = platform.as_host("oncology")
    run = new_run(call, host, "sent-by-the-host")
    batch = {"run_id": run, "params": [{"key": "a", "value": "1"}]}
    assert call(api("runs/log-batch"), batch, headers=host).status_code == 200
    for path, body in (
        (api("experiments/search"), {}),
        (api(f"runs/get?run_id={run}"), None),
        (api("registered-models/create"), {"name": "m3"}),
        (api("experiments/delete"), {"experiment_id": "1"}),
        ("/", None),
    ):
        assert call(path, body, headers=host).status_code == 403, path
    elsewhere = call(api("runs/log-batch"), batch, headers=host, tenant="cardiology")
    assert elsewhere.status_code == 404


def test_a_task_token_ends_with_its_attempt(platform: Platform, call: Call) -> None:
    assignment = work(platform)
    task = bearer(assignment.task_token)
    assert call("/version", headers=task).status_code == 200
    platform.report(assignment, "outcome", state="failed", duration_s=1, failure_class="user")
    assert call("/version", headers=task).status_code == 401


def test_mlflows_own_pages_write_only_from_their_own_origin(platform: Platform, call: Call) -> None:
    token = platform.as_user("ada")["Authorization"].split()[1]
    cookie = {"Cookie": f"service-mlflow={token}"}
    body = {"max_results": 5}
    search = "/ajax-api/2.0/mlflow/experiments/search"
    own = {**cookie, "Origin": HOST, "Sec-Fetch-Site": "same-origin"}
    assert call(search, body, headers=own).status_code == 200
    for headers in (
        cookie,
        {**own, "Origin": "https://evil.test"},
        {**own, "Sec-Fetch-Site": "cross-site"},
        {**own, "Referer": f"{HOST}/user/ada/oncology/lab"},
    ):
        assert call(search, body, headers=headers).status_code == 403


def test_without_mlflow_the_caller_is_told(platform: Platform, call: Call, tmp_path: Path) -> None:
    with running_platform(tmp_path / "home") as alone:
        answer = alone.client.get(f"{MLFLOW_PREFIX}/oncology/version", headers=alone.as_user("ada"))
        assert answer.status_code == 503
        assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"


CLIENT = """
import mlflow
from sklearn.linear_model import LinearRegression

mlflow.set_experiment("client")
with mlflow.start_run() as run:
    mlflow.log_metric("accuracy", 0.5)
    mlflow.log_text("<h1>Report</h1>", "report.html")
    fitted = LinearRegression().fit([[1], [2]], [1, 2])
    model = mlflow.sklearn.log_model(fitted, name="model", registered_model_name="line")
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/report.html") == "<h1>Report</h1>"
print(round(float(mlflow.sklearn.load_model("models:/line/1").predict([[3]])[0])))
"""


def test_plain_mlflow_code_works_through_the_proxy(mlflow_home: Path, tmp_path: Path) -> None:
    shutil.rmtree(mlflow_home / "service", ignore_errors=True)
    with running_platform(mlflow_home, lifespan=False) as platform, served(platform) as url:
        token = platform.as_user("ada", server_of="oncology")["Authorization"].split()[1]
        done = subprocess.run(
            [sys.executable, "-c", CLIENT],
            cwd=tmp_path,
            env={
                **os.environ,
                "MLFLOW_TRACKING_URI": f"{url}{MLFLOW_PREFIX}/oncology",
                "MLFLOW_TRACKING_TOKEN": token,
                "MLFLOW_DISABLE_TELEMETRY": "true",
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "3"


def test_the_pages_of_mlflow_open_at_their_prefix(mlflow_home: Path, tmp_path: Path) -> None:
    shutil.rmtree(mlflow_home / "service", ignore_errors=True)
    with running_platform(mlflow_home, lifespan=False) as platform, served(platform) as url:
        headers = platform.as_user("ada")
        with httpx.Client(base_url=f"{url}{MLFLOW_PREFIX}/oncology", headers=headers) as client:

            def request(path: str, body: Any = None, **_: Any) -> httpx.Response:
                return client.get(path) if body is None else client.post(path, json=body)

            run = new_run(request, headers, "in-the-browser")
            metric = {"run_id": run, "key": "accuracy", "value": 0.75, "timestamp": 1}
            client.post(api("runs/log-metric"), json=metric)
        token = headers["Authorization"].split()[1]
        _look(f"{url}{MLFLOW_PREFIX}/oncology/", token, run)


def _look(base: str, token: str, run: str) -> None:
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        context = browser.new_context()
        context.add_cookies([{"name": "service-mlflow", "value": token, "url": base}])
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "response",
            lambda answer: (
                problems.append(f"{answer.status} {answer.url}")
                if answer.status >= 400 and not answer.url.endswith("/users/current")
                else None
            ),
        )
        page.goto(f"{base}#/experiments")
        page.get_by_text("in-the-browser").first.wait_for()
        page.goto(f"{base}#/runs/{run}")
        page.get_by_text("accuracy").first.wait_for()
        page.get_by_text("0.75").first.wait_for()
        assert page.get_by_text("Welcome to MLflow Assistant").count() == 0
        browser.close()
    assert problems == []
