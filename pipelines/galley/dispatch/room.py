"""What a tenant's open attempts have, and what its limits leave for more.

A limit of a pipeline counts the runs of kind pipeline only; those of the tenant and of a profile
count whatever runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, and_, bindparam, case, func, select
from sqlalchemy.orm import Session

from galley.domain.runs import RunKind
from galley.domain.tenants import Limits, Profile, Tenant
from galley.store.columns import literally
from galley.store.runs import OPEN_ATTEMPTS
from galley.store.series import ACTIVE
from galley.store.tables import AttemptRow, RunRow, ScheduleRow

ROUNDING = 1e-6

_ATTEMPTS = AttemptRow.__table__.c
_RUNS, _SCHEDULES = RunRow.__table__, ScheduleRow.__table__
_USED = (
    select(_ATTEMPTS.profile, func.count(), func.sum(_ATTEMPTS.cpu), func.sum(_ATTEMPTS.memory))
    .where(_ATTEMPTS.tenant == bindparam("tenant"), literally(_ATTEMPTS.state, *OPEN_ATTEMPTS))
    .group_by(_ATTEMPTS.profile)
)
_IN_FORCE = _SCHEDULES.c.until.is_(None)
_HAS_LIMITS = (
    select(_SCHEDULES.c.id)
    .where(
        _SCHEDULES.c.tenant == bindparam("tenant"),
        _IN_FORCE,
        _SCHEDULES.c.max_active_runs.is_not(None),
    )
    .limit(1)
)
_OWN, _MOST = func.max(_SCHEDULES.c.max_active_runs), bindparam("most", type_=Integer)
_FULL = (
    select(_RUNS.c.pipeline_id)
    .outerjoin(_SCHEDULES, and_(_SCHEDULES.c.pipeline_id == _RUNS.c.pipeline_id, _IN_FORCE))
    .where(
        _RUNS.c.tenant == bindparam("tenant"),
        literally(_RUNS.c.state, *ACTIVE),
        _RUNS.c.kind == RunKind.PIPELINE,
    )
    .group_by(_RUNS.c.pipeline_id)
    .having(func.count() >= case((_OWN < _MOST, _OWN), else_=func.coalesce(_MOST, _OWN)))
)
"""Made once: a claim is asked for often, and putting a statement together takes longer than it."""


@dataclass
class Room:
    """What a tenant has under way: numbers of attempts, CPU cores, bytes of memory.

    Attributes:
        profiles: profile → its attempts; an attempt of an earlier release has none.
        pipelines_limited: whether the tenant or one of its schedules limits a pipeline's runs.
        full_pipelines: those that have as many active runs as tenant and schedule allow.
    """

    runs: int = 0
    cpu: float = 0.0
    memory: int = 0
    profiles: dict[str | None, int] = field(default_factory=dict)
    pipelines_limited: bool = False
    full_pipelines: tuple[UUID, ...] = ()

    def leaves(self, limits: Limits, profile: Profile) -> bool:
        """Return whether ``limits`` leave room for one more, of ``profile``."""
        return (
            self.runs < limits.concurrent_runs
            and self.cpu + profile.cpu <= limits.cpu + ROUNDING
            and self.memory + profile.memory <= limits.memory
        )

    def full_profiles(self, profiles: Mapping[str, Profile]) -> list[str]:
        """Return the profiles that have as many attempts as they may."""
        return [name for name, profile in profiles.items() if self.fills(name, profile)]

    def fills(self, name: str, profile: Profile) -> bool:
        """Return whether the profile has as many attempts as it may."""
        most = profile.concurrent_runs
        return most is not None and self.profiles.get(name, 0) >= most

    def take(self, name: str, profile: Profile) -> None:
        """Count one more, of ``profile``."""
        self.runs += 1
        self.cpu += profile.cpu
        self.memory += profile.memory
        self.profiles[name] = self.profiles.get(name, 0) + 1


def room_of(session: Session, name: str, tenant: Tenant) -> Room:
    """Return what the tenant of this name has under way."""
    given, most = {"tenant": name}, tenant.limits.pipeline_runs
    room = Room()
    for profile, number, cpu, memory in session.execute(_USED, given):
        room.runs += number
        room.cpu += cpu
        room.memory += int(memory)
        room.profiles[profile] = number
    room.pipelines_limited = (
        most is not None or session.execute(_HAS_LIMITS, given).first() is not None
    )
    if room.pipelines_limited and room.runs:
        asked: dict[str, Any] = {**given, "most": most}
        room.full_pipelines = tuple(session.execute(_FULL, asked).scalars())
    return room
