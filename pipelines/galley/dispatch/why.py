"""Why a run is still queued, in words. It is worked out when asked for: it changes all the time."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from galley.dispatch.claim import profile_of
from galley.dispatch.room import Room, room_of
from galley.domain.runs import RunKind, RunState
from galley.domain.tenants import Limits, Tenant, Tenants
from galley.store import drains
from galley.store.tables import RunRow, VersionRow


def why_queued(session: Session, tenants: Tenants, run_id: UUID, now: datetime) -> str | None:
    """Return what a queued run waits for; None: nothing holds it up, or it is not queued."""
    run = session.get(RunRow, run_id)
    if run is None or run.state is not RunState.QUEUED:
        return None
    tenant = tenants.tenants.get(run.tenant)
    if tenant is None or (run.state_reason is not None and not run.attempt_count):
        return run.state_reason  # it waits in line
    told = [why for why in (run.state_reason, _held_up(session, run, tenant, now)) if why]
    return "; ".join(told) or None


def _held_up(session: Session, run: RunRow, tenant: Tenant, now: datetime) -> str | None:
    if run.not_before > now:
        return f"waits until {run.not_before:%Y-%m-%d %H:%M:%S} UTC before it is tried again"
    if drains.all_drained(session):
        return "waits because all hosts are drained: an operator undoes that with `galley undrain`"
    version = session.get_one(VersionRow, run.version_id)
    name = profile_of(run.profile, version.profile, tenant)
    room = room_of(session, run.tenant, tenant)
    if name in room.full_profiles(tenant.profiles):
        most = tenant.profiles[name].concurrent_runs
        return (
            f"waits for the profile {name!r}: it has as many runs as it may have at the same time, "
            f"{most}"
        )
    if run.kind is RunKind.PIPELINE and run.pipeline_id in room.full_pipelines:
        return "waits for other runs of this pipeline: as many are under way as it may have"
    profile = tenant.profiles.get(name)
    if profile is not None and not room.leaves(tenant.limits, profile):
        return _no_room(room, tenant.limits)
    return None


def _no_room(used: Room, limits: Limits) -> str:
    gib = 2**30
    return (
        f"waits for room within the tenant's limits: in use are {used.runs} of "
        f"{limits.concurrent_runs} runs, {used.cpu:g} of {limits.cpu:g} CPUs and "
        f"{used.memory / gib:.1f} of {limits.memory / gib:.1f} GiB"
    )
