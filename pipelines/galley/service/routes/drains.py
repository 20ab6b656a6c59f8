"""Draining hosts: whoever operates all tenants that it concerns may do it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from galley.domain.drains import Drain, check_selector, concerned
from galley.domain.tenants import Action, Role
from galley.errors import Forbidden, InvalidInput, NotFound
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller
from galley.store import drains

router = APIRouter(tags=["operation"])


@router.get("/drains")
def list_drains(caller: TheCaller, context: InContext) -> list[Drain]:
    """Return the caller's tenants' hosts that are given no new work, and what they still have."""
    now = context.clock()
    found = context.store.read(lambda s: drains.listed(s, now))
    return [one for one in found if concerned(one.host, caller.tenants)]


@router.get("/drains/{host}")
def get_drain(host: str, caller: TheCaller, context: InContext) -> Drain:
    """Return one drain: with nothing running, its hosts can be taken away."""
    if not concerned(host, caller.tenants):
        raise NotFound(f"None of your tenants has a host {host[:100]!r}.")
    now = context.clock()
    return context.store.read(lambda s: drains.get(s, host, now))


@router.put("/drains/{host}", status_code=201)
def drain(host: str, caller: TheCaller, context: InContext) -> Drain:
    """Give no new work to a host, to those of a machine, or (`*`) to any; what runs goes on."""
    tenants, now = _concerned(context, caller, host), context.clock()
    return context.store.write(lambda s: drains.begin(s, host, tenants, caller.user, now))


@router.delete("/drains/{host}", status_code=204)
def undrain(host: str, caller: TheCaller, context: InContext) -> Response:
    """Give work to these hosts again."""
    tenants, now = _concerned(context, caller, host), context.clock()
    context.store.write(lambda s: drains.end(s, host, tenants, caller.user, now))
    return Response(status_code=204)


def _concerned(context: Context, caller: Caller, host: str) -> tuple[str, ...]:
    """Return the tenants whose hosts are meant.

    Raises:
        Forbidden: the caller is not the operator of all of them.
        InvalidInput: the name can be no host's.
    """
    check_selector(host)
    declared = context.tenants().tenants
    tenants = concerned(host, tuple(declared))
    if not tenants:
        yours = ", ".join(caller.tenants) or "none"
        raise InvalidInput(f"{host!r} is of no tenant; yours: {yours}", field="host")
    foreign = [
        name
        for name in tenants
        if Role.OPERATOR not in declared[name].members.get(caller.user, ())
        or not caller.may(name, Action.OPERATE)
    ]
    if foreign:
        known = [name for name in foreign if name in caller.actions] or ["others"]
        raise Forbidden(
            f"{host!r} has hosts of tenants that you are not the operator of "
            f"({', '.join(known)}): drain your own tenant's host as TENANT@MACHINE"
        )
    return tenants
