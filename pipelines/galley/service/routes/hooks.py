"""The addresses of webhooks: whoever has the trigger's secret may start a run, and nothing else."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.requests import Request

from galley.domain.triggers import (
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    HookAnswer,
    HookRequest,
    TriggerType,
)
from galley.errors import InvalidInput, NotSignedIn
from galley.schedule import hook
from galley.service.context import Context, InContext
from galley.store import hook_secrets, triggers
from galley.vault import Place

router = APIRouter(tags=["triggers"])


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post(
    "/hooks/{hook_id}",
    status_code=202,
    openapi_extra={
        "requestBody": {
            "content": {"application/json": {"schema": HookRequest.model_json_schema()}}
        }
    },
)
def receive_hook(
    hook_id: UUID,
    body: Annotated[bytes, Depends(_body)],
    context: InContext,
    timestamp: Annotated[str, Header(alias=TIMESTAMP_HEADER, max_length=20)] = "",
    signature: Annotated[str, Header(alias=SIGNATURE_HEADER, max_length=100)] = "",
) -> HookAnswer:
    """Start a run of the trigger's pipeline; each signature starts one."""
    now = context.clock()
    secret = _secret(context, hook_id)
    signed_at = hook.check_signature(secret, timestamp, signature, body, now)
    request = _request(body)

    def receive(session: Session) -> HookAnswer:
        row = triggers.by_series(session, hook_id)
        if row is None:
            raise NotSignedIn("the trigger was removed a moment ago")
        tenant = context.tenant(row.tenant)
        run = hook.receive(session, row, tenant, request, signature, signed_at, now)
        return HookAnswer(run=run)

    return context.store.write(receive)


def _secret(context: Context, hook_id: UUID) -> str | None:
    """Return the secret of a webhook; None where there is no such trigger."""

    def read(session: Session) -> tuple[str, bytes] | None:
        row = triggers.by_series(session, hook_id)
        if row is None or row.type is not TriggerType.WEBHOOK:
            return None
        sealed = hook_secrets.sealed(session, row.tenant, hook_id)
        return None if sealed is None else (row.tenant, sealed)

    found = context.store.read(read)
    if found is None:
        return None
    tenant, sealed = found
    place = Place(tenant, hook_secrets.owner_of(hook_id), hook_secrets.NAME)
    return context.vault.open(place, sealed)


def _request(body: bytes) -> HookRequest:
    if not body:
        return HookRequest()
    try:
        return HookRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise InvalidInput(f"{field or 'the body'}: {first['msg']}", field=field) from None
