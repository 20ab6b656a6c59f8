"""The service's ``/internal/v1``, as a worker host calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from galley.domain.model import Model
from galley.domain.work import (
    Assignment,
    Heartbeat,
    HeartbeatReply,
    LeaseRequest,
    Outcome,
    TrackedRuns,
)
from galley.errors import BY_CODE, Conflict, Forbidden, NotSignedIn, PublicError, Unavailable
from galley.host.config import HostConfig

TIMEOUT = httpx.Timeout(20.0, connect=3.0)
_BY_STATUS: dict[int, type[PublicError]] = {401: NotSignedIn, 403: Forbidden, 409: Conflict}


class Service:
    """Calls the service; safe to use from several threads.

    Every method raises :class:`Unavailable` when the service does not answer or fails, so that
    the caller tries again, and another :class:`PublicError` when it refuses.
    """

    def __init__(self, config: HostConfig, transport: httpx.BaseTransport | None = None) -> None:
        self._base = f"{config.service_url}/internal/v1"
        self._origin = config.origin
        self._token = config.token
        self._http = httpx.Client(timeout=TIMEOUT, transport=transport, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def lease(self, request: LeaseRequest) -> Assignment | None:
        """Ask for work; returns None when there was none for ``request.wait_s``."""
        response = self._call(
            "POST",
            f"{self._base}/leases",
            self._token,
            body=request,
            timeout=httpx.Timeout(request.wait_s + 15, connect=3.0),
        )
        if response.status_code == httpx.codes.NO_CONTENT:
            return None
        return Assignment.model_validate_json(response.content)

    def start(self, assignment: Assignment) -> HeartbeatReply:
        """Say that the attempt begins."""
        response = self._call(
            "POST",
            f"{self._base}/attempts/{assignment.attempt}/start",
            assignment.run_token,
            json={"fencing": assignment.fencing},
        )
        return HeartbeatReply.model_validate_json(response.content)

    def project(self, assignment: Assignment) -> bytes:
        """Return the version's project, a tar.gz."""
        url = assignment.project_url
        if not url.startswith(("http://", "https://")):
            url = f"{self._origin}{url if url.startswith('/') else f'/{url}'}"
        return self._call("GET", url, assignment.run_token).content

    def heartbeat(self, assignment: Assignment, heartbeat: Heartbeat) -> HeartbeatReply:
        """Renew the lease.

        Raises:
            Unavailable: also where the lease is renewed but not all could be kept, which is to be
                told again; ``cancel`` of its data says whether the attempt is to end.
        """
        response = self._call(
            "POST",
            f"{self._base}/attempts/{assignment.attempt}/heartbeat",
            assignment.run_token,
            body=heartbeat,
        )
        return HeartbeatReply.model_validate_json(response.content)

    def upload(self, attempt: UUID, run_token: str, task: str, notebook: bytes) -> None:
        """Store an executed notebook, complete or not."""
        self._call(
            "PUT",
            f"{self._base}/attempts/{attempt}/tasks/{task}/notebook",
            run_token,
            content=notebook,
            headers={"Content-Type": "application/x-ipynb+json"},
        )

    def upload_file(self, attempt: UUID, run_token: str, path: Path) -> None:
        """Store a file of the attempt, of any size."""
        with path.open("rb") as content:
            self._call(
                "PUT",
                f"{self._base}/attempts/{attempt}/files/{path.name}",
                run_token,
                content=content,
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(path.stat().st_size),
                },
            )

    def outcome(self, assignment: Assignment, outcome: Outcome) -> None:
        """Report how the attempt ended."""
        self._call(
            "POST",
            f"{self._base}/attempts/{assignment.attempt}/outcome",
            assignment.run_token,
            body=outcome,
        )

    def tracked(self, attempt: UUID, runs: TrackedRuns) -> None:
        """Say which MLflow runs an attempt has, which may have ended."""
        self._call("POST", f"{self._base}/attempts/{attempt}/tracked", self._token, body=runs)

    def _call(
        self,
        method: str,
        url: str,
        token: str,
        *,
        body: Model | None = None,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> httpx.Response:
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        if body is not None:
            options["content"] = body.model_dump_json()
            sent["Content-Type"] = "application/json"
        try:
            response = self._http.request(method, url, headers=sent, **options)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the service does not answer: {type(error).__name__}: {error}"
            ) from error
        if response.is_error:
            raise _problem(response)
        return response


def _problem(response: httpx.Response) -> PublicError:
    try:
        body = response.json()
        detail, code, data = str(body["detail"]), str(body.get("code", "")), body.get("data")
    except (ValueError, KeyError, TypeError):
        detail, code, data = response.text[:300], "", None
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        cancel = isinstance(data, dict) and data.get("cancel") is True
        return Unavailable(
            f"the service failed with {response.status_code}: {detail}", cancel=cancel
        )
    fallback = _BY_STATUS.get(response.status_code, PublicError)
    return BY_CODE.get(code, fallback)(detail)
