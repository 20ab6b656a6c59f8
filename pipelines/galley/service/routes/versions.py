"""Versions of a pipeline: publishing one, and everything there is to see of it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from galley import review
from galley.domain.model import Number, Page
from galley.domain.reviews import VersionDiff
from galley.domain.tenants import Action
from galley.domain.versions import PublishRequest, Version
from galley.errors import InvalidInput, NotFound
from galley.service import comparing, publishing, rendering
from galley.service.context import Context, InContext, TheCaller
from galley.service.idempotency import IdempotencyKey, once
from galley.service.rendering import Theme
from galley.service.routes.access import FIFTY, Cursor, Limit, the_version
from galley.store import versions

router = APIRouter(tags=["versions"])
PATH = "/tenants/{tenant}/pipelines/{slug}/versions"


@router.post(PATH, status_code=202, response_model=Version)
def publish_version(
    tenant: str,
    slug: str,
    body: PublishRequest,
    caller: TheCaller,
    context: InContext,
    request: Request,
    key: IdempotencyKey = None,
) -> Response:
    """Publish a notebook as the next version; its rehearsal begins."""
    caller.require(tenant, Action.PUBLISH)
    asked = once(request, context, caller.user, key, body, status=202)
    answered = asked.replayed()
    if answered is not None:
        return answered
    prepared = publishing.prepare(context, tenant, slug, caller.user, body)
    return asked.do(lambda s: publishing.record(s, context, tenant, slug, caller.user, prepared))


@router.get(PATH)
def list_versions(
    tenant: str,
    slug: str,
    caller: TheCaller,
    context: InContext,
    cursor: Cursor = None,
    limit: Limit = FIFTY,
) -> Page[Version]:
    """Return the versions of a pipeline, newest first."""
    caller.require(tenant, Action.READ)
    return context.store.read(lambda s: versions.page(s, tenant, slug, cursor=cursor, limit=limit))


@router.get(f"{PATH}/{{number}}")
def get_version_by_number(
    tenant: str, slug: str, number: Number, caller: TheCaller, context: InContext
) -> Version:
    """Return one version of a pipeline."""
    caller.require(tenant, Action.READ)
    return context.store.read(lambda s: versions.by_number(s, tenant, slug, number))


@router.get("/versions/{version_id}")
def get_version(version_id: UUID, caller: TheCaller, context: InContext) -> Version:
    """Return one version."""
    return the_version(context, caller, version_id)


@router.get("/versions/{version_id}/notebook")
def get_version_notebook(version_id: UUID, caller: TheCaller, context: InContext) -> dict[str, Any]:
    """Return the notebook as it was published."""
    return comparing.notebook_of(context, the_version(context, caller, version_id))


@router.get("/versions/{version_id}/diff")
def get_version_diff(
    version_id: UUID,
    caller: TheCaller,
    context: InContext,
    against: Annotated[str, Query(description="A version's number, or `live`.")] = "live",
) -> VersionDiff:
    """Return what changed against another version of the pipeline."""
    version = the_version(context, caller, version_id)
    return comparing.diff_of(context, _other(context, version, against), version)


@router.get(
    "/versions/{version_id}/export",
    response_class=Response,
    responses={200: {"content": {"application/gzip": {}}}},
)
def export_version(version_id: UUID, caller: TheCaller, context: InContext) -> Response:
    """Return the version as a plain Ploomber project, a tar.gz."""
    version = the_version(context, caller, version_id)
    name = f"{version.pipeline}-v{version.number}.tar.gz"
    return Response(
        comparing.project_of(context, version),
        media_type="application/gzip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.get("/versions/{version_id}/rehearsal", response_class=HTMLResponse)
def get_rehearsal(
    version_id: UUID, caller: TheCaller, context: InContext, theme: Theme = Theme.LIGHT
) -> Response:
    """Return the notebook as the rehearsal left it, for a sandboxed frame."""
    the_version(context, caller, version_id)
    key = context.store.read(lambda s: versions.rehearsal_notebook(s, version_id))
    if key is None:
        raise NotFound("the rehearsal has not produced a notebook yet")
    page = context.renderer.page(context.artifacts.path(key), theme)
    return HTMLResponse(page, headers=rendering.HEADERS)


@router.post("/versions/{version_id}/withdraw")
def withdraw_version(version_id: UUID, caller: TheCaller, context: InContext) -> Version:
    """Take back a version of one's own before it is decided."""
    the_version(context, caller, version_id, Action.PUBLISH)
    now = context.clock()
    return context.store.write(lambda s: review.withdraw(s, version_id, caller.user, now))


def _other(context: Context, version: Version, against: str) -> Version | None:
    tenant, slug = version.tenant, version.pipeline
    if against == "live":
        live = context.store.read(lambda s: versions.live(s, tenant, slug))
        return None if live is not None and live.id == version.id else live
    if not against.isdecimal() or len(against) > 9:
        raise InvalidInput(
            f"against={against!r}: give the number of a version, or 'live'", field="against"
        )
    return context.store.read(lambda s: versions.by_number(s, tenant, slug, int(against)))
