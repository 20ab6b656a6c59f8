"""The client against the real service: every route has a method, every answer a model."""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from galley.client import Client
from galley.domain.live import LiveNamespace, LiveState
from galley.domain.reviews import DecisionRequest, Verdict
from galley.domain.runs import RunKind, RunState
from galley.domain.schedules import PreviewRequest, ScheduleRequest
from galley.domain.tenants import Gate
from galley.domain.versions import PublishRequest, Version, VersionState
from galley.errors import Forbidden, NotFound
from galley.service import API
from pydantic import ValidationError

from tests.galley.client.services import ServiceThatAnswers
from tests.galley.service.platform import Platform, notebook

SOME = uuid4()
PUBLISH = PublishRequest(notebook=notebook(), name="Daily report")
DECISION = DecisionRequest(gate=Gate.LEAD, verdict=Verdict.APPROVE, digest="0" * 64)
LIVE = LiveState(snapshot=LiveNamespace(), notebook=notebook())
CALLS: list[Callable[[Client], object]] = [
    lambda c: c.me(),
    lambda c: c.analyse("t", {}),
    lambda c: c.slug("t", "s"),
    lambda c: c.preview_schedule(PreviewRequest(cron="@daily")),
    lambda c: c.timezones(),
    lambda c: c.pipelines("t"),
    lambda c: c.pipeline("t", "s"),
    lambda c: c.publish("t", "s", PUBLISH),
    lambda c: c.versions("t", "s"),
    lambda c: c.version_numbered("t", "s", 1),
    lambda c: c.version(SOME),
    lambda c: c.notebook(SOME),
    lambda c: c.diff(SOME),
    lambda c: c.export(SOME),
    lambda c: c.rehearsal_html(SOME),
    lambda c: c.compare_live(SOME, LIVE),
    lambda c: c.withdraw(SOME),
    lambda c: c.decide(SOME, DECISION),
    lambda c: c.deploy("t", "s", 1),
    lambda c: c.next_firings("t", "s"),
    lambda c: c.set_schedule("t", "s", ScheduleRequest(cron="@daily")),
    lambda c: c.pause_schedule("t", "s"),
    lambda c: c.resume_schedule("t", "s"),
    lambda c: c.start_run("t", "s"),
    lambda c: c.pipeline_runs("t", "s"),
    lambda c: c.runs("t"),
    lambda c: c.run(SOME),
    lambda c: c.cancel(SOME),
    lambda c: c.retry(SOME),
    lambda c: c.log(SOME),
    lambda c: c.executed_notebook(SOME, "t"),
    lambda c: c.reviews(),
    lambda c: c.tenant_reviews("t"),
    lambda c: c.audit("t"),
    lambda c: next(c.events()),
]


def client_of(platform: Platform, user: str = "ada", server_of: str | None = None) -> Client:
    headers = platform.as_user(user, server_of=server_of)
    token = headers["Authorization"].removeprefix("Bearer ")
    return Client("http://galley.test", token, http=platform.client._transport)


def test_every_route_of_the_service_has_a_method(platform: Platform) -> None:
    routes = {
        (method, route.path.removeprefix(API))
        for route in platform.app.routes
        if isinstance(route, APIRoute) and route.path.startswith(f"{API}/")
        for method in (route.methods or set()) - {"HEAD"}
    }
    asked: list[tuple[str, str]] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path.removeprefix(API)))
        return httpx.Response(404, json={"code": "not-found", "detail": "nothing here"})

    client = ServiceThatAnswers(note).client()
    for call in CALLS:
        with contextlib.suppress(NotFound, ValidationError):
            call(client)
    reached = {
        route
        for route in routes
        for method, path in asked
        if method == route[0] and re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", route[1]), path)
    }
    assert sorted(routes - reached) == []
    assert len(asked) == len(CALLS)


def test_publishing_and_reading(platform: Platform) -> None:
    client = client_of(platform)
    assert client.me().user == "ada"
    assert client.analyse("oncology", notebook()).parameters.defaults() == {"alpha": 1}
    assert client.slug("oncology", "daily-report").exists is False
    published = client.publish("oncology", "daily-report", PUBLISH)
    assert published.state is VersionState.REHEARSING
    platform.run_through("oncology", "ada")
    version = client.version_numbered("oncology", "daily-report", 1)
    assert (version.id, version.state) == (published.id, VersionState.IN_REVIEW)
    assert client.notebook(version.id)["cells"][2]["source"] == "x = alpha + 1"
    assert client.diff(version.id).after == 1
    assert "result" in client.rehearsal_html(version.id)
    with tarfile.open(fileobj=io.BytesIO(client.export(version.id))) as project:
        assert "pipeline.yaml" in project.getnames()
    assert [one.slug for one in client.pipelines("oncology").items] == ["daily-report"]
    assert [one.id for one in client.versions("oncology", "daily-report").items] == [version.id]
    assert client.withdraw(version.id).state is VersionState.WITHDRAWN
    assert client.audit("oncology").items


