"""Where people go after signing in, and what the home page shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from galley.domain.settings import Settings
from galley.domain.tenants import Tenants

from galley_hub.tenants import lab_tenants, left_out

GALLEY_PAGE = "/services/galley/"
HOME_PAGE = "/hub/home"


class TenantCard(NamedTuple):
    """One tenant on the home page."""

    name: str
    display_name: str
    description: str
    roles: str
    reason: str | None


def landing(tenants: Tenants) -> Callable[[Any], str]:
    """Return the hub's ``default_url``: one tenant → its lab, several → choose, none → the page.

    Those whose work is not in JupyterLab go to the service's page.
    """

    def default_url(handler: Any) -> str:
        user = handler.current_user
        if user is None:
            return HOME_PAGE
        names = lab_tenants(tenants, user.name)
        if not names:
            return GALLEY_PAGE
        if len(names) > 1:
            return HOME_PAGE
        spawner = user.spawners.get(names[0])
        if spawner is not None and spawner.ready:
            return str(user.server_url(names[0]))
        return f"/hub/spawn/{user.escaped_name}/{names[0]}"

    return default_url


def tenant_cards(settings: Settings, tenants: Tenants, user: str) -> list[TenantCard]:
    """Return the tenants of a user for the home page."""
    return [
        TenantCard(
            name,
            tenant.display_name,
            tenant.description,
            ", ".join(role.replace("-", " ") for role in tenant.members[user]),
            left_out(tenant, settings.isolation, settings.isolation_reason),
        )
        for name, tenant in tenants.of(user).items()
    ]
