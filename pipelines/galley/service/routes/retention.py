"""How long runs are kept, what would go, and what a tenant has on disk."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session

from galley.domain.retention import DiskUse, PipelineRetention, RetentionPolicy, RetentionReport
from galley.domain.tenants import Action, Role
from galley.errors import Forbidden
from galley.service.callers import Caller
from galley.service.context import Context, InContext, TheCaller
from galley.store import pipelines, retention

router = APIRouter(tags=["retention"])
PATH = "/tenants/{tenant}/pipelines/{slug}/retention"


@router.get("/tenants/{tenant}/retention")
def plan_retention(tenant: str, caller: TheCaller, context: InContext) -> RetentionReport:
    """Return what the policies would remove now; nothing is removed."""
    caller.require(tenant, Action.READ)
    return context.keeper.plan(tenant, context.tenant(tenant), context.clock())


@router.post("/tenants/{tenant}/retention")
def apply_retention(tenant: str, caller: TheCaller, context: InContext) -> RetentionReport:
    """Remove now what the policies do not keep; housekeeping does it by itself each hour."""
    _require_operator(context, caller, tenant)
    declared = context.tenant(tenant)
    return context.keeper.apply(tenant, declared, caller.user, context.clock())


@router.get(PATH)
def get_retention_of_pipeline(
    tenant: str, slug: str, caller: TheCaller, context: InContext
) -> PipelineRetention:
    """Return the policy that holds for a pipeline."""
    caller.require(tenant, Action.READ)
    policy = context.tenant(tenant).retention
    return context.store.read(
        lambda s: retention.of_pipeline(s, pipelines.require(s, tenant, slug), policy)
    )


@router.put(PATH)
def set_retention_of_pipeline(
    tenant: str, slug: str, body: RetentionPolicy, caller: TheCaller, context: InContext
) -> PipelineRetention:
    """Give a pipeline a policy of its own."""
    return _put(context, caller, tenant, slug, body)


@router.delete(PATH)
def reset_retention_of_pipeline(
    tenant: str, slug: str, caller: TheCaller, context: InContext
) -> PipelineRetention:
    """Let the tenant's policy hold for a pipeline again."""
    return _put(context, caller, tenant, slug, None)


def _put(
    context: Context, caller: Caller, tenant: str, slug: str, policy: RetentionPolicy | None
) -> PipelineRetention:
    _require_operator(context, caller, tenant)
    default, now = context.tenant(tenant).retention, context.clock()

    def put(session: Session) -> PipelineRetention:
        row = pipelines.require(session, tenant, slug)
        retention.put(session, row, policy, caller.user, now)
        return retention.of_pipeline(session, row, default)

    return context.store.write(put)


@router.get("/tenants/{tenant}/disk")
def get_disk_use(tenant: str, caller: TheCaller, context: InContext) -> DiskUse:
    """Return what a tenant keeps on disk, counted within the last minute."""
    caller.require(tenant, Action.READ)
    return context.keeper.disk(tenant, context.tenant(tenant), context.clock())


def _require_operator(context: Context, caller: Caller, tenant: str) -> None:
    caller.require(tenant, Action.OPERATE)
    if Role.OPERATOR not in context.tenant(tenant).members.get(caller.user, ()):
        raise Forbidden(
            f"how long runs of tenant {tenant!r} are kept is its operator's to say: that role is "
            "given in the tenants file"
        )
