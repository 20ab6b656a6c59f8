"""What all routes of the bridge share: who may come in, problems, and passing requests on."""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypeVar

import httpx
from galley.domain.model import Model
from galley.errors import InvalidInput, PublicError
from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import JupyterHandler
from pydantic import ValidationError
from tornado import web
from tornado.iostream import StreamClosedError

from galley_lab.service import Service

RESOURCE = "galley"
"""What a Jupyter server's authorizer is asked about."""

RETURNED = (
    "Cache-Control",
    "Content-Disposition",
    "Content-Length",
    "Content-Type",
    "ETag",
    "Location",
    "Referrer-Policy",
    "Retry-After",
)
"""Response headers of the service that the browser sees; above all no cookies."""

INERT = frozenset({"application/json", "application/problem+json", "text/event-stream"})
"""Answers that a browser never runs; everything else is shown without this server's origin."""

M = TypeVar("M", bound=Model)


class BridgeHandler(JupyterHandler):
    """Errors are problems (RFC 9457), like the service's own."""

    changes = True
    """Whether POST, PUT, PATCH and DELETE change anything."""

    def initialize(self, service: Service) -> None:
        """Take what :func:`galley_lab.bridge.load` has built."""
        self.service = service
        self._relay: asyncio.Task[None] | None = None

    async def prepare(self, *, _redirect_to_login: bool = False) -> None:
        """Let in the users of this server, from its own pages, whom its authorizer allows it.

        Raises:
            HTTPError: 403 for everybody else, 404 for other origins.
        """
        await super().prepare(_redirect_to_login=_redirect_to_login)
        if not self.check_origin():
            raise web.HTTPError(404)
        if not self.current_user:
            raise web.HTTPError(403, "Sign in to this Jupyter server first.")
        reads = self.request.method in {"GET", "HEAD"} or not self.changes
        action = "read" if reads else "write"
        if not await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, action, RESOURCE)
        ):
            raise web.HTTPError(403, f"This server does not allow you to {action} {RESOURCE}.")

    def get_login_url(self) -> str:
        """Answer a visitor who is not signed in with a refusal, not with a page."""
        raise web.HTTPError(403, "Sign in to this Jupyter server first.")

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log a refusal as one line."""
        if isinstance(value, PublicError):
            self.log.info("galley_lab: %s: %s", value.code, value.detail)
        else:
            super().log_exception(typ, value, tb)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write the problem that an exception stands for."""
        error = (kwargs.get("exc_info") or (None, None))[1]
        if isinstance(error, PublicError):
            problem = error.problem()
        else:
            reason = error.log_message if isinstance(error, web.HTTPError) else None
            title = httpx.codes.get_reason_phrase(status_code) or "error"
            problem = {
                "type": "about:blank",
                "title": title,
                "status": status_code,
                "code": "error",
                "detail": reason or title,
            }
        self.set_status(problem["status"])
        self.set_header("Content-Type", "application/problem+json")
        self.finish(json.dumps(problem))

    def body(self, model: type[M]) -> M:
        """Return the request's body.

        Raises:
            InvalidInput: it is not what the route needs.
        """
        try:
            return model.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput(
                f"{where or 'body'}: {first['msg']}.", field=where or None
            ) from error

    def write_json(self, text: str) -> None:
        """Answer with JSON."""
        self.set_header("Content-Type", "application/json")
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    async def relay(self, method: str, path: str, *, query: str = "", body: bytes = b"") -> None:
        """Pass a request on and stream the answer; ends when the browser goes away."""
        self._relay = asyncio.ensure_future(self._stream(method, path, query, body))
        await asyncio.wait({self._relay})
        if not self._relay.cancelled():
            self._relay.result()

    def on_connection_close(self) -> None:
        """Give up the request to the service when nobody waits for it any more."""
        super().on_connection_close()
        if self._relay is not None:
            self._relay.cancel()

    async def _stream(self, method: str, path: str, query: str, body: bytes) -> None:
        headers = self.request.headers
        async with self.service.open(
            method, path, query=query, headers=headers, body=body
        ) as response:
            self.set_status(response.status_code, response.reason_phrase or None)
            self._set_headers(response.headers)
            try:
                async for chunk in response.aiter_raw():
                    self.write(chunk)
                    await self.flush()
                await self.finish()
            except StreamClosedError:
                return
            except httpx.TransportError as error:
                self.log.warning("galley_lab: an answer broke off: %r", error)
                await self._break_off()

    async def _break_off(self) -> None:
        """Close the connection, so that the browser does not take a part for the whole."""
        connection = self.detach() if self._headers_written else None
        if connection is not None:
            connection.close()

    def _set_headers(self, headers: httpx.Headers) -> None:
        self.clear_header("Content-Type")
        for name in RETURNED:
            if name in headers:
                self.set_header(name, headers[name])
        if "Cache-Control" not in headers:
            self.set_header("Cache-Control", "no-store")
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in INERT:
            own = headers.get("Content-Security-Policy", "")
            policy = own if _sandboxes(own) else f"sandbox; {own}".rstrip("; ")
            self.set_header("Content-Security-Policy", f"{policy}; frame-ancestors 'self'")
        if kind == "text/event-stream":
            self.set_header("X-Accel-Buffering", "no")


def _sandboxes(policy: str) -> bool:
    """Whether a Content-Security-Policy takes the origin away from a document."""
    for directive in policy.split(";"):
        name, *values = directive.split() or [""]
        if name.lower() == "sandbox":
            return "allow-same-origin" not in map(str.lower, values)
    return False
