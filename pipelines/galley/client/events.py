"""Server-sent events as an iterator that resumes after a lost connection."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence

import httpx

from galley.client.transport import RETRIED, Transport, raise_for_problem
from galley.domain.events import Event

RECONNECT_S = (0.5, 1, 2, 5, 10)
"""Pauses before the first, second, … try to connect again; the last one repeats. Seconds."""


class EventStream:
    """One subscription to ``/events``."""

    def __init__(
        self,
        transport: Transport,
        tenants: Sequence[str],
        last_event_id: int | None,
        stop: threading.Event | None,
    ) -> None:
        self._transport = transport
        self._tenants = list(tenants)
        self._last = last_event_id
        self._stop = stop or threading.Event()

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
            self._stop.wait(RECONNECT_S[min(failures, len(RECONNECT_S) - 1)])
            failures += 1

    def _connected(self) -> Iterator[Event]:
        headers = {} if self._last is None else {"Last-Event-ID": str(self._last)}
        with self._transport.stream("/events", {"tenant": self._tenants}, headers) as response:
            if response.status_code in RETRIED:
                return
            if not response.is_success:
                response.read()
            raise_for_problem(response)
            for data in messages(response.iter_lines()):
                if self._stop.is_set():
                    return
                event = Event.model_validate_json(data)
                self._last = event.id
                yield event


def messages(lines: Iterable[str]) -> Iterator[str]:
    """Yield the data of each message of an event stream; comments and other fields are skipped."""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
