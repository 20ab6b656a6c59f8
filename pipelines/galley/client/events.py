"""Server-sent events as an iterator that resumes after a lost connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from galley.client.transport import RETRIED, Transport, raise_for_problem
from galley.domain.events import Event

RECONNECT_S = (0.5, 1, 2, 5, 10)
"""Pauses before the first, second, … try to connect again; the last one repeats. Seconds."""


class Message(NamedTuple):
    """What a blank line ends in an event stream; one without data only tells where the stream is.

    Attributes:
        id: to resume after, if it was told.
        data: its lines.
    """

    id: str | None
    data: str


class EventStream:
    """One subscription to ``/events``.

    Args:
        subject: of this run or version only; None: of everything.
        connected: called with True as soon as events come, with False when they no longer do.
    """

    def __init__(
        self,
        transport: Transport,
        tenants: Sequence[str],
        last_event_id: int | None,
        stop: threading.Event | None,
        subject: UUID | None = None,
        connected: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._transport = transport
        self._last = last_event_id
        self._stop = stop or threading.Event()
        self._parameters: dict[str, Any] = {"tenant": list(tenants)} | (
            {"subject": str(subject)} if subject else {}
        )
        self._told = connected

    def events(self) -> Iterator[Event]:
        """Yield events until stopped.

        Raises:
            PublicError: the service refuses the subscription.
        """
        failures = 0
        while not self._stop.is_set():
            try:
                for event in self._connected():
                    failures = 0
                    yield event
            except httpx.TransportError:
                pass
            finally:
                self._told(False)
            self._stop.wait(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
            failures += 1

    def _connected(self) -> Iterator[Event]:
        headers = {} if self._last is None else {"Last-Event-ID": str(self._last)}
        with self._transport.stream("/events", self._parameters, headers) as response:
            if response.status_code in RETRIED:
                return
            if not response.is_success:
                response.read()
            raise_for_problem(response)
            for message in messages(self._lines(response)):
                if message.id is not None:
                    self._last = int(message.id)
                if message.data:
                    yield Event.model_validate_json(message.data)

    def _lines(self, response: httpx.Response) -> Iterator[str]:
        """Yield the lines until stopped; the first one says that from now on events come."""
        for number, line in enumerate(response.iter_lines()):
            if self._stop.is_set():
                return
            if number == 0:
                self._told(True)
            yield line


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """Yield the messages of an event stream; comments and other fields are skipped."""
    told: str | None = None
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        match field:
            case "id":
                told = value.strip()
            case "data":
                data.append(value.removeprefix(" "))
            case "" if not line:
                if told is not None or data:
                    yield Message(told, "\n".join(data))
                told, data = None, []
