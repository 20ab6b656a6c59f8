"""Requests: retries of safe ones, and problems that become the errors they were."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from galley.client import Client
from galley.client.transport import PAUSES_S, service_address
from galley.domain.versions import PublishRequest
from galley.errors import (
    BY_CODE,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotSignedIn,
    PublicError,
    Unavailable,
)

from tests.galley.client.services import ServiceThatAnswers

ZONES = httpx.Response(200, json=["UTC"])


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000",
        "http://127.0.0.1:8000/",
        "http://127.0.0.1:8000/services/galley",
        "http://127.0.0.1:8000/services/galley/",
    ],
)
def test_the_address_may_be_the_platforms_or_the_services(url: str) -> None:
    assert service_address(url) == "http://127.0.0.1:8000/services/galley"


def test_an_address_without_scheme_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'localhost:8000' is not an address"):
        Client("localhost:8000", "t0ken")


def test_the_token_goes_along() -> None:
    service = ServiceThatAnswers([ZONES])
    assert service.client().timezones() == ["UTC"]
    (request,) = service.requests
    assert request.headers["Authorization"] == "Bearer t0ken"
    assert str(request.url) == "http://galley.test/services/galley/api/v1/timezones"


@pytest.mark.parametrize(
    "trouble",
    [httpx.Response(503), httpx.Response(502), httpx.ConnectError("refused")],
    ids=["503", "502", "refused"],
)
def test_a_safe_request_is_tried_again(trouble: httpx.Response | httpx.TransportError) -> None:
    service = ServiceThatAnswers([trouble, trouble, ZONES])
    assert service.client().timezones() == ["UTC"]
    assert service.pauses == list(PAUSES_S[:2])


def test_it_gives_up_after_the_last_pause() -> None:
    service = ServiceThatAnswers([httpx.ConnectError("connection refused")])
    with pytest.raises(Unavailable, match="does not answer: connection refused"):
        service.client().timezones()
    assert len(service.requests) == len(PAUSES_S) + 1


@pytest.mark.parametrize(
    "trouble", [httpx.Response(503), httpx.ReadTimeout("too slow")], ids=["503", "no answer"]
)
def test_what_creates_is_tried_again_under_the_same_key(
    trouble: httpx.Response | httpx.TransportError,
) -> None:
    service = ServiceThatAnswers([trouble, trouble, httpx.Response(409, json={"code": "conflict"})])
    for _ in range(2):
        with pytest.raises(Conflict):
            service.client().retry(uuid4())
    assert service.pauses == list(PAUSES_S[:2])
    first, *others = [request.headers["Idempotency-Key"] for request in service.requests]
    assert [key == first for key in others] == [True, True, False]


def test_a_write_is_sent_once() -> None:
    service = ServiceThatAnswers([httpx.ReadTimeout("too slow")])
    with pytest.raises(Unavailable):
        service.client().cancel(uuid4())
    assert len(service.requests) == 1
    assert service.pauses == []


def test_what_creates_carries_a_key_of_its_own() -> None:
    service = ServiceThatAnswers([httpx.Response(404, json={"code": "not-found", "detail": "no"})])
    client = service.client()
    for _ in range(2):
        with pytest.raises(NotFound):
            client.publish("oncology", "a", PublishRequest(notebook={}, name="A"))
    first, second = (UUID(request.headers["Idempotency-Key"]) for request in service.requests)
    assert first != second


def test_what_creates_nothing_carries_none() -> None:
    service = ServiceThatAnswers([ZONES])
    service.client().timezones()
    assert "Idempotency-Key" not in service.requests[0].headers


@pytest.mark.parametrize("error", BY_CODE.values(), ids=BY_CODE.keys())
def test_a_problem_becomes_the_error_it_was(error: type[PublicError]) -> None:
    sent = error("pipeline 'a' is odd", field="slug", suggestion="b")
    answer = httpx.Response(
        sent.status, json=sent.problem(), headers={"Content-Type": "application/problem+json"}
    )
    with pytest.raises(error) as caught:
        ServiceThatAnswers([answer]).client().timezones()
    assert type(caught.value) is error
    assert caught.value.problem() == sent.problem()


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, NotSignedIn), (403, Forbidden), (404, NotFound), (409, Conflict), (500, Unavailable)],
)
def test_an_answer_that_is_no_problem_is_told_by_its_status(
    status: int, error: type[PublicError]
) -> None:
    answer = httpx.Response(status, text="<html>a proxy in between</html>")
    with pytest.raises(error, match=f"answered {status}"):
        ServiceThatAnswers([answer]).client().timezones()


@pytest.mark.parametrize(
    "body", [["a list"], {"code": 7, "detail": None}, {"code": "new-in-v9", "data": "text"}]
)
def test_a_problem_of_another_shape_is_no_crash(body: Any) -> None:
    with pytest.raises(Conflict):
        ServiceThatAnswers([httpx.Response(409, json=body)]).client().timezones()


def test_facts_named_like_our_arguments_do_not_clash() -> None:
    body = {"code": "conflict", "detail": "taken", "data": {"detail": "x", "field": "y", "n": 1}}
    with pytest.raises(Conflict) as caught:
        ServiceThatAnswers([httpx.Response(409, json=body)]).client().timezones()
    assert (caught.value.detail, caught.value.field, caught.value.data) == ("taken", None, {"n": 1})
