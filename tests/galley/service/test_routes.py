"""What single routes refuse, repeat and compare."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from galley.domain.tenants import Tenants
from galley.domain.work import Assignment
from galley.service import API, INTERNAL, PREFIX, bodies
from galley.store import tokens
from galley.store.tokens import HostIdentity
from httpx import Response

from tests.galley.service.platform import (
    TENANTS,
    Platform,
    executed_notebook,
    notebook,
    publish_request,
)

VERSIONS = "/tenants/oncology/pipelines/daily-report/versions"
TRIALS = "/tenants/oncology/pipelines/daily-report/trials"


def test_a_repeated_request_is_answered_again_and_not_done_again(platform: Platform) -> None:
    key = {"Idempotency-Key": "abc"}
    first = platform.post(VERSIONS, publish_request(), **key)
    again = platform.post(VERSIONS, publish_request(), **key)
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert len(platform.get(VERSIONS).json()["items"]) == 1
    other = platform.post(VERSIONS, publish_request(name="Other"), **key)
    assert other.status_code == 409


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"profile": "gpu"}, "profile"),
        ({"profile": "huge"}, "profile"),
        ({"schedule": {"cron": "61 * * * *"}}, "schedule.cron"),
        ({"schedule": {"cron": "0 6 * * *", "timezone": "Mars/Base"}}, "schedule.timezone"),
        ({"defaults": {"beta": 1}}, "defaults.beta"),
        ({"defaults": {"alpha": "x"}}, "defaults.alpha"),
        ({"rehearsal_parameters": {"beta": 1}}, "rehearsal_parameters.beta"),
        ({"notebook": notebook("import nothing_of_the_kind")}, "notebook"),
        ({"notebook": {"cells": []}}, "notebook"),
        ({"name": ""}, "name"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_publishing_is_refused_by_name(
    platform: Platform, changes: dict[str, object], field: str
) -> None:
    answer = platform.post(VERSIONS, publish_request(**changes))
    assert answer.status_code == 422, answer.text
    assert answer.json()["field"] == field
    assert platform.get("/tenants/oncology/pipelines").json()["items"] == []


ODD: list[dict[str, object]] = [
    {"type": "integer", "minimum": "a text"},
    {"type": "integer", "maximum": True},
    {"type": "integer", "multipleOf": -1},
    {"type": "whole"},
    {"type": [["integer"]]},
    {"type": 3},
    {"enum": 3},
    {"format": []},
    {"type": "array", "maxItems": -1},
    {"type": "array", "items": {"minimum": None}},
    {"type": "object", "additionalProperties": False},
]
"""Schemas of a parameter that no value can be checked against."""

BEYOND = tuple(
    f"{day}T00:00:00Z" for day in ("0001-01-02", "1969-12-31", "2200-01-01", "9999-12-31")
)


def test_nothing_runs_for_a_date_beyond_those_that_are_planned_for(platform: Platform) -> None:
    platform.approved()
    runs = "/tenants/oncology/pipelines/daily-report/runs"
    for date in BEYOND:
        refused = platform.post(runs, {"logical_date": date})
        assert (refused.status_code, refused.json()["field"]) == (422, "logical_date")
        assert "1970-01-01 and 2200-01-01" in refused.json()["detail"]
    refused = platform.post(runs, {"version": 2**40})
    assert (refused.status_code, refused.json()["field"]) == (422, "version")


@pytest.mark.parametrize("number", [2**31, 2**70])
def test_a_number_that_no_database_keeps_is_refused(platform: Platform, number: int) -> None:
    version = platform.approved()
    run = f"/runs/{version['rehearsal_run']}"
    pipeline = "/tenants/oncology/pipelines/daily-report"
    for path in ("log", "files", "files/model.txt", "tasks/main/notebook"):
        assert platform.get(f"{run}/{path}", "rita", attempt=number).status_code == 422, path
    for path in (f"{run}/attempts/{number}/log", f"{pipeline}/versions/{number}"):
        assert platform.get(path, "rita").status_code == 422, path
    body = {"version": number}
    assert platform.post(f"{pipeline}/deployments", body, "olga").status_code == 422


def test_too_large_a_notebook_is_refused_with_the_limit(platform: Platform) -> None:
    limit = platform.tenants.tenants["oncology"].limits.notebook
    large = notebook("x = '" + "y" * limit + "'")
    answer = platform.post(VERSIONS, publish_request(notebook=large))
    assert answer.status_code == 413
    assert "limits.notebook" in answer.json()["detail"]


def test_any_other_body_has_a_limit_too(platform: Platform) -> None:
    path = f"{API}/schedules/preview"
    large = b"x" * (bodies.ORDINARY + 1)
    answer = platform.client.post(path, headers=platform.as_user("ada"), content=large)
    assert answer.status_code == 413
    assert str(bodies.ORDINARY) in answer.json()["detail"]
    chunks = (large[i : i + 2**16] for i in range(0, len(large), 2**16))
    answer = platform.client.post(path, headers=platform.as_user("ada"), content=chunks)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_names(platform: Platform) -> None:
    def status(slug: str, user: str = "ada") -> dict[str, object]:
        return dict(platform.get(f"/tenants/oncology/slugs/{slug}", user).json())

    assert status("Daily Report")["suggestion"] == "daily-report"
    assert not status("Daily Report")["valid"]
    assert not status("daily-report")["exists"]
    platform.publish()
    assert status("daily-report")["yours"]
    assert not status("daily-report", "lea")["yours"]


def test_versions_are_compared(platform: Platform) -> None:
    platform.approved()
    second = platform.publish(notebook=notebook("x = alpha + 2"), retries=3)
    diff = platform.get(f"/versions/{second['id']}/diff").json()
    assert (diff["before"], diff["after"]) == (1, 2)
    assert [cell["change"] for cell in diff["cells"]] == ["same", "same", "changed"]
    assert diff["settings"] == [{"field": "retries", "before": "1", "after": "3"}]
    same = platform.get(f"/versions/{second['id']}/diff", against=2).json()
    assert same["settings"] == []
    assert platform.get(f"/versions/{second['id']}/diff", against=9).status_code == 404
    assert platform.get(f"/versions/{second['id']}/diff", against="x").status_code == 422


def test_an_export_is_the_project(platform: Platform) -> None:
    version = platform.publish()
    data = platform.get(f"/versions/{version['id']}/export").content
    with tarfile.open(fileobj=io.BytesIO(data)) as project:
        assert {"pipeline.yaml", "env.yaml", "tasks/daily_report.ipynb"} <= set(project.getnames())


def test_the_rehearsals_notebook_is_shown_in_a_sandbox(platform: Platform) -> None:
    version = platform.publish()
    assert platform.get(f"/versions/{version['id']}/rehearsal").status_code == 404
    platform.run_through("oncology", "ada")
    page = platform.get(f"/versions/{version['id']}/rehearsal")
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("sandbox;")


def test_a_task_that_was_not_executed_again_has_the_files_of_when_it_was(
    platform: Platform,
) -> None:
    platform.publish()
    first = platform.lease("oncology", "ada")
    assert first is not None
    platform.report(first, "start")
    for name in ("load.cell-1.stdout.txt", "fit.cell-2.stdout.txt"):
        platform.client.put(
            f"{INTERNAL}/attempts/{first.attempt}/files/{name}",
            headers={"Authorization": f"Bearer {first.run_token}"},
            content=b"all of it",
        )
    lost = {"state": "failed", "failure_class": "infrastructure", "duration_s": 1}
    platform.report(first, "outcome", **lost)
    platform.clock.now += timedelta(seconds=10)
    second = platform.lease("oncology", "ada")
    assert second is not None
    platform.report(second, "start")
    tasks = [{"name": "load", "state": "succeeded", "reused_from": 1}]
    platform.report(second, "heartbeat", tasks=tasks)

    files = platform.get(f"/runs/{first.run}/files", attempt=2).json()
    assert files == [{"name": "load.cell-1.stdout.txt", "size": 9}]
    kept = platform.get(f"/runs/{first.run}/files/load.cell-1.stdout.txt")
    assert kept.content == b"all of it"
    assert platform.get(f"/runs/{first.run}/files/fit.cell-2.stdout.txt").status_code == 404
    assert platform.get(f"/runs/{first.run}/files", attempt=3).status_code == 404


def test_each_attempt_keeps_its_own_files_and_notebooks(platform: Platform) -> None:
    platform.publish()
    first = platform.lease("oncology", "ada")
    assert first is not None
    platform.report(first, "start")

    def put(work: Assignment, name: str) -> int:
        answer = platform.client.put(
            f"{INTERNAL}/attempts/{work.attempt}/files/{name}",
            headers={"Authorization": f"Bearer {work.run_token}"},
            content=b"all of it",
        )
        return int(answer.status_code)

    assert put(first, "fit.cell-2.stdout.txt") == 204
    assert put(first, ".hidden") == 422
    platform.upload(first, "daily_report", notebook("a_partial = 1"))
    lost = {"state": "failed", "failure_class": "infrastructure", "duration_s": 1}
    platform.report(first, "outcome", **lost)
    assert put(first, "late.txt") == 409
    platform.clock.now += timedelta(seconds=10)
    second = platform.lease("oncology", "ada")
    assert second is not None

    files = platform.get(f"/runs/{first.run}/files", attempt=1).json()
    assert files == [{"name": "fit.cell-2.stdout.txt", "size": 9}]
    assert platform.get(f"/runs/{first.run}/files").json() == []
    kept = platform.get(f"/runs/{first.run}/files/fit.cell-2.stdout.txt", attempt=1)
    assert kept.content == b"all of it"
    assert kept.headers["content-security-policy"].startswith("sandbox;")
    assert kept.headers["content-disposition"].startswith("attachment;")
    assert platform.get(f"/runs/{first.run}/files/other.txt", attempt=1).status_code == 404
    partial = platform.get(
        f"/runs/{first.run}/tasks/daily_report/notebook", attempt=1, format="ipynb"
    )
    assert "a_partial" in partial.text


def test_a_schedule_of_a_reviewed_tenant_is_changed_by_publishing(platform: Platform) -> None:
    platform.approved()
    answer = platform.client.put(
        f"{API}/tenants/oncology/pipelines/daily-report/schedule",
        headers=platform.as_user("ada"),
        json={"cron": "0 6 * * *"},
    )
    assert answer.status_code == 409


def test_a_preview_tells_the_rule_and_the_values_of_each_firing(platform: Platform) -> None:
    body = {
        "cron": "0 6 * * *",
        "timezone": "Europe/Berlin",
        "count": 2,
        "parameters": {
            "day": "{{ logical_date | local | date }}",
            "n": "{{ logical_date | date('%d') }}",
        },
        "parameter_schema": {"properties": {"day": {"type": "string"}, "n": {"type": "integer"}}},
    }
    path = f"{API}/schedules/preview"
    answer = platform.client.post(path, headers=platform.as_user("ada"), json=body).json()
    assert "each local time fires once" in answer["clock_rule"]
    assert [one["parameters"]["n"] for one in answer["firings"]] == [21, 22]
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"parameters": {"n": "{% for x in y %}{% endfor %}"}}, "parameters.n"),
        ({"parameters": {"other": 1}}, "parameters.other"),
        ({"end": "2020-01-01T00:00:00Z"}, "end"),
        ({"jitter_s": 86400}, "jitter_s"),
        ({"overlap": "sometimes"}, "overlap"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"parameters": {"n": "9" * 5000}}, "parameters.n"),
        *(({"parameter_schema": {"properties": {"n": one}}}, "parameter_schema") for one in ODD),
        *(({edge: at}, edge) for edge in ("start", "end") for at in BEYOND),
    ]
    for change, field in refusals:
        refused = platform.client.post(
            path, headers=platform.as_user("ada"), json={**body, **change}
        )
        assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_reviewers_see_the_rules_of_a_schedule_that_are_set(platform: Platform) -> None:
    platform.approved()
    rules = {"overlap": "queue", "parameters": {"alpha": "{{ logical_date | date('%d') }}"}}
    second = platform.publish(schedule={"cron": "@daily", **rules})
    diff = platform.get(f"/versions/{second['id']}/diff").json()
    shown = {one["field"]: one["after"] for one in diff["settings"]}
    assert shown["schedule.overlap"] == "queue"
    assert "logical_date" in shown["schedule.parameters.alpha"]
    assert "schedule.priority" not in shown


def test_lists_go_on_from_their_cursor(platform: Platform) -> None:
    for i in range(3):
        platform.publish(f"report-{i}", notebook=notebook(f"x = {i}"))
    first = platform.get("/tenants/oncology/pipelines", limit=2).json()
    rest = platform.get("/tenants/oncology/pipelines", cursor=first["next_cursor"]).json()
    slugs = [one["slug"] for one in first["items"] + rest["items"]]
    assert slugs == ["report-0", "report-1", "report-2"]
    assert platform.get("/tenants/oncology/pipelines", cursor="junk").status_code == 422


def test_unknown_addresses_and_methods_are_problems(platform: Platform) -> None:
    for path in (f"{API}/nothing", f"{PREFIX}/internal/v1/nothing", "/elsewhere"):
        answer = platform.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    answer = platform.client.delete(f"{API}/me")
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_cancelled_rehearsal_ends_its_version(platform: Platform) -> None:
    version = platform.publish()
    run = platform.post(f"/runs/{version['rehearsal_run']}/cancel")
    assert run.json()["state"] == "cancelled"
    assert platform.get(f"/versions/{version['id']}").json()["state"] in {"failed", "withdrawn"}


def test_a_stale_report_is_refused_and_keeps_no_log(platform: Platform) -> None:
    platform.publish()
    assignment = platform.lease("oncology", "ada")
    assert assignment is not None
    stale = platform.report(assignment, "heartbeat", fencing=assignment.fencing + 1, log="x")
    assert stale.status_code == 409
    assert platform.get(f"/runs/{assignment.run}/log").json()["size"] == 0


def test_a_tenant_that_cannot_be_isolated_starts_nothing(platform: Platform) -> None:
    open_settings = platform.settings.model_copy(
        update={"isolation": "none", "isolation_reason": "bubblewrap is not installed"}
    )
    platform.app.state.context = _with(platform, settings=open_settings)
    answer = platform.post(VERSIONS, publish_request())
    assert answer.status_code == 409
    assert "bubblewrap is not installed" in answer.json()["detail"]
    tenants = {one["name"]: one for one in platform.get("/me").json()["tenants"]}
    assert not tenants["oncology"]["available"]
    assert tenants["playground"]["available"]


def test_a_profile_that_is_over_the_limits_of_its_tenant_is_shown_with_the_reason(
    platform: Platform,
) -> None:
    tenants = platform.context.tenants()
    small = tenants.tenants["oncology"].limits.model_copy(update={"memory": 2**20})
    lab = tenants.tenants["oncology"].model_copy(update={"limits": small})
    changed = tenants.model_copy(update={"tenants": {**tenants.tenants, "oncology": lab}})
    platform.app.state.context = _with(platform, tenants=lambda: changed)
    (shown,) = [one for one in platform.get("/me").json()["tenants"] if one["name"] == "oncology"]
    reasons = {one["name"]: one["reason"] for one in shown["profiles"]}
    assert "of memory; all runs of the tenant together get 0.000977 GiB" in reasons["cpu-small"]
    assert not any(one["available"] for one in shown["profiles"])


def test_what_a_tenant_has_under_way_ends_well_while_it_is_out_of_the_file(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform.approved()
    platform.post("/tenants/oncology/pipelines/daily-report/runs", {})
    work = platform.lease("oncology")
    assert work is not None
    assert platform.report(work, "start").status_code == 200
    with monkeypatch.context() as without:
        without.delitem(platform.tenants.tenants, "oncology")
        assert platform.report(work, "heartbeat").status_code == 200
        assert platform.upload(work, "daily_report", executed_notebook()).status_code == 204
        file = platform.client.put(
            f"{INTERNAL}/attempts/{work.attempt}/files/fit.csv",
            headers={"Authorization": f"Bearer {work.run_token}"},
            content=b"1",
        )
        assert file.status_code == 204
        ended = platform.report(work, "outcome", state="succeeded", duration_s=1)
        assert ended.status_code == 200
    assert platform.get(f"/runs/{work.run}").json()["state"] == "succeeded"


def _with(platform: Platform, **changes: object) -> object:
    from dataclasses import replace

    return replace(platform.context, **changes)  # type: ignore[arg-type]


def test_the_tenants_of_the_tests_are_valid() -> None:
    assert Tenants.model_validate(TENANTS)


def test_a_host_tells_which_mlflow_runs_an_attempt_has_also_after_its_end(
    platform: Platform,
) -> None:
    platform.approved()
    started = platform.post("/tenants/oncology/pipelines/daily-report/runs", {})
    assert started.status_code in {200, 201, 202}, started.text
    work = platform.run_through("oncology")
    url = f"{INTERNAL}/attempts/{work.attempt}/tracked"
    task = work.pipeline.replace("-", "_")
    body = {"mlflow_run_id": "a1", "tasks": {task: "b2", "nobody": "c3"}}

    def tell(headers: dict[str, str], told: Mapping[str, object] = body) -> int:
        return int(platform.client.post(url, headers=headers, json=told).status_code)

    runner = {"Authorization": f"Bearer {work.run_token}"}
    assert tell(runner) == 401
    assert tell(platform.as_host("cardiology")) == 404
    assert tell(platform.as_host("oncology", "ada")) == 404
    mine = platform.as_host("oncology")
    assert tell(mine, {"mlflow_run_id": "../x"}) == 422
    run = platform.get(f"/runs/{work.run}").json()
    assert run["mlflow_url"] is None
    assert tell(mine) == tell(mine) == 204
    run = platform.get(f"/runs/{work.run}").json()
    assert run["mlflow_url"] == "/services/mlflow/oncology/#/runs/a1"
    attempt = run["attempts"][-1]
    assert {one["name"]: one["mlflow_run_id"] for one in attempt["tasks"]} == {task: "b2"}


@pytest.mark.parametrize("kind", ["rehearsal", "trial"])
def test_the_host_of_an_author_tells_so_of_its_own_run_alone(platform: Platform, kind: str) -> None:
    version = platform.approved()
    body: dict[str, object] = {"version": version["number"]}
    if kind == "trial":
        run = platform.post(TRIALS, body).json()["id"]
        attempt = str(platform.run_through("oncology", "ada").attempt)
    else:
        run = version["rehearsal_run"]
        attempt = platform.get(f"/runs/{run}").json()["attempts"][-1]["id"]
    other = platform.post(TRIALS, body).json()["id"]
    url = f"{INTERNAL}/attempts/{attempt}/tracked"
    task = platform.get(f"/runs/{run}").json()["attempts"][-1]["tasks"][0]["name"]
    body = {"mlflow_run_id": "a1", "tasks": {task: "b2"}}

    def tell(author: str | None, of: str | None, tenant: str = "oncology") -> int:
        identity = HostIdentity(tenant=tenant, author=author, run=None if of is None else UUID(of))
        now = platform.clock()
        secret = platform.store.write(lambda s: tokens.mint_host(s, identity, now))
        headers = {"Authorization": f"Bearer {secret}"}
        return int(platform.client.post(url, headers=headers, json=body).status_code)

    assert tell(None, None) == tell("ada", None) == 404
    assert tell("ada", other) == 404
    assert tell("ada", run, "cardiology") == 404
    assert platform.get(f"/runs/{run}").json()["mlflow_url"] is None
    assert tell("ada", run) == 204
    told = platform.get(f"/runs/{run}").json()
    assert told["mlflow_url"] == "/services/mlflow/oncology/#/runs/a1"
    assert told["attempts"][-1]["tasks"][0]["mlflow_run_id"] == "b2"


def test_the_host_of_a_run_is_sent_home_when_that_waits_no_more(platform: Platform) -> None:
    version = platform.approved()
    run = platform.post(TRIALS, {"version": version["number"]}).json()["id"]
    identity = HostIdentity(tenant="oncology", author="ada", run=UUID(run))
    now = platform.clock()
    secret = platform.store.write(lambda s: tokens.mint_host(s, identity, now))

    def lease(*holds: str, heard: bool = True) -> Response:
        answer: Response = platform.client.post(
            f"{INTERNAL}/leases",
            headers={"Authorization": f"Bearer {secret}"},
            json={"host": "rehearsal-1@test", "wait_s": 0, "holds": None if heard else holds},
        )
        return answer

    assert lease().json()["run"] == run
    assert lease().status_code == 403, "another host has it"
    again = lease(heard=False).json()
    assert (again["run"], again["number"]) == (run, 2), "this one, which did not hear of it"
    assert lease(again["attempt"], heard=False).status_code == 403
    assert platform.post(f"/runs/{run}/cancel").status_code in {200, 202}
    refused = lease()
    assert refused.status_code == 403
    assert f"the run {run} of this host is" in refused.json()["detail"]
