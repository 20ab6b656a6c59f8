"""Leasing: the next run that a host may execute, if the tenant's limits leave room for it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from galley.dispatch.allowance import ENVIRONMENT_S, rehearsal_time, rehearsal_work, run_time
from galley.dispatch.eligible import first_eligible
from galley.dispatch.policy import HEARTBEAT_S, LAUNCH_LIMIT, LEASE
from galley.domain.runs import AttemptState, RunKind, RunState, experiment_of
from galley.domain.schedules import Overlap
from galley.domain.tenants import Limits, Profile, Tenant, Tenants
from galley.domain.work import Assignment, LeaseRequest
from galley.errors import InvalidInput
from galley.store import attempt_arrows, own_parameters, run_arrows, series, tokens
from galley.store.columns import literally, new_id
from galley.store.records import TokenKind
from galley.store.runs import OPEN_ATTEMPTS
from galley.store.tables import AttemptRow, PipelineRow, RunRow, VersionRow
from galley.store.tokens import HostIdentity

_USED = select(
    func.count(),
    func.coalesce(func.sum(AttemptRow.cpu), 0.0),
    func.coalesce(func.sum(AttemptRow.memory), 0),
).where(AttemptRow.tenant == bindparam("tenant"), literally(AttemptRow.state, *OPEN_ATTEMPTS))


def claim(
    session: Session, tenants: Tenants, host: HostIdentity, request: LeaseRequest, now: datetime
) -> Assignment | None:
    """Lease the waiting run that ``host`` may execute next; None where there is none.

    The order within a tenant is that of priority, and within one priority strictly that of
    asking: a large run that waits for room is not overtaken, or it would wait for ever.
    """
    tenant = tenants.tenants.get(host.tenant)
    if tenant is None:
        return None
    while (found := first_eligible(session, host, tenant, now)) is not None:
        run, version = found
        if _overlaps(session, run, now):
            continue
        name = profile_of(run, version, tenant)
        profile = tenant.profiles.get(name)
        if profile is None or not tenant.limits.allow(profile):
            _give_up(session, run, _cannot(version, tenant), now)
            continue
        if not used_by(session, host.tenant).leaves(tenant.limits, profile):
            return None
        if not _has_parameters(session, run, version, now):
            continue
        return _lease(session, run, version, tenant, name, request.host, now)
    return None


def finds_work(session: Session, tenants: Tenants, host: HostIdentity, now: datetime) -> bool:
    """Return whether :func:`claim` would change something: to look costs no writer's time."""
    tenant = tenants.tenants.get(host.tenant)
    found = None if tenant is None else first_eligible(session, host, tenant, now)
    if tenant is None or found is None:
        return False
    run, version = found
    profile = tenant.profiles.get(profile_of(run, version, tenant))
    if profile is None or not tenant.limits.allow(profile):
        return True
    if run.overlap is Overlap.SKIP and series.going_on(session, run) is not None:
        return True
    return used_by(session, host.tenant).leaves(tenant.limits, profile)


def _overlaps(session: Session, run: RunRow, now: datetime) -> bool:
    """Skip a run that must not overlap where another of its schedule is going after all."""
    if run.overlap is not Overlap.SKIP:
        return False
    other = series.going_on(session, run)
    if other is None:
        return False
    why = f"the run of {other.logical_date:%Y-%m-%d %H:%M} UTC is still going"
    series.tell_successor(session, run_arrows.skip(session, run.id, why, now), now)
    return True


def profile_of(run: RunRow, version: VersionRow, tenant: Tenant) -> str:
    """Return the profile of the next attempt; a larger one that is gone is not insisted on."""
    return run.profile if run.profile in tenant.usable_profiles() else version.profile


def _cannot(version: VersionRow, tenant: Tenant) -> str:
    """Return why a run of ``version`` can never start."""
    if version.profile in tenant.profiles:
        why = f"its profile {version.profile!r} is larger than the tenant's limits"
    else:
        why = (
            f"its profile {version.profile!r} is not declared any more (there are: "
            f"{', '.join(tenant.profiles)})"
        )
    return f"{why}; publish the next version"


