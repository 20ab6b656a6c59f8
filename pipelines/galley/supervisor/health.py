"""Whether a child answers: one short request to itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

TIMEOUT_S = 1.0


def answers(url: str, headers: dict[str, str] | None = None) -> Callable[[], bool]:
    """Return a check that ``url`` answers 200."""
    return lambda: _is_ok(httpx.HTTPTransport(), url, headers)


def answers_on_socket(socket: Path, url: str) -> Callable[[], bool]:
    """Return a check that ``url`` answers 200 over a unix socket."""
    return lambda: socket.exists() and _is_ok(httpx.HTTPTransport(uds=str(socket)), url, None)


def _is_ok(transport: httpx.BaseTransport, url: str, headers: dict[str, str] | None) -> bool:
    try:
        with httpx.Client(transport=transport, timeout=TIMEOUT_S) as client:
            return client.get(url, headers=headers).status_code == 200
    except httpx.TransportError:
        return False
