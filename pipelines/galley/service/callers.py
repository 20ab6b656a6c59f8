"""Who asks and what they may do: the tenants file's membership, cut by the token's scopes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from galley.domain.tenants import SERVER_TOKEN_ACTIONS, Action, Tenants, scope
from galley.errors import Forbidden, NotFound


class Via(StrEnum):
    """The kind of credential."""

    BROWSER = "browser"
    TOKEN = "token"  # noqa: S105
    SERVER = "server"


@dataclass(frozen=True)
class Identity:
    """What the hub says about a token.

    Attributes:
        token: the credential itself; shown to nobody.
        session: the hub's session id that came with a browser's cookie.
    """

    user: str
    scopes: frozenset[str]
    via: Via
    token: str = field(repr=False)
    session: str = field(default="", repr=False)


def identity_of(model: Mapping[str, Any], *, token: str, browser: bool, session: str) -> Identity:
    """Return the identity in the hub's user model.

    A single-user server's token is told by its access to that one server alone, wherever it
    comes from: a notebook may well send it as a cookie.
    """
    scopes = frozenset(model.get("scopes", ()))
    if any(name.startswith("access:servers!server=") for name in scopes):
        via = Via.SERVER
    elif browser:
        via = Via.BROWSER
    else:
        via = Via.TOKEN
    return Identity(user=model["name"], scopes=scopes, via=via, token=token, session=session)


@dataclass(frozen=True)
class Caller:
    """A known caller.

    Attributes:
        actions: tenant → what the caller may do there; only tenants where that is anything.
    """

    identity: Identity
    actions: Mapping[str, frozenset[Action]]

    @property
    def user(self) -> str:
        """The hub's user name."""
        return self.identity.user

    @property
    def tenants(self) -> tuple[str, ...]:
        """Names of the tenants that exist for this caller."""
        return tuple(self.actions)

    def may(self, tenant: str, action: Action) -> bool:
        """Return whether the caller may do ``action`` in ``tenant``."""
        return action in self.actions.get(tenant, ())

    def require(self, tenant: str, action: Action) -> None:
        """Do nothing if the caller may.

        Raises:
            NotFound: the tenant does not exist for this caller.
            Forbidden: it does, without this action.
        """
        if tenant not in self.actions:
            raise NotFound(f"there is no tenant {tenant!r}, or you are not a member of it")
        if action not in self.actions[tenant]:
            raise Forbidden(_refusal(self.identity.via, tenant, action), action=str(action))


def caller_of(identity: Identity, tenants: Tenants) -> Caller:
    """Return what ``identity`` may do now."""
    actions = {}
    for name, tenant in tenants.of(identity.user).items():
        allowed = frozenset(
            action
            for action in tenant.actions_of(identity.user)
            if scope(action, name) in identity.scopes
            or f"custom:galley:{action}" in identity.scopes
        )
        if identity.via is Via.SERVER:
            allowed &= SERVER_TOKEN_ACTIONS
        if allowed:
            actions[name] = allowed
    return Caller(identity, actions)


_WORDS = {Action.SECRETS: "set or delete secrets"}


def _refusal(via: Via, tenant: str, action: Action) -> str:
    if via is Via.SERVER and action not in SERVER_TOKEN_ACTIONS:
        return (
            f"a JupyterLab server's token may not {_WORDS.get(action, action)} in tenant "
            f"{tenant!r}, because any "
            "notebook can read it: do this in the Galley page, or with a personal token"
        )
    return f"your roles in tenant {tenant!r} do not include {action!s}, or your token leaves it out"
