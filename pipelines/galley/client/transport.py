"""One request to the service: credentials, retries of what is safe, problems as error classes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx

from galley import __version__
from galley.errors import (
    BY_CODE,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    NotSignedIn,
    PublicError,
    TooLarge,
    Unavailable,
)

SERVICE_PREFIX = "/services/galley"
API_PREFIX = "/api/v1"
SAFE = frozenset({"GET", "HEAD"})
RETRIED = frozenset({502, 503, 504})
PAUSES_S = (0.2, 0.6, 1.8)
"""Pauses before the second, third and fourth try, seconds."""

_BY_STATUS: dict[int, type[PublicError]] = {
    cls.status: cls
    for cls in (InvalidInput, NotSignedIn, Forbidden, NotFound, Conflict, TooLarge, Unavailable)
}


def service_address(url: str) -> str:
    """Return the service's address for ``url``, which may be the platform's or the service's.

    Raises:
        InvalidInput: it is not an http address.
    """
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(
            f"{url!r} is not an address of Galley: it starts with http:// or https://, "
            "such as 'http://127.0.0.1:8000'.",
            field="url",
        )
    address = url.rstrip("/")
    return address if address.endswith(SERVICE_PREFIX) else address + SERVICE_PREFIX


class Transport:
    """Sends requests to one service with one token.

    Args:
        url: the platform's or the service's address.
        token: a hub token: personal, or a single-user server's own.
        timeout_s: limit for one request, seconds.
        http: transport of httpx, for tests.
        sleep: called with the pause before a retry, seconds.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float = 60,
        http: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = service_address(url)
        self._sleep = sleep
        self._http = httpx.Client(
            timeout=httpx.Timeout(timeout_s, connect=10),
            transport=http,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": "application/json",
                "User-Agent": f"galley/{__version__}",
            },
        )

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        creates: bool = False,
    ) -> httpx.Response:
        """Send one request and return the answer.

        Args:
            path: below ``/api/v1``.
            params: query parameters; those that are None are left out.
            body: JSON.
            creates: send an ``Idempotency-Key``, so that a repeated request creates nothing twice;
                so it is tried again like a safe one.

        Raises:
            PublicError: what the service answered, or Unavailable when it did not.
        """
        request = self._http.build_request(
            method,
            self.url + API_PREFIX + path,
            params={key: value for key, value in (params or {}).items() if value is not None},
            json=body,
            headers={"Idempotency-Key": str(uuid4())} if creates else None,
        )
        pauses = iter(PAUSES_S if creates or method in SAFE else ())
        while True:
            pause = next(pauses, None)
            try:
                response = self._http.send(request)
            except httpx.TransportError as error:
                if pause is None:
                    raise self.unreachable(error) from error
            else:
                if pause is None or response.status_code not in RETRIED:
                    raise_for_problem(response)
                    return response
            self._sleep(pause)

    def stream(self, path: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> Any:
        """Return httpx's context manager of a streamed GET, without a limit between chunks."""
        return self._http.stream(
            "GET",
            self.url + API_PREFIX + path,
            params=params,
            headers={"Accept": "text/event-stream", **headers},
            timeout=httpx.Timeout(10, read=90),
        )

    def unreachable(self, error: httpx.TransportError) -> Unavailable:
        """Return the error to raise when no answer came."""
        reason = str(error) or type(error).__name__
        return Unavailable(f"Galley at {self.url} does not answer: {reason}")


def raise_for_problem(response: httpx.Response) -> None:
    """Raise the error class that a refusal stands for; do nothing for a success."""
    if response.is_success:
        return
    problem = _problem(response)
    code = problem.get("code")
    cls = BY_CODE.get(code) if isinstance(code, str) else None
    if cls is None:
        fallback = Unavailable if response.status_code >= 500 else PublicError
        cls = _BY_STATUS.get(response.status_code, fallback)
    detail = problem.get("detail") or (
        f"{response.request.url} answered {response.status_code} {response.reason_phrase}."
    )
    data = problem.get("data")
    facts = {str(key): value for key, value in data.items()} if isinstance(data, dict) else {}
    facts.pop("detail", None)
    facts.pop("field", None)
    raise cls(str(detail), field=problem.get("field"), **facts)


def _problem(response: httpx.Response) -> dict[str, Any]:
    if "json" not in response.headers.get("Content-Type", ""):
        return {}
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