def review(platform: Platform, slug: str, **changes: Any) -> Version:
    """Publish, rehearse and approve at both gates, by the client."""
    request = PUBLISH.model_copy(update=changes)
    version = client_of(platform).publish("oncology", slug, request)
    platform.run_through("oncology", "ada")
    for user, gate in (("lea", Gate.LEAD), ("max", Gate.MLE)):
        reviewer = client_of(platform, user)
        assert [one.id for one in reviewer.reviews().items] == [version.id]
        assert version.digest is not None
        decision = DecisionRequest(gate=gate, verdict=Verdict.APPROVE, digest=version.digest)
        version = reviewer.decide(version.id, decision)
    return version


def test_reviewing_and_rolling_back(platform: Platform) -> None:
    assert review(platform, "daily-report").live
    assert review(platform, "daily-report", notebook=notebook("x = alpha + 2")).number == 2
    lead = client_of(platform, "lea")
    assert lead.tenant_reviews("oncology").items == []
    assert [one.number for one in lead.tenant_reviews("oncology", "all").items] == [2, 1]
    assert lead.pipeline("oncology", "daily-report").live_version == 2
    assert lead.deploy("oncology", "daily-report", 1, "second thoughts").live_version == 1


def test_a_servers_token_cannot_approve(platform: Platform) -> None:
    version = client_of(platform).publish("oncology", "daily-report", PUBLISH)
    platform.run_through("oncology", "ada")
    request = DecisionRequest(gate=Gate.LEAD, verdict=Verdict.APPROVE, digest=version.digest or "")
    with pytest.raises(Forbidden):
        client_of(platform, "lea", server_of="oncology").decide(version.id, request)


def test_runs_and_their_logs(platform: Platform) -> None:
    platform.approved()
    client = client_of(platform)
    run = client.start_run("oncology", "daily-report", {"alpha": 7})
    assert (run.state, run.parameters) == (RunState.QUEUED, {"alpha": 7})
    assert list(client.follow_log(run.id, follow=False)) == []
    platform.run_through("oncology")
    assert client.run(run.id).state is RunState.SUCCEEDED
    assert "".join(client.follow_log(run.id)) == "hello\nbye\n"
    assert b"result" in client.executed_notebook(run.id, "daily_report")
    newest = client.pipeline_runs("oncology", "daily-report", limit=1)
    assert [one.id for one in newest.items] == [run.id]
    rest = client.pipeline_runs("oncology", "daily-report", cursor=newest.next_cursor)
    assert [one.kind for one in rest.items] == [RunKind.REHEARSAL]
    found = client.runs("oncology", kind=RunKind.PIPELINE, state=RunState.SUCCEEDED)
    assert [one.id for one in found.items] == [run.id]
    assert client.runs("oncology", kind=RunKind.PIPELINE, state=RunState.FAILED).items == []


def test_a_log_is_followed_over_attempts(platform: Platform) -> None:
    platform.approved()
    client = client_of(platform)
    run = client.start_run("oncology", "daily-report")
    platform.run_through(
        "oncology",
        state="failed",
        failure_class="user",
        error={"ename": "E", "evalue": "e", "message": "m"},
    )
    assert client.run(run.id).state is RunState.FAILED
    assert client.retry(run.id).state is RunState.QUEUED
    platform.run_through("oncology")
    assert "".join(client.follow_log(run.id)) == "hello\nbye\n" * 2


def test_cancelling(platform: Platform) -> None:
    platform.approved()
    client = client_of(platform)
    run = client.start_run("oncology", "daily-report")
    assert client.cancel(run.id).state is RunState.CANCELLED
    assert list(client.follow_log(run.id)) == []


def test_schedules(platform: Platform) -> None:
    client = client_of(platform)
    preview = client.preview_schedule(PreviewRequest(cron="0 6 * * *", timezone="Europe/Berlin"))
    assert len(preview.firings) == 5
    assert "Europe/Berlin" in client.timezones()
    request = ScheduleRequest(cron="0 6 * * *", timezone="Europe/Berlin")
    with_schedule = PUBLISH.model_copy(update={"schedule": request})
    client.publish("playground", "daily-report", with_schedule)
    platform.run_through("playground", "ada")
    assert len(client.next_firings("playground", "daily-report", 3).firings) == 3
    paused = client.pause_schedule("playground", "daily-report")
    assert paused.schedule is not None
    assert paused.schedule.paused
    assert client.resume_schedule("playground", "daily-report").next_firing is not None
    changed = client.set_schedule("playground", "daily-report", ScheduleRequest(cron="@hourly"))
    assert changed.schedule is not None
    assert changed.schedule.cron == "@hourly"
