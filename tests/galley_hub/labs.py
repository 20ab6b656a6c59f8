"""A person's JupyterLab server over HTTP: start it, run code in one of its kernels."""

from __future__ import annotations

from typing import Any

import httpx

from tests.galley_hub.kernel import Kernel
from tests.journey.people import Person
from tests.journey.platform import Platform
from tests.journey.waiting import until


class Lab:
    """One person's server in one tenant.

    Args:
        token: of the person, with everything they may do.
    """

    def __init__(self, platform: Platform, person: Person, tenant: str) -> None:
        self.user, self.tenant = person.name, tenant
        self.token = person.token(f"lab of {person.name} in {tenant}")
        self.url = f"{platform.url}/user/{self.user}/{tenant}"
        self.hub = httpx.Client(
            base_url=f"{platform.url}/hub/api",
            headers={"Authorization": f"token {self.token}"},
            timeout=60,
        )
        self._kernel: Kernel | None = None

    def start(self, **options: Any) -> None:
        """Start the server and wait until it is ready."""
        answer = self.hub.post(f"/users/{self.user}/servers/{self.tenant}", json=options)
        answer.raise_for_status()

        def ready() -> bool | None:
            servers = self.hub.get(f"/users/{self.user}").json()["servers"]
            return True if servers.get(self.tenant, {}).get("ready") else None

        until(ready, f"the server of {self.user} in {self.tenant}")
        self._kernel = Kernel(f"{self.url}/", self.token)

    def run(self, code: str) -> str:
        """Run code in the kernel and return what it printed, or its error."""
        assert self._kernel is not None, "the server is not started"
        return self._kernel.run(code)

    def close(self) -> None:
        """End the connections; the server stays."""
        if self._kernel is not None:
            self._kernel.close()
        self.hub.close()
