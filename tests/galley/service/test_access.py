"""Every route of the live route table, tried with the wrong tenant and the wrong role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from galley.domain.tenants import Action
from galley.service import API, INTERNAL, MLFLOW_PREFIX, PREFIX
from galley.service.app import bare_app

from tests.galley.service.platform import (
    Platform,
    executed_notebook,
    notebook,
    publish_request,
    running_platform,
)

DIGEST = "0" * 64
SCHEDULE = {"cron": "0 6 * * *"}
BACKFILL = {"start": "2026-11-10T00:00:00Z", "end": "2026-11-12T23:59:59Z", **SCHEDULE}
HOOK = {"name": "ci", "source": {"type": "webhook"}}


class Rule(NamedTuple):
    """What a route of a tenant asks: an action, and a body that is good enough to be judged."""

    action: Action
    body: Any = None
    approve: str = ""


READ = Rule(Action.READ)
RULES: dict[str, Rule] = {
    "analyse_notebook": Rule(Action.PUBLISH, {"notebook": notebook()}),
    "check_name": READ,
    "compare_live": Rule(Action.PUBLISH, {"snapshot": {}, "cells": [], "notebook": notebook()}),
    "list_next_firings": READ,
    "set_schedule": Rule(Action.OPERATE, SCHEDULE),
    "pause_schedule": Rule(Action.OPERATE),
    "resume_schedule": Rule(Action.OPERATE),
    "list_pipelines": READ,
    "get_pipeline": READ,
    "deploy_version": Rule(Action.DEPLOY, {"version": 1}),
    "publish_version": Rule(Action.PUBLISH, publish_request()),
    "list_versions": READ,
    "get_version_by_number": READ,
    "get_version": READ,
    "get_version_notebook": READ,
    "get_version_diff": READ,
    "export_version": READ,
    "get_rehearsal": READ,
    "withdraw_version": Rule(Action.PUBLISH),
    "list_reviews": READ,
    "decide": Rule(Action.APPROVE_LEAD, {"gate": "lead", "verdict": "approve", "digest": DIGEST}),
    "list_audit": READ,
    "start_run": Rule(Action.RUN, {}),
    "list_runs_of_pipeline": READ,
    "list_runs": READ,
    "get_run": READ,
    "cancel_run": Rule(Action.RUN),
    "retry_run": Rule(Action.RUN),
    "get_run_log": READ,
    "list_run_files": READ,
    "get_run_file": READ,
    "download_log": READ,
    "get_resources": READ,
    "get_debug_kit": READ,
    "get_comparison": READ,
    "get_compared_outputs": READ,
    "start_trial": Rule(Action.PUBLISH, {}),
    "get_task_notebook": READ,
    "list_secrets": READ,
    "set_secret": Rule(Action.SECRETS, {"value": "hunter2"}),
    "delete_secret": Rule(Action.SECRETS),
    "set_personal_secret": Rule(Action.PUBLISH, {"value": "hunter2"}),
    "delete_personal_secret": Rule(Action.PUBLISH),
    "get_personal_secret": Rule(Action.PUBLISH),
    "get_calendar": READ,
    "get_calendar_of_pipeline": READ,
    "plan_backfill": Rule(Action.READ, BACKFILL),
    "start_backfill": Rule(Action.RUN, BACKFILL),
    "list_backfills_of_pipeline": READ,
    "list_backfills": READ,
    "get_backfill": READ,
    "list_backfill_dates": READ,
    "pause_backfill": Rule(Action.RUN),
    "resume_backfill": Rule(Action.RUN),
    "cancel_backfill": Rule(Action.RUN),
    "list_triggers": READ,
    "list_triggers_of_pipeline": READ,
    "list_trigger_firings": READ,
    "add_trigger": Rule(Action.DEPLOY, HOOK),
    "change_trigger": Rule(Action.DEPLOY, {"source": {"type": "webhook"}}),
    "remove_trigger": Rule(Action.DEPLOY),
    "renew_trigger_secret": Rule(Action.DEPLOY),
    "pause_trigger": Rule(Action.OPERATE),
    "resume_trigger": Rule(Action.OPERATE),
    "plan_retention": READ,
    "apply_retention": Rule(Action.OPERATE),
    "get_retention_of_pipeline": READ,
    "set_retention_of_pipeline": Rule(Action.OPERATE, {"latest": 3}),
    "reset_retention_of_pipeline": Rule(Action.OPERATE),
    "get_disk_use": READ,
}
ANY_CALLER = {
    "get_me",
    "preview_schedule",
    "list_timezones",
    "list_waiting_reviews",
    "follow_events",
    # What concerns several tenants is judged by all of them: test_drains.
    "list_drains",
    "get_drain",
    "drain",
    "undrain",
}
HOSTS = {
    "lease",
    "start_attempt",
    "heartbeat",
    "put_notebook",
    "track_attempt",
    "put_file",
    "get_project",
    "finish_attempt",
}
OPEN = {"healthz", "metrics", "oauth_callback", "logout", "static", "no_slash"}
SIGNED = {"receive_hook"}
"""By whoever sends: test_triggers."""
PAGES = {"page"}
MLFLOW = {"mlflow_oauth_callback", "mlflow_home", "mlflow_tenant", "mlflow_route"}


def live_routes() -> list[APIRoute]:
    found = []

    def walk(routes: list[Any]) -> None:
        for route in routes:
            if isinstance(route, APIRoute):
                found.append(route)
            elif hasattr(route, "original_router"):
                walk(route.original_router.routes)

    walk(bare_app().routes)
    return found


ROUTES = live_routes()
BY_NAME = {route.name: route for route in ROUTES}


def test_every_route_has_an_entry_here() -> None:
    known = [*RULES, *ANY_CALLER, *HOSTS, *OPEN, *SIGNED, *PAGES, *MLFLOW]
    assert len(known) == len(set(known))
    assert {route.name for route in ROUTES} == set(known)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform where oncology has a live pipeline with an ended run; nobody changes it here."""
    home: Path = tmp_path_factory.mktemp("busy")
    with running_platform(home) as platform:
        platform.approved()
        run = platform.post("/tenants/oncology/pipelines/daily-report/runs", {})
        assert run.status_code == 201, run.text
        platform.run_through("oncology")
        pipeline = "/tenants/oncology/pipelines/daily-report"
        assert platform.post(f"{pipeline}/backfills", BACKFILL).status_code == 201
        assert platform.post(f"{pipeline}/triggers", HOOK, user="olga").status_code == 201
        yield platform


