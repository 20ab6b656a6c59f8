"""Answers of MLflow's that the proxy changes or gives itself, so that its pages fit behind it."""

from __future__ import annotations

import json
from typing import Any

import httpx
from starlette.responses import HTMLResponse, JSONResponse, Response

ASSISTANT = "/ajax-api/3.0/mlflow/assistant"

_CONSTANT: dict[str, dict[str, Any]] = {
    f"{ASSISTANT}/config": {"providers": {}, "projects": {}, "remote_access_allowed": False},
    f"{ASSISTANT}/providers": {"providers": [], "resolved": None, "gateway_vendor_options": {}},
    "/ajax-api/2.0/mlflow/gateway-proxy": {"endpoints": []},
}
_NO_ASSISTANT = (
    '<script>try{localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1","true")}'
    "catch(e){}</script></head>"
)


def constant_answer(method: str, path: str) -> Response | None:
    """Return the answer to what MLflow's pages ask about features that are closed here."""
    body = _CONSTANT.get(path) if method == "GET" else None
    return None if body is None else JSONResponse(body)


def is_changed(path: str) -> bool:
    """Return whether :func:`changed_answer` is to handle the answer of ``path``."""
    return path == "/" or path.endswith("/server-info")


async def changed_answer(path: str, answer: httpx.Response) -> Response:
    """Return MLflow's answer as the tenant is to see it.

    Workspaces are said to be off: the address is the workspace, there is none to choose. The page
    does not open the assistant, which is closed, by itself.
    """
    content = await answer.aread()
    await answer.aclose()
    if not answer.is_success:
        return Response(content, answer.status_code, media_type=answer.headers.get("content-type"))
    if path == "/":
        page = content.decode().replace("</head>", _NO_ASSISTANT, 1)
        return HTMLResponse(page, headers={"Cache-Control": "no-cache"})
    return JSONResponse({**json.loads(content), "workspaces_enabled": False})
