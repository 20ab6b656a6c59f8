"""Live events over a real connection: order, resuming, borders, the end of a session."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from galley.domain.events import EventKind
from galley.service import API
from galley.service import feed as feeds
from galley.service.routes import events as routes
from galley.store import events
from galley.store.settled import Settled

from tests.galley.service.platform import Platform, eventually, running_platform, served


@dataclass
class Live:
    """A served platform, and streams of its events."""

    platform: Platform
    url: str

    def append(self, number: int, tenant: str = "oncology", subject: int = 1) -> int:
        return self.platform.store.write(
            lambda s: events.append(
                s,
                tenant=tenant,
                kind=EventKind.RUN_PROGRESS,
                subject=UUID(int=subject),
                pipeline="p",
                data={"number": number},
                now=self.platform.clock(),
            )
        )

    @contextmanager
    def stream(
        self, user: str = "ada", query: str = "", **headers: str
    ) -> Iterator[Iterator[dict[str, Any]]]:
        sent = {**self.platform.as_user(user), **headers}
        address = f"{self.url}{API}/events{query}"
        with httpx.stream("GET", address, headers=sent, timeout=20) as answer:
            assert answer.status_code == 200, answer.read()
            messages = parsed(answer.iter_lines())
            assert next(messages)["comment"] == "connected"
            yield messages


def parsed(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    message: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if line:
            message[name or "comment"] = value.removeprefix(" ")
        elif message:
            yield message
            message = {}


def numbers(messages: Iterator[dict[str, Any]], count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        message = next(messages)
        if "data" in message:
            event = json.loads(message["data"])
            assert message["id"] == str(event["id"])
            assert message["event"] == event["kind"] == "run.progress"
            found.append(event["data"]["number"])
    return found


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with (
        running_platform(tmp_path / "home", lifespan=False) as platform,
        served(platform) as url,
    ):
        yield Live(platform, url)


def test_a_stream_brings_what_happens_after_it_was_opened(live: Live) -> None:
    live.append(0)
    eventually(lambda: live.platform.context.feed.latest == 1)
    with live.stream() as messages:
        live.append(1)
        live.append(2)
        assert numbers(messages, 2) == [1, 2]


def test_it_resumes_after_the_last_event_that_was_seen(live: Live) -> None:
    ids = [live.append(i) for i in range(5)]
    with live.stream(**{"Last-Event-ID": str(ids[1])}) as messages:
        assert numbers(messages, 3) == [2, 3, 4]
        live.append(5)
        assert numbers(messages, 1) == [5]


def test_of_some_things_only_and_where_it_is_all_the_same(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "HEARTBEAT_S", 0.4)
    query = f"?subject={UUID(int=2)}&subject={UUID(int=3)}"
    with live.stream(query=query) as messages:
        for number, subject in enumerate((1, 2, 1, 3)):
            live.append(number, subject=subject)
        assert numbers(messages, 2) == [1, 3]
        last = live.append(4, subject=1)
        assert {"comment": "still here", "id": str(last)} in islice(messages, 20)


def test_a_stream_that_is_opened_before_it_is_known_what_there_was_brings_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, advance = threading.Event(), Settled.advance
    monkeypatch.setattr(Settled, "advance", lambda one: advance(one) if known.is_set() else None)
    with (
        running_platform(tmp_path / "home", lifespan=False) as platform,
        served(platform) as url,
    ):
        live = Live(platform, url)
        live.append(0)
        sent = platform.as_user("ada")
        with httpx.stream("GET", f"{url}{API}/events", headers=sent, timeout=20) as answer:
            known.set()
            messages = parsed(answer.iter_lines())
            assert next(messages)["id"] == "1"
            live.append(1)
            assert numbers(messages, 1) == [1]


def test_a_stream_behind_the_ring_reads_the_table(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "BATCH", 3)
    feed = live.platform.context.feed
    monkeypatch.setattr(feeds, "RING", 2)
    monkeypatch.setattr(feed, "_ring", type(feed._ring)(maxlen=2))
    first = live.append(0)
    for i in range(1, 10):
        live.append(i)
    eventually(lambda: feed.latest == first + 9)
    with live.stream(**{"Last-Event-ID": str(first)}) as messages:
        assert numbers(messages, 9) == list(range(1, 10))


def test_nobody_hears_of_other_tenants(live: Live) -> None:
    with live.stream("ada") as messages:
        live.append(1, "cardiology")
        live.append(2, "oncology")
        live.append(3, "playground")
        assert numbers(messages, 2) == [2, 3]
    answer = httpx.get(
        f"{live.url}{API}/events?tenant=cardiology", headers=live.platform.as_user("ada")
    )
    assert answer.status_code == 404


def test_many_streams_hear_the_same(live: Live) -> None:
    with live.stream("ada") as one, live.stream("lea") as two, live.stream("rita") as three:
        live.append(1)
        assert [numbers(stream, 1) for stream in (one, two, three)] == [[1], [1], [1]]


def test_an_idle_stream_is_kept_open_and_ends_with_its_session(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(routes, "CHECK_S", 0.0)
    with live.stream("ada") as messages:
        assert next(messages) == {"comment": "still here"}
        live.platform.hub.away = True
        assert next(messages) == {"comment": "still here"}
        live.platform.hub.away = False
        live.platform.hub.models.clear()
        assert all(message == {"comment": "still here"} for message in messages)


def test_a_waiting_host_is_woken_by_a_queued_run(live: Live) -> None:
    platform = live.platform
    headers = platform.as_host("oncology", "ada")
    with httpx.Client(base_url=live.url, headers=headers, timeout=20) as host:
        idle = host.post("/services/galley/internal/v1/leases", json={"host": "h", "wait_s": 0.05})
        assert idle.status_code == 204
        platform.publish()
        leased = host.post("/services/galley/internal/v1/leases", json={"host": "h", "wait_s": 20})
        assert leased.json()["pipeline"] == "daily-report"
