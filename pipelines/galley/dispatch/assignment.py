"""Leasing runs that were chosen: their attempts, the credentials, and what a host is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from galley.dispatch.allowance import ENVIRONMENT_S, rehearsal_time, rehearsal_work, run_time
from galley.dispatch.eligible import Candidate
from galley.dispatch.policy import HEARTBEAT_S, LAUNCH_LIMIT, LEASE
from galley.domain.runs import AttemptState, RunKind, experiment_of
from galley.domain.tenants import Tenant
from galley.domain.work import Assignment, RehearsalWork
from galley.store import attempt_arrows, run_arrows, tokens
from galley.store.columns import new_id
from galley.store.many import sent_together
from galley.store.tables import VersionRow
from galley.store.tokens import AttemptTokens


class Chosen(NamedTuple):
    """A run that is to be leased.

    Attributes:
        run: with its parameters as of now.
        profile: the name of the profile that its attempt has.
    """

    run: Candidate
    profile: str


def lease_all(
    session: Session,
    tenant: Tenant,
    chosen: Sequence[Chosen],
    hosts: Sequence[str],
    now: datetime,
    give: Callable[[Assignment], Assignment],
) -> list[Assignment]:
    """Lease each of the runs to one of the hosts, of which there are as many or more.

    Args:
        give: makes of an assignment whose version names secrets the one that has them.
    """
    if not chosen:
        return []
    larger = cache(tenant.next_profile)
    runs = [one.run for one in chosen]
    extra = [_extra(session, tenant, run) for run in runs]
    rehearsals = [_rehearsal(session, tenant, run) for run in runs]
    with sent_together(session) as sent:
        run_arrows.launch_all(session, sent, runs, now)
        attempts = [
            _attempt(tenant, one, larger(one.profile), host, extra_s, now)
            for one, host, extra_s in zip(chosen, hosts, extra, strict=False)
        ]
        attempt_arrows.lease_all(session, attempts, now)
        minted = tokens.mint_attempts(
            session,
            chosen[0].run.tenant,
            {row["id"]: run.kind.personal for row, run in zip(attempts, runs, strict=True)},
            now,
        )
        works = [
            _assignment(
                tenant, one, row["id"], larger(one.profile), minted[row["id"]], rehearsal, now
            )
            for row, one, rehearsal in zip(attempts, chosen, rehearsals, strict=True)
        ]
    return [
        give(work) if one.run.names_secrets else work
        for work, one in zip(works, chosen, strict=True)
    ]


def _attempt(
    tenant: Tenant, one: Chosen, larger: str | None, host: str, extra_s: int, now: datetime
) -> dict[str, Any]:
    """Return the columns of the next attempt of a run."""
    run, profile = one.run, tenant.profiles[one.profile]
    enlarge = (
        run.kind is RunKind.PIPELINE
        and one.profile == run.version_profile
        and tenant.retry.out_of_memory == "next_profile"
    )
    number = run.attempt_count + 1
    return {
        "id": new_id(),
        "run_id": run.id,
        "tenant": run.tenant,
        "number": number,
        "fencing": number,
        "state": AttemptState.LEASED,
        "host": host,
        "cpu": profile.cpu,
        "memory": profile.memory,
        "profile": one.profile,
        "larger_profile": larger if enlarge else None,
        "lease_until": now + LEASE,
        "deadline": now + LAUNCH_LIMIT,
        "extra_s": extra_s,
        "started_at": now,
    }


def _extra(session: Session, tenant: Tenant, run: Candidate) -> int:
    match run.kind:
        case RunKind.REHEARSAL:
            return rehearsal_time(session.get_one(VersionRow, run.version_id), tenant)
        case RunKind.TRIAL:
            return ENVIRONMENT_S
        case _:
            return run_time(run.of_platform)


def _assignment(
    tenant: Tenant,
    one: Chosen,
    attempt: UUID,
    larger: str | None,
    minted: AttemptTokens,
    rehearsal: RehearsalWork | None,
    now: datetime,
) -> Assignment:
    run, number = one.run, one.run.attempt_count + 1
    profile = tenant.profiles[one.profile]
    return Assignment(
        attempt=attempt,
        run=run.id,
        number=number,
        fencing=number,
        kind=run.kind,
        tenant=run.tenant,
        person=run.requested_by if run.kind.personal else None,
        pipeline=run.pipeline,
        version=run.version,
        parameters=run.parameters,
        logical_date=run.logical_date,
        incremental=run.incremental,
        profile=profile,
        profile_name=one.profile,
        next_profile=larger,
        timeout_s=run.timeout_s,
        cell_timeout_s=run.cell_timeout_s or tenant.limits.cell_timeout,
        max_output=tenant.limits.output,
        max_cell=tenant.limits.cell_outputs,
        scratch=profile.scratch or tenant.limits.scratch,
        project_url=f"/internal/v1/attempts/{attempt}/project",
        run_token=minted.run,
        task_token=minted.task,
        tracking_path=f"/services/mlflow/{run.tenant}",
        experiment=experiment_of(run.kind, run.pipeline),
        rehearsal=rehearsal,
        lease_until=now + LEASE,
        heartbeat_s=HEARTBEAT_S,
    )


def _rehearsal(session: Session, tenant: Tenant, run: Candidate) -> RehearsalWork | None:
    if run.kind is not RunKind.REHEARSAL:
        return None
    return rehearsal_work(session.get_one(VersionRow, run.version_id), tenant)
