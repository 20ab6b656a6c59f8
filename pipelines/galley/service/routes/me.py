"""``/me``: who the caller is and what they may do."""

from __future__ import annotations

from fastapi import APIRouter

from galley.domain.api import Me
from galley.sandbox.machine import this_machine
from galley.service.callers import Via
from galley.service.context import InContext, TheCaller
from galley.service.tenants_view import tenant_view

router = APIRouter(tags=["caller"])


@router.get("/me")
def get_me(caller: TheCaller, context: InContext) -> Me:
    """Return the caller, their tenants, and a browser's XSRF token."""
    tenants, machine = context.tenants().tenants, this_machine()
    browser = caller.identity.via is Via.BROWSER
    return Me(
        user=caller.user,
        via=caller.identity.via,
        tenants=tuple(
            tenant_view(context.settings, name, tenants[name], caller, machine)
            for name in caller.tenants
        ),
        xsrf=context.sessions.xsrf_token(caller) if browser else None,
    )
