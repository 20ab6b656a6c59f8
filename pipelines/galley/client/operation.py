"""Routes of the operator: hosts that are drained, what is kept, what is on disk."""

from __future__ import annotations

from urllib.parse import quote

from galley.client.routes import Routes
from galley.domain.drains import Drain
from galley.domain.retention import DiskUse, PipelineRetention, RetentionPolicy, RetentionReport


class OperationRoutes(Routes):
    """What keeps the platform going."""

    def disk(self, tenant: str) -> DiskUse:
        """Return what a tenant keeps on disk."""
        return self._get(DiskUse, f"/tenants/{tenant}/disk")

    def plan_retention(self, tenant: str) -> RetentionReport:
        """Return what the policies would remove now."""
        return self._get(RetentionReport, f"/tenants/{tenant}/retention")

    def apply_retention(self, tenant: str) -> RetentionReport:
        """Remove now what the policies do not keep."""
        return self._send(RetentionReport, f"/tenants/{tenant}/retention")

    def retention(self, tenant: str, slug: str) -> PipelineRetention:
        """Return the policy that holds for a pipeline."""
        return self._get(PipelineRetention, f"/tenants/{tenant}/pipelines/{slug}/retention")

    def set_retention(
        self, tenant: str, slug: str, policy: RetentionPolicy | None
    ) -> PipelineRetention:
        """Give a pipeline a policy of its own; None: its tenant's holds again."""
        path = f"/tenants/{tenant}/pipelines/{slug}/retention"
        method = "DELETE" if policy is None else "PUT"
        return self._send(PipelineRetention, path, policy, method=method)

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
