"""Reading a notebook before it is published, and the names it may be published under."""

from __future__ import annotations

from fastapi import APIRouter

from galley import review
from galley.domain.api import AnalysisRequest, SlugStatus
from galley.domain.slugs import check_slug, slugify
from galley.domain.tenants import Action
from galley.domain.versions import Analysis
from galley.errors import InvalidInput
from galley.notebook.limited import analyse_limited
from galley.service.context import InContext, TheCaller
from galley.service.publishing import check_size
from galley.store import pipelines

router = APIRouter(prefix="/tenants/{tenant}", tags=["publishing"])


@router.post("/analyses")
def analyse_notebook(
    tenant: str, body: AnalysisRequest, caller: TheCaller, context: InContext
) -> Analysis:
    """Return what reading the notebook tells; nothing of it is run or kept."""
    caller.require(tenant, Action.PUBLISH)
    check_size(context.tenant(tenant), body.notebook, body.modules)
    analysis = analyse_limited(body.notebook, body.modules, layout=body.layout)
    found = context.store.read(
        lambda s: review.secret_checks(s, tenant, caller.user, analysis.secrets)
    )
    return analysis.model_copy(update={"checks": (*found, *analysis.checks)})


@router.get("/slugs/{slug}")
def check_name(tenant: str, slug: str, caller: TheCaller, context: InContext) -> SlugStatus:
    """Return whether a pipeline can be published under this name."""
    caller.require(tenant, Action.READ)
    suggestion = slugify(slug)
    try:
        check_slug(slug, field="slug")
    except InvalidInput as error:
        return SlugStatus(
            slug=slug,
            valid=False,
            exists=False,
            yours=False,
            message=error.detail,
            suggestion=suggestion,
        )
    owner, yours = context.store.read(
        lambda s: (
            pipelines.owner_of(s, tenant, slug),
            pipelines.is_yours(s, tenant, slug, caller.user),
        )
    )
    return SlugStatus(
        slug=slug,
        valid=True,
        exists=owner is not None,
        yours=yours,
        message=_message(slug, owner, yours=yours),
        suggestion=suggestion,
    )


def _message(slug: str, owner: str | None, *, yours: bool) -> str:
    if owner is None:
        return f"{slug!r} is free: this makes a new pipeline."
    if yours:
        return f"{slug!r} is yours: this makes its next version."
    return f"{slug!r} belongs to {owner}: choose another name, or say that you continue it."
