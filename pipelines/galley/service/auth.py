"""Asking the hub who holds a token: the only module that knows :mod:`jupyterhub`.

The hub may be away. Then a person gets ``unavailable`` and the rest of the service goes on:
worker hosts, tasks and schedules do not need it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlencode

from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from galley.domain.settings import Settings
from galley.errors import NotSignedIn, Unavailable
from galley.service import MLFLOW_PREFIX, PREFIX

HUB_PATIENCE_S = 10
"""How long the hub may take to answer, seconds."""

CACHE_S = 60
"""How long a look-up is believed, seconds: how late a revoked token or a new role is noticed."""

_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class SignIn:
    """One sign-in that has begun: where to send the browser, and the state to keep."""

    url: str
    state: str


@dataclass(frozen=True)
class SignedIn:
    """One sign-in that has ended."""

    token: str
    next_url: str


class Hub(Protocol):
    """What the service asks of the hub."""

    cookie_name: str
    prefix: str

    async def model_for(self, token: str, *, session: str = "") -> dict[str, Any] | None:
        """Return the hub's user model for ``token``; None if it is not valid (any more)."""

    async def begin(self, next_url: str) -> SignIn:
        """Begin a sign-in that ends at ``next_url``."""

    async def finish(self, code: str, state: str) -> SignedIn:
        """Return what the hub's ``code`` stands for."""


class OAuthStates(Protocol):
    """Keeps the sign-ins under way, so that any process of the service may finish one."""

    async def put(self, state: str, value: dict[str, Any]) -> None:
        """Keep ``value`` for a few minutes."""

    async def pop(self, state: str) -> dict[str, Any] | None:
        """Return and forget what was kept; None if there is nothing (any more)."""


class JupyterHub:
    """The real hub, through :class:`jupyterhub.services.auth.HubOAuth`."""

    def __init__(
        self,
        settings: Settings,
        *,
        client_id: str,
        prefix: str,
        token: str,
        states: OAuthStates,
    ) -> None:
        self.prefix = prefix
        self._oauth = HubOAuth(
            api_url=f"http://127.0.0.1:{settings.hub_port}/hub/api",
            api_token=token,
            base_url=f"{prefix}/",
            hub_prefix="/hub/",
            oauth_client_id=client_id,
            oauth_redirect_uri=f"{prefix}/oauth_callback",
            cache_max_age=CACHE_S,
        )
        self._states = states
        self.cookie_name: str = self._oauth.cookie_name

    async def model_for(self, token: str, *, session: str = "") -> dict[str, Any] | None:
        """Return the hub's user model for ``token``; None if it is not valid (any more).

        Raises:
            Unavailable: the hub does not answer.
        """
        model: dict[str, Any] | None = await _answer(
            self._oauth.user_for_token(token, session_id=session, sync=False)
        )
        if model is None or model.get("kind", "user") != "user":
            return None
        return model

    async def begin(self, next_url: str) -> SignIn:
        """Begin a sign-in that ends at ``next_url``."""
        verifier, challenge, method = self._oauth.generate_pkce_code_challenge()
        state = secrets.token_urlsafe(24)
        await self._states.put(state, {"next_url": next_url, "verifier": verifier})
        query = {
            "client_id": self._oauth.oauth_client_id,
            "redirect_uri": self._oauth.oauth_redirect_uri,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": method,
        }
        return SignIn(f"{self._oauth.oauth_authorization_url}?{urlencode(query)}", state)

    async def finish(self, code: str, state: str) -> SignedIn:
        """Return the token that ``code`` stands for, and where the person wanted to go.

        Raises:
            NotSignedIn: the hub refuses the code, or the state is unknown or too old.
            Unavailable: the hub does not answer.
        """
        kept = await self._states.pop(state)
        if kept is None:
            raise NotSignedIn("this sign-in is too old or was used already: open the page again")
        token: str = await _answer(
            self._oauth.token_for_code(code, code_verifier=kept["verifier"], sync=False)
        )
        return SignedIn(token, kept["next_url"])


async def _answer(question: Awaitable[T]) -> T:
    try:
        async with asyncio.timeout(HUB_PATIENCE_S):
            return await question
    except TimeoutError as error:
        raise Unavailable(
            f"JupyterHub did not answer within {HUB_PATIENCE_S} s: try again in a moment"
        ) from error
    except HTTPError as error:
        message = error.log_message or ""
        _log.warning("the hub did not confirm a credential: %s", message)
        if "Failed to check authorization:" in message:
            raise NotSignedIn("JupyterHub refused the sign-in: open the page again") from error
        raise Unavailable(
            "JupyterHub does not answer, so nobody can be recognised: try again in a moment. "
            "Schedules and running work go on."
        ) from error


def hubs(settings: Settings, states: OAuthStates) -> tuple[JupyterHub, JupyterHub]:
    """Return the hub as seen by the service itself and by its MLflow proxy."""

    def secret(name: str) -> str:
        return (settings.secrets / name).read_text().strip()

    return (
        JupyterHub(
            settings,
            client_id="service-galley",
            prefix=PREFIX,
            token=secret("service-token"),
            states=states,
        ),
        JupyterHub(
            settings,
            client_id="service-mlflow",
            prefix=MLFLOW_PREFIX,
            token=secret("mlflow-token"),
            states=states,
        ),
    )
