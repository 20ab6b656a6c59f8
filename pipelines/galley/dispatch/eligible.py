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

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, case, false, func, or_, select
from sqlalchemy.orm import Session

from galley.dispatch.room import Room
from galley.domain.runs import RunKind, RunState, TriggerKind
from galley.domain.schedules import Overlap
from galley.domain.tenants import Tenant
from galley.store.columns import literally
from galley.store.runs import PERSONAL
from galley.store.series import another_goes_on, out_of_line, past_is_good
from galley.store.tables import PipelineRow, RunRow, VersionRow
from galley.store.tokens import HostIdentity


class Candidate(NamedTuple):
    """A queued run that may start, and what of its version and pipeline an assignment tells.

    Attributes:
        profile: that of the next attempt where it is not the version's own.
        of_platform: whether the version's environment is the platform's own; None: there is no
            lock yet.
        names_secrets: whether its version names secrets that its tasks are given.
        overlaps: whether it is to be skipped, because another of its schedule is still going.
    """

    id: UUID
    tenant: str
    pipeline_id: UUID
    version_id: UUID
    kind: RunKind
    trigger: TriggerKind
    trigger_id: UUID
    requested_by: str | None
    cancel_requested: bool
    overlap: Overlap | None
    profile: str | None
    attempt_count: int
    parameters: dict[str, Any]
    logical_date: datetime
    incremental: bool
    pipeline: str
    version: int
    version_profile: str
    timeout_s: int
    cell_timeout_s: float | None
    of_platform: bool | None
    names_secrets: bool
    overlaps: bool


_PROFILE = select(VersionRow.profile).where(VersionRow.id == RunRow.version_id).scalar_subquery()


def _query(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the statement that finds waiting runs under some more conditions.

    The runs are chosen before anything is joined to them: in the order of their index, so that as
    many are read as are wanted. Joined first, and with statistics of a time when nothing waited,
    PostgreSQL reads and sorts all that wait.
    """
    chosen = (
        select(
            RunRow.id,
            RunRow.tenant,
            RunRow.pipeline_id,
            RunRow.version_id,
            RunRow.kind,
            RunRow.trigger,
            RunRow.trigger_id,
            RunRow.requested_by,
            RunRow.cancel_requested,
            RunRow.overlap,
            RunRow.profile,
            RunRow.attempt_count,
            RunRow.parameters,
            RunRow.logical_date,
            RunRow.incremental,
            case((RunRow.overlap == Overlap.SKIP, another_goes_on()), else_=false()).label(
                "passed"
            ),
            RunRow.priority,
        )
        .where(
            RunRow.tenant == bindparam("tenant"),
            literally(RunRow.state, RunState.QUEUED),
            RunRow.not_before <= bindparam("now"),
            or_(RunRow.deadline.is_(None), RunRow.deadline > bindparam("now")),
            # A larger profile that a retry asks for counts only while it can be had.
            case(
                (RunRow.profile.in_(bindparam("usable_profiles", expanding=True)), RunRow.profile),
                else_=_PROFILE,
            ).not_in(bindparam("full_profiles", expanding=True)),
            *conditions,
        )
        .order_by(RunRow.priority.desc(), RunRow.id)
        .limit(bindparam("most"))
        .subquery("chosen")
    )
    *of_run, passed, priority = chosen.c
    return (
        select(
            *of_run,
            PipelineRow.slug,
            VersionRow.number,
            VersionRow.profile,
            VersionRow.timeout_s,
            VersionRow.cell_timeout_s,
            VersionRow.evidence["lock"]["of_platform"].as_boolean(),
            func.coalesce(VersionRow.analysis["secrets"][0]["name"].as_string(), "") != "",
            passed,
            priority,
        )
        .join(VersionRow, VersionRow.id == chosen.c.version_id)
        .join(PipelineRow, PipelineRow.id == chosen.c.pipeline_id)
    )


_MINE = (RunRow.kind.in_(PERSONAL), RunRow.requested_by == bindparam("author"))
_PIPELINE = _query(
    RunRow.kind == RunKind.PIPELINE,
    out_of_line(),
    past_is_good(),
    RunRow.pipeline_id.not_in(bindparam("full_pipelines", expanding=True)),
)
_PERSONAL = _query(*_MINE)
_ONE = _query(*_MINE, RunRow.id == bindparam("run"))
"""Made once: a claim is asked for often, and putting a statement together takes longer than it."""


def eligible(
    session: Session, host: HostIdentity, tenant: Tenant, room: Room, now: datetime, most: int
) -> Sequence[Candidate]:
    """Return the ``most`` runs that ``host`` may execute next, by priority, then by age."""
    values: dict[str, Any] = {
        "tenant": host.tenant,
        "now": now,
        "usable_profiles": tenant.usable_profiles(),
        "full_profiles": room.full_profiles(tenant.profiles),
        "most": most,
    }
    if host.author is None:
        query = _PIPELINE
        values["full_pipelines"] = room.full_pipelines
    elif host.run is None:
        query = _PERSONAL
        values["author"] = host.author
    else:
        query = _ONE
        values |= {"author": host.author, "run": host.run}
    # A join keeps no order, and these few are sorted here as fast as there.
    rows = sorted(session.execute(query, values), key=lambda row: (-row.priority, row.id))
    return [Candidate._make(row[:-1]) for row in rows]