def _give_up(session: Session, run: RunRow, why: str, now: datetime) -> None:
    """Fail a run that can never start, rather than let it hold up the queue."""
    run_arrows.launch(session, run.id, run.attempt_count, now)
    ended = run_arrows.fail(session, run.id, RunState.LAUNCHING, why, now)
    series.tell_successor(session, ended, now)


def _has_parameters(session: Session, run: RunRow, version: VersionRow, now: datetime) -> bool:
    """Give a run that starts for the first time its parameters as of now, or fail it."""
    if run.attempt_count:
        return True
    try:
        run.parameters = own_parameters.at_start(session, run, version)
    except InvalidInput as error:
        _give_up(session, run, error.detail, now)
        return False
    return True


class Used(NamedTuple):
    """What the open attempts of a tenant have: their number, CPU cores, and bytes of memory."""

    runs: int
    cpu: float
    memory: int

    def leaves(self, limits: Limits, profile: Profile) -> bool:
        """Return whether ``limits`` leave room for one more, of ``profile``."""
        rounding = 1e-6
        return (
            self.runs < limits.concurrent_runs
            and self.cpu + profile.cpu <= limits.cpu + rounding
            and self.memory + profile.memory <= limits.memory
        )


def used_by(session: Session, tenant: str) -> Used:
    """Return what a tenant uses."""
    return Used(*session.execute(_USED, {"tenant": tenant}).one())


def _lease(
    session: Session,
    run: RunRow,
    version: VersionRow,
    tenant: Tenant,
    profile_name: str,
    host: str,
    now: datetime,
) -> Assignment:
    rehearsal = run.kind is RunKind.REHEARSAL
    profile, larger = tenant.profiles[profile_name], tenant.next_profile(profile_name)
    enlarge = (
        run.kind is RunKind.PIPELINE
        and profile_name == version.profile
        and tenant.retry.out_of_memory == "next_profile"
    )
    match run.kind:
        case RunKind.REHEARSAL:
            extra = rehearsal_time(version, tenant)
        case RunKind.TRIAL:
            extra = ENVIRONMENT_S
        case _:
            extra = run_time(version)
    number = run.attempt_count + 1
    pipeline = session.get_one(PipelineRow, run.pipeline_id)  # at hand for all that tell of it
    run_arrows.launch(session, run.id, number, now)
    attempt = attempt_arrows.lease(
        session,
        AttemptRow(
            id=new_id(),
            run_id=run.id,
            tenant=run.tenant,
            number=number,
            fencing=number,
            state=AttemptState.LEASED,
            host=host,
            cpu=profile.cpu,
            memory=profile.memory,
            profile=profile_name,
            larger_profile=larger if enlarge else None,
            lease_until=now + LEASE,
            deadline=now + LAUNCH_LIMIT,
            extra_s=extra,
            started_at=now,
        ),
        now,
    )
    run_token, task_token = (
        tokens.mint_attempt(
            session,
            kind,
            tenant=run.tenant,
            attempt_id=attempt.id,
            rehearsal=run.kind.personal,
            now=now,
        )
        for kind in (TokenKind.RUN, TokenKind.TASK)
    )
    return Assignment(
        attempt=attempt.id,
        run=run.id,
        number=number,
        fencing=attempt.fencing,
        kind=run.kind,
        tenant=run.tenant,
        pipeline=pipeline.slug,
        version=version.number,
        parameters=run.parameters,
        logical_date=run.logical_date,
        profile=profile,
        profile_name=profile_name,
        next_profile=larger,
        timeout_s=version.timeout_s,
        cell_timeout_s=version.cell_timeout_s or tenant.limits.cell_timeout,
        max_output=tenant.limits.output,
        max_cell=tenant.limits.cell_outputs,
        scratch=tenant.limits.scratch,
        project_url=f"/internal/v1/attempts/{attempt.id}/project",
        run_token=run_token,
        task_token=task_token,
        tracking_path=f"/services/mlflow/{run.tenant}",
        experiment=experiment_of(run.kind, pipeline.slug),
        rehearsal=rehearsal_work(version, tenant) if rehearsal else None,
        lease_until=attempt.lease_until,
        heartbeat_s=HEARTBEAT_S,
    )
