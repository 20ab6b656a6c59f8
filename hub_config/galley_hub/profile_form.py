"""The form in which a user chooses the profile of a server."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from galley.domain.tenants import Profile, Tenant
from galley.errors import InvalidInput
from galley.sandbox.machine import Machine, why_not


def render(tenant: Tenant, machine: Machine, chosen: str | None = None) -> str:
    """Return the HTML; what cannot be had is shown disabled, with its reason."""
    selected = _selected(tenant, machine, chosen)
    rows = "".join(
        _row(name, profile, why_not(profile, machine), checked=name == selected)
        for name, profile in tenant.profiles.items()
    )
    return (
        f'<h2 class="galley-tenant">{escape(tenant.display_name)}</h2>'
        f'<p class="text-body-secondary">{escape(tenant.description)}</p>'
        f'<fieldset class="galley-profiles"><legend>Profile</legend>{rows}</fieldset>'
    )


def parse(form: dict[str, list[str]]) -> dict[str, str]:
    """Return the server's options from the submitted form, or from a query."""
    return {key: values[-1] for key, values in form.items() if values and key != "_xsrf"}


def chosen_profile(options: Mapping[str, object] | None) -> str | None:
    """Return the profile that a server's options name; None where they name none.

    Raises:
        InvalidInput: an option that does not exist, or a value that is not a name.
    """
    given = dict(options or {})
    profile = given.pop("profile", None)
    if given:
        raise InvalidInput(
            f"{min(given)!r} is not an option of a server; the one option is 'profile'.",
            field=min(given),
        )
    if profile is not None and not isinstance(profile, str):
        raise InvalidInput(f"profile: {profile!r} is not the name of a profile.", field="profile")
    return profile


def _selected(tenant: Tenant, machine: Machine, chosen: str | None) -> str | None:
    wanted = [chosen, tenant.first_profile, *tenant.profiles]
    possible = (
        name
        for name in wanted
        if name in tenant.profiles and why_not(tenant.profiles[name], machine) is None
    )
    return next(possible, None)


def _row(name: str, profile: Profile, reason: str | None, *, checked: bool) -> str:
    state = " disabled" if reason else " checked" if checked else ""
    sizes = [f"{profile.cpu:g} CPU", f"{profile.memory / 2**30:g} GiB memory"]
    if profile.gpus:
        sizes.append(f"{profile.gpus} GPU")
    why = (
        f'<div class="galley-reason" id="why-{name}">Not available: {escape(reason)}.</div>'
        if reason
        else ""
    )
    described = f' aria-describedby="why-{name}"' if reason else ""
    return (
        f'<div class="form-check"><input class="form-check-input" type="radio" name="profile" '
        f'id="profile-{name}" value="{name}"{described}{state}>'
        f'<label class="form-check-label" for="profile-{name}"><strong>'
        f"{escape(profile.display_name)}</strong> · {' · '.join(sizes)}"
        f"<div>{escape(profile.description)}</div></label>{why}</div>"
    )
