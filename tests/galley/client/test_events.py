"""Live events: read from the stream, resumed after a lost connection."""

from __future__ import annotations

import threading
from uuid import uuid4

import httpx
import pytest
from galley.client.events import messages
from galley.domain.events import Event, EventKind
from galley.errors import Forbidden

from tests.galley.client.services import Answer, ServiceThatAnswers
from tests.galley.service.platform import START


def event(number: int) -> Event:
    return Event(
        id=number,
        tenant="oncology",
        kind=EventKind.RUN_CHANGED,
        subject=uuid4(),
        pipeline="a",
        data={},
        at=START,
    )


def stream(*events: Event) -> httpx.Response:
    text = ": hello\n\n" + "".join(
        f"id: {one.id}\nevent: {one.kind}\ndata: {one.model_dump_json()}\n\n" for one in events
    )
    return httpx.Response(200, text=text, headers={"Content-Type": "text/event-stream"})


class Impatient(threading.Event):
    """Does not wait."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_a_lost_connection_is_resumed_where_it_ended() -> None:
    answers: list[Answer] = [
        stream(event(3), event(4)),
        httpx.ConnectError("refused"),
        httpx.Response(503),
        stream(event(5)),
    ]
    service = ServiceThatAnswers(answers)
    seen = []
    stop = Impatient()
    for one in service.client().events(["oncology", "playground"], last_event_id=2, stop=stop):
        seen.append(one.id)
        if one.id == 5:
            stop.set()
    assert seen == [3, 4, 5]
    resumed = [request.headers.get("Last-Event-ID") for request in service.requests]
    assert resumed == ["2", "4", "4", "4"]
    assert service.requests[0].url.params.get_list("tenant") == ["oncology", "playground"]


def test_without_an_id_it_begins_now() -> None:
    service, stop = ServiceThatAnswers([stream(event(1))]), Impatient()
    for _ in service.client().events(stop=stop):
        stop.set()
    assert "Last-Event-ID" not in service.requests[0].headers


def test_a_refusal_is_raised_not_repeated() -> None:
    refused = httpx.Response(403, json={"code": "forbidden", "detail": "not your tenant"})
    service = ServiceThatAnswers([refused])
    with pytest.raises(Forbidden, match="not your tenant"):
        next(service.client().events(["cardiology"]))
    assert len(service.requests) == 1


def test_messages_of_several_lines_and_comments() -> None:
    lines = [": comment", "id: 7", "data: a", "data:b", "", "", "event: x", "", "data: c", ""]
    assert list(messages(lines)) == [("7", "a\nb"), (None, "c")]
    assert list(messages([": connected", "id: 12", ""])) == [("12", "")]


def test_a_connection_that_is_lost_before_an_event_is_resumed_where_it_began() -> None:
    began = httpx.Response(200, text=": connected\nid: 41\n\n")
    service, stop = ServiceThatAnswers([began, stream(event(42))]), Impatient()
    for one in service.client().events(stop=stop):
        assert one.id == 42
        stop.set()
    resumed = [request.headers.get("Last-Event-ID") for request in service.requests]
    assert resumed == [None, "41"]
