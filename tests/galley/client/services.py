"""Services that answer as a test says, and remember what they were asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import httpx
from galley.client import Client

Answer = httpx.Response | httpx.TransportError


class ServiceThatAnswers:
    """Gives one answer after another; the last one again and again."""

    def __init__(self, answers: Sequence[Answer] | Callable[[httpx.Request], Answer]) -> None:
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []
        self._answers = answers

    def client(self, url: str = "http://galley.test") -> Client:
        transport = httpx.MockTransport(self._answer)
        return Client(url, "t0ken", http=transport, sleep=self.pauses.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if callable(self._answers):
            answer = self._answers(request)
        else:
            answer = self._answers[min(len(self.requests), len(self._answers)) - 1]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer
