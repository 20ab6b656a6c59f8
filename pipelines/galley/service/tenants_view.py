"""A tenant as its members see it, with what cannot be had here and why."""

from __future__ import annotations

from galley.domain.api import DatasetView, ProfileView, TenantView
from galley.domain.settings import Settings
from galley.domain.tenants import DATASETS_ROOT, Action, Profile, Tenant
from galley.errors import Conflict, InvalidInput
from galley.sandbox.machine import Machine, why_not
from galley.service.callers import Caller


def why_unavailable(settings: Settings, tenant: Tenant) -> str | None:
    """Return why nothing of the tenant may start here; None where it may."""
    if settings.isolation == "full" or not tenant.require_isolation:
        return None
    return settings.isolation_reason or "sandboxes cannot be isolated on this machine"


def check_available(settings: Settings, name: str, tenant: Tenant) -> None:
    """Do nothing if the tenant's servers and runs may start.

    Raises:
        Conflict: they may not; it says why.
    """
    reason = why_unavailable(settings, tenant)
    if reason is not None:
        raise Conflict(f"tenant {name!r} requires isolation, and {reason}")


def check_profile(tenant: Tenant, name: str | None, machine: Machine) -> None:
    """Do nothing if the profile can be had; one that does not exist is left to others.

    Raises:
        InvalidInput: it cannot; it says why.
    """
    name = name or tenant.first_profile
    profile = tenant.profiles.get(name)
    reason = None if profile is None else why_not(profile, machine)
    if reason is not None:
        raise InvalidInput(f"profile {name!r} cannot be had here: it {reason}", field="profile")


def tenant_view(
    settings: Settings, name: str, tenant: Tenant, caller: Caller, machine: Machine
) -> TenantView:
    """Return the tenant for one of its members."""
    reason = why_unavailable(settings, tenant)
    return TenantView(
        name=name,
        display_name=tenant.display_name,
        description=tenant.description,
        roles=tenant.members[caller.user],
        actions=tuple(action for action in Action if caller.may(name, action)),
        profiles=tuple(
            _profile_view(key, profile, tenant, machine) for key, profile in tenant.profiles.items()
        ),
        default_profile=tenant.first_profile,
        gates=tenant.review.gates,
        limits=tenant.limits,
        datasets=tuple(
            DatasetView(
                name=key,
                path=f"{DATASETS_ROOT}/{key}",
                mode=dataset.mode,
                description=dataset.description,
            )
            for key, dataset in tenant.datasets.items()
        ),
        parameters=tenant.parameters,
        available=reason is None,
        reason=reason,
    )


def _profile_view(name: str, profile: Profile, tenant: Tenant, machine: Machine) -> ProfileView:
    reason = why_not(profile, machine) or tenant.limits.why_not(profile)
    return ProfileView(
        name=name,
        display_name=profile.display_name,
        description=profile.description,
        cpu=profile.cpu,
        memory=profile.memory,
        gpus=profile.gpus,
        available=reason is None,
        reason=reason,
    )
