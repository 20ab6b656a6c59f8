"""``Idempotency-Key``: a creating request that is sent again is answered again, not done again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse

from galley.service.context import Context
from galley.store import idempotency

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Send the same key again to repeat a request whose answer was lost.",
    ),
]


@dataclass(frozen=True)
class Once:
    """One creating request.

    Attributes:
        key: what the caller sent; None: the request is simply done.
        fingerprint: of method, path and body; another request may not reuse the key.
    """

    context: Context
    user: str
    key: str | None
    fingerprint: str
    status: int

    def replayed(self) -> JSONResponse | None:
        """Return the answer that was given before, if there is one."""
        key = self.key
        if key is None:
            return None
        found = self.context.store.read(
            lambda s: idempotency.replay(s, self.user, key, self.fingerprint)
        )
        return None if found is None else JSONResponse(found.body, status_code=found.status)

    def do(self, act: Callable[[Session], BaseModel]) -> JSONResponse:
        """Do ``act`` in one transaction with remembering its answer, or answer as before."""
        now = self.context.clock()

        def write(session: Session) -> tuple[int, Any]:
            if self.key is not None:
                found = idempotency.replay(session, self.user, self.key, self.fingerprint)
                if found is not None:
                    return found.status, found.body
            body = act(session).model_dump(mode="json")
            if self.key is not None:
                idempotency.remember(
                    session, self.user, self.key, self.fingerprint, self.status, body, now
                )
            return self.status, body

        status, body = self.context.store.write(write)
        return JSONResponse(body, status_code=status)


def once(
    request: Request,
    context: Context,
    user: str,
    key: str | None,
    body: BaseModel | None,
    *,
    status: int = 200,
) -> Once:
    """Return the request as one that is done once."""
    parts = [request.method, request.url.path, body.model_dump(mode="json") if body else None]
    fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return Once(context, user, key, fingerprint, status)
