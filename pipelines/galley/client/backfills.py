"""Routes about backfills: the dry run, the order, and what people do with one under way."""

from __future__ import annotations

from uuid import UUID

from galley.client.routes import Routes
from galley.domain.backfills import Backfill, BackfillDate, BackfillPlan, BackfillRequest
from galley.domain.model import Page


class BackfillRoutes(Routes):
    """Runs of a pipeline for dates that have passed."""

    def plan_backfill(self, tenant: str, slug: str, request: BackfillRequest) -> BackfillPlan:
        """Return what a backfill would do; nothing is started."""
        return self._send(
            BackfillPlan, f"/tenants/{tenant}/pipelines/{slug}/backfills/plan", request
        )

    def start_backfill(self, tenant: str, slug: str, request: BackfillRequest) -> Backfill:
        """Start a backfill: each of its dates is run once."""
        path = f"/tenants/{tenant}/pipelines/{slug}/backfills"
        return self._send(Backfill, path, request, creates=True)

    def backfills(
        self,
        tenant: str,
        *,
        pipeline: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[Backfill]:
        """Return the backfills of a tenant or of one pipeline, newest first."""
        within = f"/pipelines/{pipeline}" if pipeline is not None else ""
        path = f"/tenants/{tenant}{within}/backfills"
        return self._get(Page[Backfill], path, cursor=cursor, limit=limit)

    def backfill(self, backfill: UUID) -> Backfill:
        """Return one backfill and how far it is."""
        return self._get(Backfill, f"/backfills/{backfill}")

    def backfill_dates(
        self, backfill: UUID, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[BackfillDate]:
        """Return the dates of a backfill in the order in which they are run."""
        path = f"/backfills/{backfill}/dates"
        return self._get(Page[BackfillDate], path, cursor=cursor, limit=limit)

    def pause_backfill(self, backfill: UUID) -> Backfill:
        """Start no more dates; what is queued or running goes on to its end."""
        return self._send(Backfill, f"/backfills/{backfill}/pause")

    def resume_backfill(self, backfill: UUID) -> Backfill:
        """Start the remaining dates of a paused backfill."""
        return self._send(Backfill, f"/backfills/{backfill}/resume")

    def cancel_backfill(self, backfill: UUID) -> Backfill:
        """Start no more dates, and end its runs that are queued or under way."""
        return self._send(Backfill, f"/backfills/{backfill}/cancel")
