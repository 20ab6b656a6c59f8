"""What the tenants file means to the hub: groups, roles, scopes and who comes in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from galley.domain import tenants_file
from galley.domain.tenants import (
    ROLE_ACTIONS,
    SERVER_TOKEN_ACTIONS,
    Action,
    Role,
    Tenant,
    Tenants,
    scope,
)

SERVICES = ("galley", "mlflow")
EXPLAINED = {
    Action.READ: "See pipelines, versions, runs and the audit trail.",
    Action.PUBLISH: "Publish notebooks for review.",
    Action.RUN: "Start, cancel and retry runs.",
    Action.APPROVE_LEAD: "Decide reviews as data-science lead.",
    Action.APPROVE_MLE: "Decide reviews as machine-learning engineer.",
    Action.DEPLOY: "Choose the version that is live.",
    Action.OPERATE: "Pause and resume schedules and triggers.",
    Action.SECRETS: "Set and delete the tenant's secrets.",
}
LAB_ROLES = frozenset({Role.DATA_SCIENTIST})
"""Roles whose work begins in JupyterLab; the others begin on the page of the service."""


def load(path: Path) -> Tenants:
    """Read and check the tenants file.

    Raises:
        galley.errors.InvalidInput: naming each key path, value and what is allowed.
    """
    return tenants_file.load(path)


def users(tenants: Tenants) -> set[str]:
    """Return everyone who is a member somewhere."""
    return {user for tenant in tenants.tenants.values() for user in tenant.members}


def lab_tenants(tenants: Tenants, user: str) -> list[str]:
    """Return the tenants where ``user`` begins in JupyterLab."""
    return [
        name for name, tenant in tenants.of(user).items() if LAB_ROLES & set(tenant.members[user])
    ]


def custom_scopes() -> dict[str, dict[str, str]]:
    """Return the hub's definitions of Galley's scopes."""
    return {f"custom:galley:{action}": {"description": EXPLAINED[action]} for action in Action}


def hub_roles(tenants: Tenants) -> list[dict[str, Any]]:
    """Return hub roles: one per tenant and role, and one per tenant that makes its group.

    Roles are given to users, not to groups: the hub makes these lists exact at each start, so
    that who leaves the tenants file loses their scopes at once.
    """
    services = [f"access:services!service={name}" for name in SERVICES]
    roles: list[dict[str, Any]] = [
        {"name": "user", "scopes": ["self", *services]},
        *({"name": f"galley-{name}", "scopes": [], "groups": [name]} for name in tenants.tenants),
    ]
    for name, tenant in tenants.tenants.items():
        for role in Role:
            members = [user for user, held in tenant.members.items() if role in held]
            roles.append(
                {
                    "name": f"galley-{name}-{role}",
                    "description": f"{role} of {tenant.display_name}",
                    "scopes": [scope(action, name) for action in sorted(ROLE_ACTIONS[role])],
                    "users": members,
                }
            )
    return roles


def server_scopes(user: str, tenant_name: str, tenants: Tenants) -> list[str]:
    """Return the scopes of a server's token: of this tenant only, and only what is harmless.

    Every notebook can read that token.
    """
    own = f"server={user}/{tenant_name}"
    basic = ["users:activity!user", "read:users:name!user", f"access:servers!{own}"]
    basic += [f"access:services!service={name}" for name in SERVICES]
    tenant = tenants.of(user).get(tenant_name)
    held = tenant.actions_of(user) if tenant is not None else frozenset()
    return [*basic, *(scope(action, tenant_name) for action in sorted(held & SERVER_TOKEN_ACTIONS))]


def left_out(tenant: Tenant, isolation: str, reason: str | None) -> str | None:
    """Return why a tenant cannot have servers here, with the line that enables it, or None."""
    if isolation == "full" or not tenant.require_isolation:
        return None
    return (
        f"{tenant.display_name} requires isolated servers, which this machine does not give"
        f"{f': {reason}' if reason else ''}."
    )
