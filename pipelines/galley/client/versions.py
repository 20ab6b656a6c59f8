"""Routes about versions and their reviews."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from galley.client.routes import Routes
from galley.domain.live import LiveComparison, LiveState
from galley.domain.model import Page
from galley.domain.reviews import DecisionRequest, VersionDiff
from galley.domain.versions import PublishRequest, Version


class VersionRoutes(Routes):
    """Publishing, reading and judging versions."""

    def publish(self, tenant: str, slug: str, request: PublishRequest) -> Version:
        """Make the next version of a pipeline; its rehearsal begins by itself."""
        path = f"/tenants/{tenant}/pipelines/{slug}/versions"
        return self._send(Version, path, request, creates=True)

    def versions(
        self, tenant: str, slug: str, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[Version]:
        """Return the versions of a pipeline, newest first."""
        path = f"/tenants/{tenant}/pipelines/{slug}/versions"
        return self._get(Page[Version], path, cursor=cursor, limit=limit)

    def version(self, version: UUID) -> Version:
        """Return a version by its id."""
        return self._get(Version, f"/versions/{version}")

    def version_numbered(self, tenant: str, slug: str, number: int) -> Version:
        """Return a version by its pipeline and number."""
        return self._get(Version, f"/tenants/{tenant}/pipelines/{slug}/versions/{number}")

    def notebook(self, version: UUID) -> dict[str, Any]:
        """Return a version's notebook as nbformat JSON."""
        return self._get(dict[str, Any], f"/versions/{version}/notebook")

    def diff(self, version: UUID, against: int | str = "live") -> VersionDiff:
        """Return a version's difference from another number, or from the live one."""
        return self._get(VersionDiff, f"/versions/{version}/diff", against=against)

    def export(self, version: UUID) -> bytes:
        """Return a version as a plain Ploomber project, a tar.gz."""
        return self._transport.request("GET", f"/versions/{version}/export").content

    def rehearsal_html(self, version: UUID) -> str:
        """Return the notebook as the rehearsal executed it, as an HTML page."""
        return self._transport.request("GET", f"/versions/{version}/rehearsal").text

    def compare_live(self, version: UUID, state: LiveState) -> LiveComparison:
        """Return what a session has that the version's clean run has not."""
        return self._send(LiveComparison, f"/versions/{version}/live", state)

    def withdraw(self, version: UUID) -> Version:
        """Take a version back before it is approved."""
        return self._send(Version, f"/versions/{version}/withdraw")

    def decide(self, version: UUID, request: DecisionRequest) -> Version:
        """Approve or reject a version at one gate."""
        return self._send(Version, f"/versions/{version}/decisions", request, creates=True)

    def reviews(self) -> Page[Version]:
        """Return the versions that wait for the caller, in all of their tenants."""
        return self._get(Page[Version], "/reviews")

    def tenant_reviews(self, tenant: str, state: str = "waiting") -> Page[Version]:
        """Return the tenant's versions in review (``waiting``), or ``all`` that ever were."""
        return self._get(Page[Version], f"/tenants/{tenant}/reviews", state=state)
