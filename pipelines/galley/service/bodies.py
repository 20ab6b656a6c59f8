"""How large a request's body may be; said before it is read where its length is announced."""

from __future__ import annotations

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from galley.domain.tenants import Tenants
from galley.domain.triggers import HOOK_BODY
from galley.errors import TooLarge
from galley.service import API, INTERNAL, MLFLOW_PREFIX
from galley.service.problems import problem

ORDINARY = 2**20
MODULES = 16 * 2**20
REPORT = 16 * 2**20
EXECUTED_NOTEBOOK = 256 * 2**20

_PUBLISH = re.compile(
    rf"{API}/(?:tenants/[^/]+/(?:analyses|pipelines/[^/]+/versions)|versions/[^/]+/live)"
)
_HOOK = re.compile(rf"{API}/hooks/[^/]+")
_FILE = re.compile(rf"{INTERNAL}/attempts/[^/]+/files/[^/]+")
_NOTEBOOK = re.compile(rf"{INTERNAL}/attempts/[^/]+/tasks/[^/]+/notebook")


def allowed(path: str, tenants: Tenants) -> tuple[int, str] | None:
    """Return the largest body, bytes, that ``path`` takes, and its name; None: any size."""
    if path.startswith(MLFLOW_PREFIX):
        return None
    if _PUBLISH.fullmatch(path):
        notebook = max(tenant.limits.notebook for tenant in tenants.tenants.values())
        return notebook + MODULES, "a notebook with its modules"
    if _HOOK.fullmatch(path):
        return HOOK_BODY, "a webhook"
    if _NOTEBOOK.fullmatch(path):
        return EXECUTED_NOTEBOOK, "an executed notebook"
    if _FILE.fullmatch(path):
        return _largest_scratch(tenants), "a file of an attempt"
    if path.startswith(INTERNAL):
        return REPORT, "a host's report"
    return ORDINARY, "a request"


def _largest_scratch(tenants: Tenants) -> int:
    return max(
        space
        for tenant in tenants.tenants.values()
        for space in (
            tenant.limits.scratch,
            *(profile.scratch or 0 for profile in tenant.profiles.values()),
        )
    )


class BodyLimit:
    """ASGI middleware that refuses larger bodies with 413."""

    def __init__(self, app: ASGIApp, tenants: Callable[[], Tenants]) -> None:
        self._app = app
        self._tenants = tenants

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        limit = allowed(scope["path"], self._tenants()) if scope["type"] == "http" else None
        if limit is None:
            await self._app(scope, receive, send)
            return
        size, name = limit
        sentence = f"the body is larger than {size} bytes, the limit of {name}"
        announced = Headers(scope=scope).get("Content-Length", "")
        if announced.isdigit() and int(announced) > size:
            await problem(TooLarge(sentence).problem())(scope, receive, send)
            return
        await self._app(scope, _counting(receive, size, sentence), send)


def _counting(receive: Receive, size: int, sentence: str) -> Receive:
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > size:
            raise HTTPException(TooLarge.status, sentence)
        return message

    return counted
