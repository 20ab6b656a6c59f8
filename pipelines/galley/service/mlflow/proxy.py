"""Passing a checked request on to MLflow's socket, streaming in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from galley.errors import Unavailable
from galley.service.mlflow.allowed import Route
from galley.service.mlflow.answers import changed_answer, is_changed
from galley.service.mlflow.workspaces import Workspaces
from galley.tracking.client import WORKSPACE_HEADER
from galley.tracking.server import ALLOWED_HOST

SANDBOX = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_KEPT_HERE = _HOP_BY_HOP | {
    "authorization",
    "cookie",
    "forwarded",
    "host",
    "origin",
    "referer",
    "x-mlflow-workspace",
    "x-real-ip",
    "x-xsrftoken",
}
_NOT_RETURNED = _HOP_BY_HOP | {"set-cookie", "server", "date"}
_AWAY = "MLflow does not answer at the moment: try again; what runs keeps its results"
_PATIENCE = httpx.Timeout(connect=5, read=300, write=300, pool=30)


class MlflowProxy:
    """The client side of the MLflow server's socket."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                uds=str(socket), limits=httpx.Limits(max_connections=100)
            ),
            timeout=_PATIENCE,
        )
        self._workspaces = Workspaces(self._client)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def healthy(self) -> bool:
        """Return whether MLflow answers."""
        try:
            answer = await self._client.get(f"http://{ALLOWED_HOST}/health", timeout=5)
        except httpx.HTTPError:
            return False
        return answer.is_success

    async def ask(
        self,
        tenant: str,
        method: str,
        route: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON of what MLflow says to the service itself.

        Args:
            route: below ``/api``.

        Raises:
            Unavailable: MLflow does not answer.
        """
        try:
            workspace = await self._workspaces.ensure(tenant)
            answer = await self._client.request(
                method,
                f"http://{ALLOWED_HOST}/api/{route}",
                params=params,
                json=body,
                headers={WORKSPACE_HEADER: workspace},
            )
        except httpx.TransportError as error:
            raise Unavailable(_AWAY) from error
        found = answer.json() if answer.is_success else {}
        return answer.status_code, found

    async def forward(
        self, request: Request, tenant: str, path: str, route: Route, content: bytes | None
    ) -> Response:
        """Return MLflow's answer for the tenant's workspace.

        Args:
            request: already allowed.
            tenant: decides the workspace, whatever the request says.
            path: below the tenant's prefix, decoded.
            route: the allowed route that it is.
            content: the body to send; None: the request's own, which nobody has read yet.

        Raises:
            Unavailable: MLflow does not answer.
        """
        try:
            workspace = await self._workspaces.ensure(tenant)
            answer = await self._client.send(
                self._upstream(request, path, workspace, content),
                stream=True,
                follow_redirects=False,
            )
        except httpx.TransportError as error:
            raise Unavailable(_AWAY) from error
        if is_changed(path):
            return await changed_answer(path, answer)
        return StreamingResponse(
            _body(answer),
            status_code=answer.status_code,
            headers=_returned(answer.headers.multi_items(), route),
            background=BackgroundTask(answer.aclose),
        )

    def _upstream(
        self, request: Request, path: str, workspace: str, content: bytes | None
    ) -> httpx.Request:
        kept_here = _KEPT_HERE if content is None else {*_KEPT_HERE, "content-length"}
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name not in kept_here and not name.startswith("x-forwarded-")
        ]
        headers += [("host", ALLOWED_HOST), (WORKSPACE_HEADER, workspace)]
        url = httpx.URL(
            scheme="http",
            host=ALLOWED_HOST,
            raw_path=quote(path, safe="/:@!$&'()*+,;=~").encode() + _query(request),
        )
        body: bytes | AsyncIterator[bytes] | None = content
        if content is None and request.method not in {"GET", "HEAD"}:
            body = request.stream()
        return self._client.build_request(request.method, url, headers=headers, content=body)


def _query(request: Request) -> bytes:
    query: bytes = request.scope["query_string"]
    return b"?" + query if query else b""


async def _body(answer: httpx.Response) -> AsyncIterator[bytes]:
    async for chunk in answer.aiter_raw():
        yield chunk


def _returned(headers: Iterable[tuple[str, str]], route: Route) -> dict[str, str]:
    kept = {name.lower(): value for name, value in headers if name.lower() not in _NOT_RETURNED}
    if route.artifact:
        kept["content-security-policy"] = SANDBOX
        kept["x-content-type-options"] = "nosniff"
    return kept
