"""Secrets: set, listed without values, deleted. No route gives a tenant's value back."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from galley.domain.model import Page
from galley.domain.secrets import (
    SecretInfo,
    SecretRequest,
    SecretValue,
    check_secret_name,
    check_secret_value,
)
from galley.domain.tenants import Action
from galley.errors import Forbidden, NotFound
from galley.service.callers import Caller, Via
from galley.service.context import Context, InContext, TheCaller
from galley.store import secrets
from galley.vault import Place

router = APIRouter(prefix="/tenants/{tenant}", tags=["secrets"])


@router.get("/secrets")
def list_secrets(tenant: str, caller: TheCaller, context: InContext) -> Page[SecretInfo]:
    """Return the tenant's secrets and the caller's personal values, by name, without values."""
    caller.require(tenant, Action.READ)
    found = context.store.read(lambda s: secrets.listing(s, tenant, caller.user))
    return Page[SecretInfo](items=found)


@router.put("/secrets/{name}")
def set_secret(
    tenant: str, name: str, body: SecretRequest, caller: TheCaller, context: InContext
) -> SecretInfo:
    """Set a secret of the tenant, or replace its value: runs that start from now on get it."""
    caller.require(tenant, Action.SECRETS)
    return _put(context, caller, Place(tenant, secrets.TENANT, name), body)


@router.delete("/secrets/{name}", status_code=204)
def delete_secret(tenant: str, name: str, caller: TheCaller, context: InContext) -> Response:
    """Forget a secret of the tenant; runs of versions that name it fail from now on."""
    caller.require(tenant, Action.SECRETS)
    return _delete(context, caller, Place(tenant, secrets.TENANT, name))


@router.put("/personal-secrets/{name}")
def set_personal_secret(
    tenant: str, name: str, body: SecretRequest, caller: TheCaller, context: InContext
) -> SecretInfo:
    """Set the caller's own value, for their rehearsals and their JupyterLab in this tenant."""
    caller.require(tenant, Action.PUBLISH)
    return _put(context, caller, Place(tenant, caller.user, name), body)


@router.delete("/personal-secrets/{name}", status_code=204)
def delete_personal_secret(
    tenant: str, name: str, caller: TheCaller, context: InContext
) -> Response:
    """Forget the caller's own value."""
    caller.require(tenant, Action.PUBLISH)
    return _delete(context, caller, Place(tenant, caller.user, name))


@router.get("/personal-secrets/{name}/value")
def get_personal_secret(
    tenant: str, name: str, caller: TheCaller, context: InContext, response: Response
) -> SecretValue:
    """Hand the caller's own value to their JupyterLab server, and to nothing else."""
    caller.require(tenant, Action.PUBLISH)
    if caller.identity.via is not Via.SERVER:
        raise Forbidden(
            "a personal value is handed only to your JupyterLab server, for galley.secret(name): "
            "nothing else reads a secret back"
        )
    place, now = Place(tenant, caller.user, check_secret_name(name)), context.clock()
    found = context.store.read(lambda s: secrets.sealed(s, tenant, caller.user, [name]))
    if name not in found:
        raise NotFound(
            f"you have no personal value of the secret {name!r} in tenant {tenant!r}: set one with "
            f"`galley secret set {name} --personal --tenant {tenant}`, in a terminal"
        )
    value = context.vault.open(place, found[name])
    context.store.write(
        lambda s: secrets.used(
            s, *place[:2], [name], actor=caller.user, by="JupyterLab", detail={}, now=now
        )
    )
    response.headers["Cache-Control"] = "no-store"
    return SecretValue(value=value)


def _put(context: Context, caller: Caller, place: Place, body: SecretRequest) -> SecretInfo:
    check_secret_name(place.name)
    sealed, now = context.vault.seal(place, check_secret_value(body.value)), context.clock()
    return context.store.write(
        lambda s: secrets.put(
            s, *place, sealed, description=body.description, by=caller.user, now=now
        )
    )


def _delete(context: Context, caller: Caller, place: Place) -> Response:
    check_secret_name(place.name)
    now = context.clock()
    context.store.write(lambda s: secrets.remove(s, *place, by=caller.user, now=now))
    return Response(status_code=204)
