"""The service as the bridge reaches it: requests are passed on as they come, answers streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import unquote

import httpx
from galley.client.transport import API_PREFIX
from galley.errors import NotFound, PublicError, Unavailable

from galley_lab.connection import Connection

TIMEOUT = httpx.Timeout(60, connect=5)
STREAM_TIMEOUT = httpx.Timeout(60, connect=5, read=None)
"""An event stream may be silent for as long as nothing happens."""

PASSED_ON = ("Accept", "Content-Type", "Idempotency-Key", "If-None-Match", "Last-Event-ID")
"""Request headers that the service sees; above all not the browser's cookies."""


class Service:
    """Galley's service, or the reason why there is none."""

    def __init__(self, found: Connection | PublicError) -> None:
        self._found = found
        self._client: httpx.AsyncClient | None = None

    @property
    def connection(self) -> Connection:
        """Address, tenant and token.

        Raises:
            PublicError: this server has no service; says what is missing.
        """
        if isinstance(self._found, PublicError):
            raise self._found
        return self._found

    @asynccontextmanager
    async def open(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> AsyncIterator[httpx.Response]:
        """Send one request as this server and yield the answer, its body not read yet.

        Args:
            path: below ``/api/v1/``, quoted.
            headers: of the caller's request; only :data:`PASSED_ON` are sent.

        Raises:
            PublicError: there is no service, no such path, or no answer.
        """
        found = self.connection
        _check(path)
        asked = httpx.Headers(dict(headers or {}))
        sent = {name: asked[name] for name in PASSED_ON if name in asked}
        live = "text/event-stream" in sent.get("Accept", "")
        client = self._http()
        request = client.build_request(
            method,
            f"{found.url}{API_PREFIX}/{path}" + (f"?{query}" if query else ""),
            headers={
                **sent,
                "Authorization": f"Bearer {found.token}",
                "Accept-Encoding": "identity",
            },
            content=body or None,
            timeout=STREAM_TIMEOUT if live else TIMEOUT,
        )
        try:
            response = await client.send(request, stream=True)
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"Galley at {found.url} does not answer: {reason}") from error
        try:
            yield response
        finally:
            await response.aclose()

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
            self._client = httpx.AsyncClient(limits=limits, trust_env=False)
        return self._client


def _check(path: str) -> None:
    parts = unquote(path).split("/")
    if any(part in {"", ".", ".."} for part in parts) or "\\" in path:
        raise NotFound(f"There is nothing at {path!r}.")
