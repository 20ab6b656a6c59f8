"""The bridge in a real Jupyter server: what it passes on, what it adds and what it keeps back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from galley_lab.live import expression

from tests.galley_lab.conftest import SERVER_TOKEN, TOKEN, Lab
from tests.galley_lab.recording_service import RecordingService


def notebook(*sources: str) -> dict[str, Any]:
    """Return a notebook of format 4 with these code cells."""
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"c{index}",
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for index, source in enumerate(sources)
    ]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


@pytest.fixture
def saved(lab: Lab) -> str:
    """A saved notebook that imports a module beside it."""
    (lab.folder / "work").mkdir(exist_ok=True)
    (lab.folder / "work" / "train.ipynb").write_text(json.dumps(notebook("import helpers")))
    (lab.folder / "work" / "helpers.py").write_text("x = 1\n")
    return "work/train.ipynb"


def test_a_request_reaches_the_service_with_the_servers_token_only(
    lab: Lab, service: RecordingService
) -> None:
    answer = lab.http.get("galley/api/v1/tenants/oncology/runs?state=failed&limit=5")
    assert answer.json() == {"path": "tenants/oncology/runs?state=failed&limit=5"}
    recorded = service.requests[-1]
    assert recorded.headers["authorization"] == f"Bearer {SERVER_TOKEN}"
    assert "cookie" not in recorded.headers
    assert TOKEN not in json.dumps(recorded.headers)


def test_strangers_reach_nothing(lab: Lab, service: RecordingService) -> None:
    before = len(service.requests)
    for method, path in [("GET", "api/v1/me"), ("GET", "connection"), ("POST", "publish")]:
        answer = httpx.request(method, f"{lab.url}galley/{path}", trust_env=False)
        assert answer.status_code == 403, (method, path)
    assert len(service.requests) == before


def test_a_path_cannot_leave_the_api(lab: Lab, service: RecordingService) -> None:
    before = len(service.requests)
    answer = lab.http.get("galley/api/v1/%2e%2e/%2e%2e/internal/v1/leases")
    assert answer.status_code == 404
    assert len(service.requests) == before


def test_a_problem_comes_through_as_it_is(lab: Lab) -> None:
    answer = lab.http.get("galley/api/v1/runs/unknown")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "there is no run 'unknown'"


def test_user_content_keeps_its_policy(lab: Lab) -> None:
    answer = lab.http.get("galley/api/v1/versions/1/rehearsal")
    policy = answer.headers["content-security-policy"]
    assert policy == "sandbox; frame-ancestors 'self'"
    assert answer.headers["content-type"] == "text/html"


def test_events_arrive_while_the_stream_is_open(lab: Lab, service: RecordingService) -> None:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "41"}
    with lab.http.stream("GET", "galley/api/v1/events", headers=headers) as answer:
        chunks = answer.iter_text()
        assert next(chunks).startswith("id: 1\n")
        service.go_on.set()
        assert "id: 2\n" in "".join(chunks)
    assert service.requests[-1].headers["last-event-id"] == "41"


def test_analysing_collects_the_modules_beside_the_notebook(
    lab: Lab, service: RecordingService, saved: str
) -> None:
    answer = lab.http.post("galley/analyse", json={"path": saved})
    assert answer.status_code == 200, answer.text
    assert answer.json()["modules"] == ["helpers"]
    sent = service.requests[-1]
    assert sent.path == "tenants/oncology/analyses"
    assert sent.body["modules"] == {"helpers.py": "x = 1\n"}


def test_the_authors_arrangement_of_the_tasks_goes_along(
    lab: Lab, service: RecordingService, saved: str
) -> None:
    layout = {"tasks": [{"name": "all", "title": "All", "cells": [0]}]}
    answer = lab.http.post("galley/analyse", json={"path": saved, "layout": layout})
    assert answer.status_code == 200, answer.text
    assert service.requests[-1].body["layout"] == layout
    broken = {"tasks": [{"name": "", "cells": [0]}]}
    before = len(service.requests)
    answer = lab.http.post("galley/analyse", json={"path": saved, "layout": broken})
    assert answer.status_code == 422
    assert answer.json()["field"] == "layout.tasks.0.name"
    assert len(service.requests) == before


def test_what_fingerprints_a_live_kernel_is_handed_out_as_text(lab: Lab) -> None:
    answer = lab.http.get("galley/fingerprint")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == expression()


def test_publishing_sends_the_saved_notebook_and_passes_a_refusal_on(
    lab: Lab, service: RecordingService, saved: str
) -> None:
    fields = {"name": "Train", "note": "please", "source_path": "/not/this"}
    answer = lab.http.post(
        "galley/publish",
        json={"path": saved, "slug": "train", "request": fields},
        headers={"Idempotency-Key": "once"},
    )
    assert answer.status_code == 409
    assert answer.json()["code"] == "conflict"
    assert answer.json()["detail"] == "version 3 has the same content and is live"
    sent = service.requests[-1]
    assert sent.path == "tenants/oncology/pipelines/train/versions"
    assert sent.body["notebook"]["cells"][0]["source"] == "import helpers"
    assert sent.body["modules"] == {"helpers.py": "x = 1\n"}
    assert sent.body["source_path"] == saved
    assert sent.body["note"] == "please"
    assert sent.headers["idempotency-key"] == "once"
    assert sent.headers["authorization"] == f"Bearer {SERVER_TOKEN}"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("work/absent.ipynb", 404, "absent.ipynb"),
        ("../outside.ipynb", 404, "outside"),
        ("work/helpers.py", 422, "not a notebook"),
        ("", 422, "path"),
    ],
)
def test_what_cannot_be_read_says_why(
    lab: Lab, service: RecordingService, saved: str, path: str, status: int, said: str
) -> None:
    before = len(service.requests)
    answer = lab.http.post("galley/analyse", json={"path": path})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.json()["detail"]
    assert len(service.requests) == before


def test_a_name_that_is_no_slug_is_refused_before_anything_is_sent(
    lab: Lab, service: RecordingService, saved: str
) -> None:
    before = len(service.requests)
    body = {"path": saved, "slug": "../Train", "request": {"name": "x"}}
    answer = lab.http.post("galley/publish", json=body)
    assert answer.status_code == 422
    assert answer.json()["field"] == "slug"
    assert answer.json()["data"]["suggestion"] == "train"
    assert len(service.requests) == before


def test_a_page_of_another_origin_reaches_nothing_with_the_browsers_cookie(
    lab: Lab, service: RecordingService
) -> None:
    with httpx.Client(base_url=lab.url, trust_env=False) as browser:
        browser.get("api/status", params={"token": TOKEN})
        assert browser.get("galley/connection").status_code == 200
        before = len(service.requests)
        answer = browser.get("galley/api/v1/me", headers={"Origin": "http://elsewhere.example"})
        assert answer.status_code == 404
        answer = browser.post("galley/api/v1/runs/1/cancel")
        assert answer.status_code == 403, "a cookie alone writes nothing"
    assert len(service.requests) == before


def test_the_browser_learns_the_tenant_and_never_the_token(lab: Lab) -> None:
    assert lab.http.get("galley/connection").json() == {"tenant": "oncology"}


def test_a_server_of_its_own_says_what_it_lacks(lone_lab: Lab) -> None:
    for path in ("connection", "api/v1/me"):
        answer = lone_lab.http.get(f"galley/{path}")
        assert answer.status_code == 501
        assert answer.json()["code"] == "not-configured"
        assert "GALLEY_URL" in answer.json()["detail"]


def test_a_service_that_is_down_is_named(down_lab: Lab) -> None:
    answer = down_lab.http.get("galley/api/v1/me")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert "does not answer" in answer.json()["detail"]
