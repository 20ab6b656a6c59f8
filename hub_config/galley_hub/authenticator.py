"""Sign-in with a password per user; only members of a tenant come in."""

from __future__ import annotations

import asyncio
import math
import time
from pathlib import Path
from typing import Any

from galley.domain.tenants import Tenants
from jupyterhub.auth import Authenticator
from tornado import web
from traitlets import Any as AnyTrait
from traitlets import Unicode

from galley_hub.passwords import Passwords
from galley_hub.throttle import Throttle


class TenantAuthenticator(Authenticator):  # type: ignore[misc]  # JupyterHub is untyped
    """Checks scrypt hashes, slows guessing down, and keeps hub groups as the tenants file says."""

    tenants = AnyTrait(help="The tenants.").tag(config=True)
    passwords_file = Unicode(help="The password file.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._by_user = Throttle(limit=5)
        self._by_address = Throttle(limit=30)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """Return the user, or None for a wrong name or password.

        Raises:
            tornado.web.HTTPError: 429 after too many failures.
        """
        name, address = data["username"].strip().lower(), handler.request.remote_ip
        now, pair = time.monotonic(), [f"{address} {name}"]
        wait = max(self._by_user.wait(pair, now), self._by_address.wait([address], now))
        if wait > 0:
            raise web.HTTPError(
                429, f"Too many failed sign-ins. Try again in {math.ceil(wait)} seconds."
            )
        passwords = Passwords(Path(self.passwords_file))
        if not await asyncio.to_thread(passwords.verify, name, data["password"]):
            self._by_user.failed(pair, now)
            self._by_address.failed([address], now)
            return None
        self._by_user.succeeded(pair)
        return {"name": name, "groups": self._groups(name)}

    def check_allowed(
        self,
        username: str,
        authentication: Any = None,  # noqa: ARG002 (JupyterHub passes it by name)
    ) -> bool:
        """Members of a tenant come in, nobody else."""
        return bool(self._groups(username))

    async def refresh_user(
        self,
        user: Any,
        handler: Any = None,  # noqa: ARG002 (JupyterHub passes it)
    ) -> bool | dict[str, Any]:
        """Bring groups up to date; who is no longer a member anywhere is signed out."""
        groups = self._groups(user.name)
        return {"name": user.name, "groups": groups} if groups else False

    def _groups(self, name: str) -> list[str]:
        tenants: Tenants = self.tenants
        return sorted(tenants.of(name))
