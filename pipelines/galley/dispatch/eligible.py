"""Which queued runs may start now, as one statement: what waits holds up nobody behind it.

A run is left where it is, and the next one is looked at, while

- it backs off, or its deadline has passed;
- its schedule lets runs wait in line, and an earlier one has not ended;
- it depends on the past, and the run before it has not succeeded;
- its pipeline or its profile has as many runs as are allowed at the same time.

A run that waits for the tenant's room does hold up what is behind it, or a large one would be
overtaken for ever; only what has a higher priority goes before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from math import inf
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from galley.domain.runs import RunKind, RunState
from galley.domain.tenants import Profile, Tenant
from galley.store.columns import literally
from galley.store.runs import OPEN_ATTEMPTS, PERSONAL
from galley.store.series import out_of_line, past_is_good
from galley.store.tables import AttemptRow, RunRow, ScheduleRow, VersionRow
from galley.store.tokens import HostIdentity

_WAITING = (
    select(RunRow, VersionRow)
    .join(VersionRow, VersionRow.id == RunRow.version_id)
    .where(
        RunRow.tenant == bindparam("tenant"),
        literally(RunRow.state, RunState.QUEUED),
        RunRow.not_before <= bindparam("now"),
        or_(RunRow.deadline.is_(None), RunRow.deadline > bindparam("now")),
        # A larger profile that a retry asks for counts only while it can be had.
        case(
            (RunRow.profile.in_(bindparam("usable_profiles", expanding=True)), RunRow.profile),
            else_=VersionRow.profile,
        ).not_in(bindparam("full_profiles", expanding=True)),
    )
    .order_by(RunRow.priority.desc(), RunRow.id)
    .limit(1)
)
_PIPELINE = _WAITING.where(
    RunRow.kind == RunKind.PIPELINE,
    out_of_line(),
    past_is_good(),
    RunRow.pipeline_id.not_in(bindparam("full_pipelines", expanding=True)),
)
_PERSONAL = _WAITING.where(RunRow.kind.in_(PERSONAL), RunRow.requested_by == bindparam("author"))
_ACTIVE = (
    select(AttemptRow.profile, RunRow.pipeline_id, RunRow.kind, func.count())
    .join(RunRow, RunRow.id == AttemptRow.run_id)
    .where(AttemptRow.tenant == bindparam("tenant"), literally(AttemptRow.state, *OPEN_ATTEMPTS))
    .group_by(AttemptRow.profile, RunRow.pipeline_id, RunRow.kind)
)
_LIMITED = select(ScheduleRow.pipeline_id, ScheduleRow.max_active_runs).where(
    ScheduleRow.pipeline_id.in_(bindparam("running", expanding=True)),
    ScheduleRow.until.is_(None),
    ScheduleRow.max_active_runs.is_not(None),
)
"""Made once: a claim is asked for often, and putting a statement together takes longer than it."""


def first_eligible(
    session: Session, host: HostIdentity, tenant: Tenant, now: datetime
) -> tuple[RunRow, VersionRow] | None:
    """Return the run that ``host`` may execute next, by priority, then by age; None: none."""
    query = _PIPELINE if host.author is None else _PERSONAL
    if host.run is not None:
        query = query.where(RunRow.id == host.run)
    active = active_of(session, host.tenant)
    values: dict[str, Any] = {
        "tenant": host.tenant,
        "now": now,
        "usable_profiles": tenant.usable_profiles(),
        "full_profiles": full_profiles(tenant.profiles, active),
    }
    if host.author is None:
        values["full_pipelines"] = full_pipelines(session, tenant.limits.pipeline_runs, active)
    else:
        values["author"] = host.author
    found = session.execute(query, values).one_or_none()
    return None if found is None else (found[0], found[1])


class Active(NamedTuple):
    """Open attempts that have all of it in common."""

    profile: str | None
    pipeline: UUID
    kind: RunKind
    number: int


def active_of(session: Session, tenant: str) -> list[Active]:
    """Return the open attempts of a tenant."""
    return [Active(*row) for row in session.execute(_ACTIVE, {"tenant": tenant})]


def full_profiles(profiles: Mapping[str, Profile], active: Sequence[Active]) -> list[str]:
    """Return the profiles that have as many attempts as they may."""
    running = Counter[str | None]()
    for one in active:
        running[one.profile] += one.number
    return [
        name
        for name, profile in profiles.items()
        if profile.concurrent_runs is not None and running[name] >= profile.concurrent_runs
    ]


def full_pipelines(session: Session, most: int | None, active: Sequence[Active]) -> list[UUID]:
    """Return the pipelines that have as many active runs as tenant and schedule allow."""
    running = Counter[UUID]()
    for one in active:
        if one.kind is RunKind.PIPELINE:
            running[one.pipeline] += one.number
    if not running:
        return []
    limits = dict.fromkeys(running, inf if most is None else most)
    for pipeline, limit in session.execute(_LIMITED, {"running": list(running)}):
        limits[pipeline] = min(limits[pipeline], inf if limit is None else limit)
    return [one for one, limit in limits.items() if running[one] >= limit]
