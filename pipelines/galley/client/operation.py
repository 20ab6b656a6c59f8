"""Routes of the operator: hosts that are drained."""

from __future__ import annotations

from urllib.parse import quote

from galley.client.routes import Routes
from galley.domain.drains import Drain


class OperationRoutes(Routes):
    """What keeps the platform going."""

    def drains(self) -> list[Drain]:
        """Return the hosts that are given no new work."""
        return self._get(list[Drain], "/drains")

    def drain(self, host: str) -> Drain:
        """Give no new work to a host, to those of a machine, or (``*``) to any."""
        return self._send(Drain, f"/drains/{quote(host, safe='@')}", method="PUT")

    def drained(self, host: str) -> Drain:
        """Return one drain, with what its hosts still have."""
        return self._get(Drain, f"/drains/{quote(host, safe='@')}")

    def undrain(self, host: str) -> None:
        """Give work to these hosts again."""
        self._transport.request("DELETE", f"/drains/{quote(host, safe='@')}")
