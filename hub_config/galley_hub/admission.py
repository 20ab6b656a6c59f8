"""Who may start which server: plain refusals, before anything is started."""

from __future__ import annotations

from typing import NamedTuple

from galley.domain.settings import Settings
from galley.domain.tenants import Profile, Tenant, Tenants
from galley.errors import Forbidden, InvalidInput
from galley.sandbox.machine import Machine, why_not

from galley_hub.tenants import left_out


class Admission(NamedTuple):
    """What a server is started with."""

    tenant: Tenant
    profile_name: str
    profile: Profile


def tenant_of(settings: Settings, tenants: Tenants, user: str, server_name: str) -> Tenant:
    """Return the tenant that a named server belongs to.

    Raises:
        Forbidden: the user is no member, or the tenant needs isolation that is not to be had.
        InvalidInput: no tenant was named.
    """
    mine = tenants.of(user)
    if not server_name:
        raise InvalidInput(
            f"A server belongs to a tenant. Choose one of yours: {', '.join(mine) or 'none'}.",
            field="server_name",
        )
    if server_name not in mine:
        raise Forbidden(
            f"{user} is not a member of a tenant named {server_name!r}. "
            f"Your tenants: {', '.join(mine) or 'none'}.",
            field="server_name",
        )
    tenant = mine[server_name]
    if reason := left_out(tenant, settings.isolation, settings.isolation_reason):
        raise Forbidden(reason, field="server_name")
    return tenant


def admit(
    settings: Settings,
    tenants: Tenants,
    machine: Machine,
    *,
    user: str,
    server_name: str,
    profile_name: str | None,
) -> Admission:
    """Return what a server may be started with; without a profile, the tenant's first one.

    Raises:
        Forbidden, InvalidInput: as :func:`tenant_of`; or the profile is unknown or not available.
    """
    tenant = tenant_of(settings, tenants, user, server_name)
    name = profile_name or tenant.first_profile
    if name not in tenant.profiles:
        raise InvalidInput(
            f"{tenant.display_name} has no profile {name!r}. "
            f"Its profiles: {', '.join(tenant.profiles)}.",
            field="profile",
        )
    profile = tenant.profiles[name]
    if reason := why_not(profile, machine):
        raise InvalidInput(
            f"The profile {profile.display_name} ({name}) is not available: it {reason}.",
            field="profile",
        )
    return Admission(tenant, name, profile)