def address(busy: Platform, route: APIRoute) -> str:
    version = busy.get("/tenants/oncology/pipelines/daily-report/versions/1").json()
    run = busy.get("/tenants/oncology/runs", kind="pipeline").json()["items"][0]
    backfill = busy.get("/tenants/oncology/backfills").json()["items"][0]
    path = route.path if route.path.startswith(PREFIX) else API + route.path
    if "/compare" in path:
        return f"{path}?left={run['id']}&right={run['id']}"
    return (
        path.replace("{tenant}", "oncology")
        .replace("{slug}", "daily-report")
        .replace("{number}", "1")
        .replace("{version_id}", version["id"])
        .replace("{run_id}", run["id"])
        .replace("{task}", "daily_report")
        .replace("{backfill_id}", backfill["id"])
        .replace("triggers/{name}", "triggers/ci")
    )


def call(busy: Platform, name: str, headers: dict[str, str]) -> tuple[int, str]:
    route = BY_NAME[name]
    (method,) = sorted(route.methods or ())
    body = RULES[name].body if name in RULES else None
    answer = busy.client.request(method, address(busy, route), headers=headers, json=body)
    return answer.status_code, answer.text


@pytest.mark.parametrize("name", [*RULES, "get_me", "list_waiting_reviews"])
def test_nobody_in_particular_is_asked_to_sign_in(busy: Platform, name: str) -> None:
    assert call(busy, name, {})[0] == 401
    assert call(busy, name, {"Authorization": "Bearer made-up"})[0] == 401


@pytest.mark.parametrize("name", RULES)
def test_another_tenants_member_finds_nothing(busy: Platform, name: str) -> None:
    status, text = call(busy, name, busy.as_user("carl"))
    assert status == 404
    assert "daily-report" not in text


@pytest.mark.parametrize("name", RULES)
def test_a_server_of_another_tenant_of_the_same_person_finds_nothing(
    busy: Platform, name: str
) -> None:
    assert call(busy, name, busy.as_user("ada", server_of="playground"))[0] == 404


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.action != Action.READ]
)
def test_a_member_without_the_role_is_refused(busy: Platform, name: str) -> None:
    assert call(busy, name, busy.as_user("rita"))[0] == 403


