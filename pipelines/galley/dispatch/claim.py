"""Leasing: the next runs that hosts may execute, if the tenant's limits leave room for them.

Many hosts that wait at the same moment are served together, in few statements for all of them.
The outcome is that of one after another: runs are taken in rounds, and a round ends before a run
that depends on what the round itself does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from galley.dispatch.assignment import Chosen, lease_all
from galley.dispatch.eligible import Candidate, eligible
from galley.dispatch.room import Room, room_of
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.schedules import Overlap
from galley.domain.tenants import Tenant, Tenants
from galley.domain.work import Assignment, LeaseRequest
from galley.errors import InvalidInput
from galley.store import own_parameters, run_arrows, series
from galley.store.tables import RunRow, VersionRow
from galley.store.tokens import HostIdentity


def claim(
    session: Session, tenants: Tenants, host: HostIdentity, request: LeaseRequest, now: datetime
) -> Assignment | None:
    """Lease the waiting run that ``host`` may execute next; None where there is none.

    The order within a tenant is that of priority, and within one priority strictly that of
    asking: a large run that waits for room is not overtaken, or it would wait for ever.
    """
    return next(iter(claim_all(session, tenants, host, [request.host], now)), None)


def claim_all(
    session: Session,
    tenants: Tenants,
    host: HostIdentity,
    names: Sequence[str],
    now: datetime,
    give: Callable[[Assignment], Assignment] = lambda work: work,
) -> list[Assignment]:
    """Lease a waiting run for each of the hosts called ``names``, as :func:`claim` one by one.

    Args:
        give: makes of an assignment whose version names secrets the one that has them.

    Returns:
        The assignments of the first of them; fewer than ``names`` where there are fewer runs.
    """
    tenant = tenants.tenants.get(host.tenant)
    leased: list[Assignment] = []
    while tenant is not None and len(leased) < len(names):
        free = names[len(leased) :]
        found = _round(session, host, tenant, len(free), now)
        leased += lease_all(session, tenant, found.runs, free, now, give)
        if found.last:
            break
    return leased


def finds_work(session: Session, tenants: Tenants, host: HostIdentity, now: datetime) -> bool:
    """Return whether :func:`claim` would change something: to look costs no writer's time."""
    tenant = tenants.tenants.get(host.tenant)
    if tenant is None:
        return False
    room = room_of(session, host.tenant, tenant)
    for run in eligible(session, host, tenant, room, now, 1):
        profile = tenant.profiles.get(_profile_of(run, tenant))
        return (
            profile is None
            or not tenant.limits.allow(profile)
            or run.overlaps
            or room.leaves(tenant.limits, profile)
        )
    return False


class _Round(NamedTuple):
    """Runs that may be leased together; ``last``: nothing else is left to lease or to settle."""

    runs: list[Chosen]
    last: bool


def _round(
    session: Session, host: HostIdentity, tenant: Tenant, most: int, now: datetime
) -> _Round:
    """Return the next runs, as long as none depends on what is done with those before it."""
    room = room_of(session, host.tenant, tenant)
    found = eligible(session, host, tenant, room, now, most)
    late = _late(session, found)
    taken: list[Chosen] = []
    moved: set[UUID] = set()
    for run in found:
        name = _profile_of(run, tenant)
        profile = tenant.profiles.get(name)
        if _depends_on(run, moved, room) or (profile and room.fills(name, profile)):
            return _Round(taken, last=False)
        if run.overlaps or profile is None or not tenant.limits.allow(profile):
            if not taken:
                _settle(session, run, tenant, now)
            return _Round(taken, last=False)
        if not room.leaves(tenant.limits, profile):
            return _Round(taken, last=True)
        try:
            taken.append(Chosen(_with_parameters(session, run, late), name))
        except InvalidInput as error:
            if not taken:
                _give_up(session, run, error.detail, now)
            return _Round(taken, last=False)
        room.take(name, profile)
        moved |= {run.trigger_id, run.pipeline_id}
    return _Round(taken, last=len(found) < most)


def _depends_on(run: Candidate, moved: Collection[UUID], room: Room) -> bool:
    """Return whether ``run`` may wait for one of its series or pipeline that was taken."""
    in_line = run.overlap is not None and run.overlap is not Overlap.ALLOW
    limited = run.kind is RunKind.PIPELINE and room.pipelines_limited
    return (in_line and run.trigger_id in moved) or (limited and run.pipeline_id in moved)


def _settle(session: Session, run: Candidate, tenant: Tenant, now: datetime) -> None:
    """End a run that is not to start: another of its schedule is going, or it never can."""
    other = series.going_on(session, session.get_one(RunRow, run.id)) if run.overlaps else None
    if other is None:
        _give_up(session, run, _cannot(run, tenant), now)
        return
    why = f"the run of {other.logical_date:%Y-%m-%d %H:%M} UTC is still going"
    series.tell_successor(session, run_arrows.skip(session, run.id, why, now), now)


def profile_of(wanted: str | None, of_version: str, tenant: Tenant) -> str:
    """Return the profile of the next attempt; a larger one that is gone is not insisted on."""
    return wanted if wanted in tenant.usable_profiles() else of_version


def _profile_of(run: Candidate, tenant: Tenant) -> str:
    if run.profile is None:
        return run.version_profile
    return profile_of(run.profile, run.version_profile, tenant)


def _cannot(run: Candidate, tenant: Tenant) -> str:
    """Return why a run can never start."""
    name = run.version_profile
    if name in tenant.profiles:
        why = f"its profile {name!r} is larger than the tenant's limits"
    else:
        why = (
            f"its profile {name!r} is not declared any more (there are: "
            f"{', '.join(tenant.profiles)})"
        )
    return f"{why}; publish the next version"


def _give_up(session: Session, run: Candidate, why: str, now: datetime) -> None:
    """Fail a run that can never start, rather than let it hold up the queue."""
    run_arrows.launch(session, run.id, run.attempt_count, now)
    ended = run_arrows.fail(session, run.id, RunState.LAUNCHING, why, now)
    series.tell_successor(session, ended, now)


def _late(session: Session, found: Sequence[Candidate]) -> set[UUID]:
    """Return the runs whose parameters may have changed since they were recorded."""
    first = [run for run in found if not run.attempt_count]
    keys = own_parameters.may_change(
        session,
        {run.pipeline_id for run in first if run.trigger is TriggerKind.SCHEDULE},
        {run.trigger_id for run in first if run.trigger is TriggerKind.BACKFILL},
    )
    return {run.id for run in first if run.pipeline_id in keys or run.trigger_id in keys}


def _with_parameters(session: Session, run: Candidate, late: Collection[UUID]) -> Candidate:
    """Return a run with its parameters as of now, which are kept; raises InvalidInput."""
    if run.id not in late:
        return run
    row, version = session.get_one(RunRow, run.id), session.get_one(VersionRow, run.version_id)
    row.parameters = own_parameters.at_start(session, row, version)
    session.flush()
    return run._replace(parameters=row.parameters)
