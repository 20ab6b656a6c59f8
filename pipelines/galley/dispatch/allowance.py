"""What a rehearsal may do, and how much longer than the notebook alone it may take."""

from __future__ import annotations

from galley.domain.split import SplitLayout
from galley.domain.tenants import Tenant
from galley.domain.versions import Analysis
from galley.domain.work import RehearsalWork
from galley.store.tables import VersionRow

ENVIRONMENT_S = 900
"""Time to make the environment of a lock, once; it does not count against a time limit, seconds."""

PLAIN_RUNS = 4
"""What a proof costs at most, in plain runs of the notebook."""


def rehearsal_work(version: VersionRow, tenant: Tenant) -> RehearsalWork:
    """Return what the rehearsal of ``version`` does beside running it."""
    return RehearsalWork(
        analysis=Analysis.model_validate(version.analysis),
        layout=None if version.layout is None else SplitLayout.model_validate(version.layout),
        budget_s=proof_budget_s(version, tenant),
        environment_s=ENVIRONMENT_S,
    )


def proof_budget_s(version: VersionRow, tenant: Tenant) -> float:
    """Return how long proving a split of ``version`` may take, seconds; 0: not at all."""
    match version.prove:
        case "never":
            return 0
        case "always":
            return max(tenant.limits.proof, float(PLAIN_RUNS * version.timeout_s))
        case _:
            return tenant.limits.proof


def rehearsal_time(version: VersionRow, tenant: Tenant) -> int:
    """Return how much longer than the version's time limit its rehearsal may take, seconds."""
    return int(ENVIRONMENT_S + proof_budget_s(version, tenant))


def run_time(of_platform: bool | None) -> int:
    """Return how much longer than the version's time limit a run may take, seconds.

    That is the time to make its environment, as the runner has it: also where the platform's own
    served as the version was locked, for it may have been upgraded since. The runner itself ends
    what has reached the time limit; this is when nobody waits for it any more.

    Args:
        of_platform: whether it served; None: the version has no lock.
    """
    return 0 if of_platform is None else ENVIRONMENT_S
