"""The allow-list against MLflow's own route table, so that a new release opens nothing unseen."""

from __future__ import annotations

import re

import pytest
from galley.service.mlflow.allowed import ALLOWED, Need, route_of
from galley.service.mlflow.workspaces import workspace_of

CLOSED = (
    "workspaces",
    "gateway",
    "webhooks",
    "jobs",
    "assistant",
    "scorer",
    "demo",
    "promptlab",
    "prompt-optimization",
    "mcp-servers",
    "presigned",
    "/mpu/",
    "genai",
    "invoke",
    "get-trace-artifact",
)


def mlflow_routes() -> list[tuple[str, str]]:
    from mlflow.server import app
    from mlflow.server.fastapi_app import app as native

    found = [
        (method, re.sub(r"<(?:path:)?[^>]+>", "x", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    ]
    for outer in native.routes:
        for route in getattr(getattr(outer, "original_router", None), "routes", ()):
            path = re.sub(r"{[^}]+}", "x", route.path)
            found += [(method, path) for method in route.methods]
    return found


@pytest.fixture(scope="module")
def table() -> list[tuple[str, str]]:
    return mlflow_routes()


def test_what_would_break_a_border_is_closed(table: list[tuple[str, str]]) -> None:
    dangerous = [(m, p) for m, p in table if any(word in p for word in CLOSED)]
    assert len(dangerous) > 100
    assert [one for one in dangerous if route_of(*one) is not None] == []


def test_each_allowed_pattern_is_a_route_of_mlflow(table: list[tuple[str, str]]) -> None:
    unused = [
        (method, route.pattern.pattern)
        for route in ALLOWED
        for method in route.methods
        if not any(m == method and route.pattern.fullmatch(p) for m, p in table)
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("method", "path", "need"),
    [
        ("GET", "/", Need.READ),
        ("HEAD", "/health", Need.READ),
        ("POST", "/ajax-api/2.0/mlflow/runs/search", Need.READ),
        ("POST", "/api/2.0/mlflow/runs/log-batch", Need.WRITE),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts/a.html", Need.WRITE),
        ("POST", "/api/2.0/mlflow/registered-models/create", Need.REGISTRY),
        ("POST", "/api/2.0/mlflow/model-versions/create", Need.REGISTRY),
        ("DELETE", "/api/2.0/mlflow/registered-models/alias", Need.REGISTRY),
    ],
)
def test_what_routes_ask_for(method: str, path: str, need: Need) -> None:
    route = route_of(method, path)
    assert route is not None
    assert route.need is need


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/2.0/mlflow/runs/search"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts/../../mlflow/workspaces"),
        ("GET", "/static-files/../api/3.0/mlflow/workspaces"),
        ("GET", "/static-files\\..\\x"),
        ("GET", "//api/2.0/mlflow/runs/get"),
        ("GET", "/x/api/2.0/mlflow/runs/get"),
        ("GET", "/API/2.0/mlflow/runs/get"),
        ("GET", "/api/2.0/mlflow/runs/get\n"),
        ("OPTIONS", "/"),
    ],
)
def test_whatever_is_not_named_is_closed(method: str, path: str) -> None:
    assert route_of(method, path) is None


def test_no_two_tenants_share_a_workspace() -> None:
    names = ["default", "workspaces", "api", "a", "oncology", "static-files"]
    workspaces = {workspace_of(name) for name in names}
    assert len(workspaces) == len(names)
    assert not workspaces & {"default", "workspaces", "api", "a", "static-files"}
    assert all(len(one) > 30 for one in workspaces - {"oncology"})
