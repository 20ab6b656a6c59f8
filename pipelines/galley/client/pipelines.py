"""Routes about the caller, pipelines and their schedules."""

from __future__ import annotations

from typing import Any

from galley.client.routes import Routes
from galley.domain.api import AnalysisRequest, DeploymentRequest, Firings, Me, SlugStatus
from galley.domain.calendar import Calendar
from galley.domain.days import Moment
from galley.domain.events import AuditEntry
from galley.domain.model import Page
from galley.domain.pipelines import Pipeline
from galley.domain.schedules import PreviewRequest, SchedulePreview, ScheduleRequest
from galley.domain.split import SplitLayout
from galley.domain.versions import Analysis


class PipelineRoutes(Routes):
    """What exists, what is live, and when it runs."""

    def me(self) -> Me:
        """Return who the token belongs to, and what it may do in which tenant."""
        return self._get(Me, "/me")

    def analyse(
        self,
        tenant: str,
        notebook: dict[str, Any],
        modules: dict[str, str] | None = None,
        *,
        layout: SplitLayout | None = None,
        source_path: str | None = None,
    ) -> Analysis:
        """Return what reading a notebook tells; nothing of it is run or kept.

        Args:
            layout: the author's own arrangement of the cells into tasks.
        """
        request = AnalysisRequest(
            notebook=notebook, modules=modules or {}, layout=layout, source_path=source_path
        )
        return self._send(Analysis, f"/tenants/{tenant}/analyses", request)

    def slug(self, tenant: str, slug: str) -> SlugStatus:
        """Return whether ``slug`` can be used for a pipeline."""
        return self._get(SlugStatus, f"/tenants/{tenant}/slugs/{slug}")

    def preview_schedule(self, request: PreviewRequest) -> SchedulePreview:
        """Return the next firings of a schedule that is not saved."""
        return self._send(SchedulePreview, "/schedules/preview", request)

    def timezones(self) -> list[str]:
        """Return the names of the time zones that a schedule may have."""
        return self._get(list[str], "/timezones")

    def pipelines(
        self,
        tenant: str,
        *,
        q: str | None = None,
        source_path: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Page[Pipeline]:
        """Return the tenant's pipelines, by name.

        Args:
            q: part of the name.
            source_path: only the pipeline of the notebook at this path in the author's home.
        """
        return self._get(
            Page[Pipeline],
            f"/tenants/{tenant}/pipelines",
            q=q,
            source_path=source_path,
            cursor=cursor,
            limit=limit,
        )

    def pipeline(self, tenant: str, slug: str) -> Pipeline:
        """Return one pipeline."""
        return self._get(Pipeline, f"/tenants/{tenant}/pipelines/{slug}")

    def deploy(self, tenant: str, slug: str, version: int, reason: str = "") -> Pipeline:
        """Make an approved version the live one: forward, or back to an earlier one."""
        request = DeploymentRequest(version=version, reason=reason)
        return self._send(
            Pipeline, f"/tenants/{tenant}/pipelines/{slug}/deployments", request, creates=True
        )

    def next_firings(self, tenant: str, slug: str, count: int = 5) -> Firings:
        """Return the next firings of the schedule in force."""
        return self._get(Firings, f"/tenants/{tenant}/pipelines/{slug}/schedule/next", count=count)

    def set_schedule(self, tenant: str, slug: str, request: ScheduleRequest) -> Pipeline:
        """Change the schedule, where the tenant's policy asks for no review."""
        path = f"/tenants/{tenant}/pipelines/{slug}/schedule"
        return self._send(Pipeline, path, request, method="PUT")

    def pause_schedule(self, tenant: str, slug: str) -> Pipeline:
        """Stop firing until it is resumed; what falls in between is not caught up."""
        return self._send(Pipeline, f"/tenants/{tenant}/pipelines/{slug}/schedule/pause")

    def resume_schedule(self, tenant: str, slug: str) -> Pipeline:
        """Fire again from now on."""
        return self._send(Pipeline, f"/tenants/{tenant}/pipelines/{slug}/schedule/resume")

    def calendar(
        self,
        tenant: str,
        slug: str | None = None,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        timezone: str | None = None,
        cursor: str | None = None,
    ) -> Calendar:
        """Return the dates of a pipeline, or of a page of the tenant's pipelines.

        Args:
            start, end: instants, or days that are shown whole; default: two weeks back to two weeks
                ahead; at most 100 days.
            timezone: whose days; default: the schedule's own zone, or UTC.
        """
        within = f"/tenants/{tenant}" if slug is None else f"/tenants/{tenant}/pipelines/{slug}"
        given = {
            "from": start and start.isoformat(),
            "to": end and end.isoformat(),
            "timezone": timezone,
            "cursor": cursor,
        }
        return self._get(Calendar, f"{within}/calendar", **given)

    def audit(
        self, tenant: str, *, cursor: str | None = None, limit: int | None = None
    ) -> Page[AuditEntry]:
        """Return the tenant's audit trail, newest first."""
        path = f"/tenants/{tenant}/audit"
        return self._get(Page[AuditEntry], path, cursor=cursor, limit=limit)
