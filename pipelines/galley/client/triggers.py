"""Routes about triggers: what starts runs beside schedules and people."""

from __future__ import annotations

from galley.client.routes import Routes
from galley.domain.model import Page
from galley.domain.triggers import (
    Trigger,
    TriggerChange,
    TriggerFiring,
    TriggerMade,
    TriggerRequest,
)


class TriggerRoutes(Routes):
    """Triggers of pipelines, and when they fired."""

    def triggers(self, tenant: str, *, pipeline: str | None = None) -> Page[Trigger]:
        """Return the triggers of a tenant or of one pipeline, by pipeline and name."""
        within = f"/pipelines/{pipeline}" if pipeline is not None else ""
        return self._get(Page[Trigger], f"/tenants/{tenant}{within}/triggers")

    def add_trigger(self, tenant: str, slug: str, request: TriggerRequest) -> TriggerMade:
        """Add a trigger; the secret of a webhook is told this once."""
        return self._send(TriggerMade, f"/tenants/{tenant}/pipelines/{slug}/triggers", request)

    def change_trigger(self, tenant: str, slug: str, name: str, change: TriggerChange) -> Trigger:
        """Give a trigger another source of the same type, or other parameters."""
        return self._send(Trigger, _path(tenant, slug, name), change, method="PUT")

    def renew_trigger_secret(self, tenant: str, slug: str, name: str) -> TriggerMade:
        """Give a webhook a new secret, told this once."""
        return self._send(TriggerMade, f"{_path(tenant, slug, name)}/secret")

    def pause_trigger(self, tenant: str, slug: str, name: str) -> Trigger:
        """Let a trigger rest; what happens meanwhile is not caught up."""
        return self._send(Trigger, f"{_path(tenant, slug, name)}/pause")

    def resume_trigger(self, tenant: str, slug: str, name: str) -> Trigger:
        """Let a trigger fire again, from now on."""
        return self._send(Trigger, f"{_path(tenant, slug, name)}/resume")

    def remove_trigger(self, tenant: str, slug: str, name: str) -> None:
        """Take a trigger out of force; what it fired stays in the log."""
        self._transport.request("DELETE", _path(tenant, slug, name))

    def trigger_firings(
        self,
        tenant: str,
        slug: str,
        name: str,
        *,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[TriggerFiring]:
        """Return when a trigger fired, upon what, and which run came of it; newest first."""
        path = f"{_path(tenant, slug, name)}/firings"
        return self._get(Page[TriggerFiring], path, cursor=cursor, limit=limit)


def _path(tenant: str, slug: str, name: str) -> str:
    return f"/tenants/{tenant}/pipelines/{slug}/triggers/{name}"
