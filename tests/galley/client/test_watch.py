"""Waiting for a run: woken by its events; where there are none, looking again."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from galley.client import Client, watch
from galley.domain.runs import RunState
from galley.service.routes import events as routes

from tests.galley.client.services import ServiceThatAnswers
from tests.galley.service.platform import Platform, eventually, running_platform, served


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Platform, Client]]:
    monkeypatch.setattr(routes, "HEARTBEAT_S", 0.2)  # who has left hears of it with the next one
    with (
        running_platform(tmp_path / "home", lifespan=False) as platform,
        served(platform) as url,
    ):
        token = platform.as_user("ada")["Authorization"].removeprefix("Bearer ")
        with Client(url, token) as client:
            yield platform, client


def listening(platform: Platform) -> bool:
    return bool(platform.context.metrics.streams._value.get())


def test_events_wake_who_follows_a_run(
    live: tuple[Platform, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, client = live
    platform.approved()
    run = client.start_run("oncology", "daily-report")
    monkeypatch.setattr(watch, "QUIET_S", 10_000)
    lines: list[str] = []
    follower = threading.Thread(target=lambda: lines.extend(client.follow_log(run.id)))
    follower.start()
    eventually(lambda: listening(platform))
    monkeypatch.setattr(watch, "PAUSE_S", 10_000)
    platform.run_through("oncology")
    follower.join(20)
    assert not follower.is_alive(), "no event woke it"
    assert "".join(lines) == "hello\nbye\n"
    eventually(lambda: not listening(platform))


def test_what_others_do_wakes_nobody(
    live: tuple[Platform, Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    platform, client = live
    platform.approved()
    run = client.start_run("oncology", "daily-report")
    looks: list[UUID] = []
    monkeypatch.setattr(watch, "QUIET_S", 0.1)
    with client.watch(run.id) as watched:
        watched.wait()
        eventually(lambda: watched._come)
        watched.wait()
        monkeypatch.setattr(watch, "QUIET_S", 10_000)

        def wait() -> None:
            watched.wait()
            looks.append(run.id)

        waiter = threading.Thread(target=wait)
        waiter.start()
        other = client.start_run("oncology", "daily-report")
        assert client.cancel(other.id).state is RunState.CANCELLED
        waiter.join(1)
        assert looks == []
        client.cancel(run.id)
        waiter.join(20)
        assert looks == [run.id]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403, json={"code": "forbidden", "detail": "no"}),
        httpx.Response(200, text='id: 1\ndata: {"kind": "of.tomorrow"}\n\n'),
    ],
)
def test_where_events_are_refused_or_unknown_it_looks_again(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response
) -> None:
    service = ServiceThatAnswers([answer])
    monkeypatch.setattr(watch, "PAUSE_S", 0.01)
    monkeypatch.setattr(watch, "QUIET_S", 10_000)
    with service.client().watch(uuid4()) as watched:
        assert watched.wait()
        assert watched.wait()
    assert len(service.requests) == 1


def test_a_wait_ends_once_it_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    service, stop = ServiceThatAnswers([httpx.Response(503)]), threading.Event()
    monkeypatch.setattr(watch, "PAUSE_S", 0.05)
    with service.client().watch(uuid4(), stop=stop) as watched:
        assert watched.wait()
        stop.set()
        assert not watched.wait()