@pytest.mark.parametrize("name", RULES)
def test_a_token_without_the_scope_is_refused(busy: Platform, name: str) -> None:
    everything = {role.action for role in RULES.values()}
    others = everything - {RULES[name].action}
    user = "lea" if RULES[name].action in {Action.APPROVE_LEAD, Action.DEPLOY} else "ada"
    assert call(busy, name, busy.as_user(user, actions=others))[0] == 403


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.action == Action.READ]
)
def test_an_auditor_may_read(busy: Platform, name: str) -> None:
    status, text = call(busy, name, busy.as_user("rita"))
    if name == "get_run_file":  # what is asked for is not there, and that is all that is in the way
        assert (status, "rita" in text, "file" in text) == (404, False, True)
    else:
        assert status == 200


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_hosts_routes_are_closed_to_people_and_to_other_hosts(busy: Platform, name: str) -> None:
    route = BY_NAME[name]
    (method,) = sorted(route.methods or ())
    run = busy.get(
        f"/runs/{busy.get('/tenants/oncology/runs', kind='pipeline').json()['items'][0]['id']}"
    ).json()
    path = route.path if route.path.startswith(INTERNAL) else INTERNAL + route.path
    path = path.replace("{attempt_id}", run["attempts"][0]["id"]).replace("{task}", "t")
    body = {"fencing": 1, "state": "succeeded", "duration_s": 1, "host": "x", "wait_s": 0}
    keep = {"lease": {"host", "wait_s"}, "finish_attempt": {"fencing", "state", "duration_s"}}
    sent = {key: body[key] for key in keep.get(name, {"fencing"})}
    for headers in ({}, busy.as_user("ada"), busy.as_user("ada", server_of="oncology")):
        assert busy.client.request(method, path, headers=headers, json=sent).status_code == 401
    if name != "lease":
        other = busy.as_host("cardiology")
        assert busy.client.request(method, path, headers=other, json=sent).status_code == 404


def test_a_run_token_is_good_for_its_own_attempt_only(busy: Platform) -> None:
    busy.post("/tenants/oncology/pipelines/daily-report/runs", {"parameters": {"alpha": 7}})
    mine = busy.lease("oncology")
    assert mine is not None
    other = UUID(int=mine.attempt.int ^ 1)
    headers = {"Authorization": f"Bearer {mine.run_token}"}
    for attempt, status in ((mine.attempt, 200), (other, 404)):
        path = f"{INTERNAL}/attempts/{attempt}/project"
        assert busy.client.get(path, headers=headers).status_code == status
    task_token = {"Authorization": f"Bearer {mine.task_token}"}
    path = f"{INTERNAL}/attempts/{mine.attempt}/project"
    assert busy.client.get(path, headers=task_token).status_code == 404
    busy.report(mine, "outcome", state="succeeded", duration_s=1)


def test_the_page_sends_strangers_to_sign_in(busy: Platform) -> None:
    answer = busy.client.get(f"{PREFIX}/tenants/oncology/pipelines/daily-report")
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("/hub/api/oauth2/authorize?")


def test_mlflow_sends_strangers_to_sign_in_and_its_api_refuses_them(busy: Platform) -> None:
    page = busy.client.get(f"{MLFLOW_PREFIX}/oncology/")
    assert page.status_code == 302
    assert page.headers["location"].startswith("/hub/api/oauth2/authorize?")
    path = f"{MLFLOW_PREFIX}/oncology/api/2.0/mlflow/runs/search"
    assert busy.client.post(path, json={}).status_code == 401
    assert busy.client.post(path, json={}, headers=busy.as_user("carl")).status_code == 404


def test_executed_notebooks_of_one_task_cannot_be_put_elsewhere(busy: Platform) -> None:
    busy.post("/tenants/oncology/pipelines/daily-report/runs", {"parameters": {"alpha": 8}})
    mine = busy.lease("oncology")
    assert mine is not None
    assert busy.upload(mine, "..%2F..%2Fescape", executed_notebook()).status_code in {404, 405}
    assert busy.upload(mine, "a.b", executed_notebook()).status_code == 422
    busy.report(mine, "outcome", state="succeeded", duration_s=1)
