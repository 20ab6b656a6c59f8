"""Where worker hosts are started: on this machine now, behind one interface."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID


class Launcher(Protocol):
    """Starts worker hosts and finds those that are already there."""

    def ensure_tenant_host(self, tenant: str) -> None:
        """Start the tenant's host unless it lives."""

    def start_rehearsal_host(self, tenant: str, author: str, run_id: UUID, attempt: int) -> None:
        """Start a host with the author's rights, for one attempt of a rehearsal or trial."""

    def adopt(self) -> None:
        """Find the hosts that an earlier process of the service started."""
