"""A store with tenants in it, and the steps of a version's and a run's life, for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from galley import dispatch, review
from galley.domain.parameters import ParameterSchema
from galley.domain.reviews import DecisionRequest, Verdict
from galley.domain.runs import AttemptState, FailureClass, Run, RunRequest
from galley.domain.tenants import Gate, Tenant, Tenants
from galley.domain.versions import (
    Analysis,
    CellError,
    PublishRequest,
    TaskNode,
    Version,
    digest_of,
)
from galley.domain.work import Assignment, LeaseRequest, Outcome
from galley.store import Store, runs, versions
from galley.store.tokens import HostIdentity
from sqlalchemy.orm import Session

T = TypeVar("T")

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday."""

TENANTS = Tenants.model_validate(
    {
        "tenants": {
            "lab": {
                "display_name": "Lab",
                "members": {
                    "ana": ["data-scientist"],
                    "ben": ["data-scientist"],
                    "lee": ["lead"],
                    "max": ["mle"],
                    "boss": ["lead", "mle", "data-scientist"],
                    "eye": ["auditor"],
                },
                "profiles": {
                    "small": {"display_name": "Small", "cpu": 1, "memory": "1 GiB"},
                    "large": {"display_name": "Large", "cpu": 2, "memory": "2 GiB"},
                    "huge": {"display_name": "Huge", "cpu": 64, "memory": "2 GiB"},
                },
                "limits": {"concurrent_runs": 2, "cpu": 2, "memory": "4 GiB"},
                "parameters": {"rounds": 7, "elsewhere": "x"},
            },
            "play": {
                "display_name": "Playground",
                "members": {"ana": ["data-scientist", "operator"]},
                "profiles": {"small": {"display_name": "Small", "cpu": 1, "memory": "1 GiB"}},
                "review": {"gates": []},
            },
        }
    }
)

SCHEMA = ParameterSchema(
    properties={
        "rounds": {"type": "integer", "default": 3},
        "name": {"type": "string", "default": "a"},
        "logical_date": {"type": "string", "default": ""},
        "data_interval_start": {"type": "string", "default": ""},
    },
    cell=0,
)
ANALYSIS = Analysis(parameters=SCHEMA, tasks=(TaskNode(name="churn", cells=(0, 1)),))
ERROR = CellError(task="churn", cell=1, ename="KeyError", evalue="'x'", message="cell 2: no 'x'")


def tenants_with(tenant: str, **changes: Any) -> Tenants:
    """Return the tenants with ``changes`` to one of them."""
    changed = TENANTS.tenants[tenant].model_copy(update=changes)
    return TENANTS.model_copy(update={"tenants": {**TENANTS.tenants, tenant: changed}})


def request_of(**fields: Any) -> PublishRequest:
    """Return a request to publish."""
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return PublishRequest.model_validate({"notebook": notebook, "name": "Churn", **fields})


@dataclass
class World:
    """A platform without web, hosts or clock: ``now`` moves when a test says so."""

    store: Store
    tenants: Tenants = field(default=TENANTS)
    now: datetime = START

    def write(self, work: Callable[[Session], T]) -> T:
        return self.store.write(work)

    def read(self, work: Callable[[Session], T]) -> T:
        return self.store.read(work)

    def later(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now

    def tenant(self, name: str = "lab") -> Tenant:
        return self.tenants.tenants[name]

    def publish(
        self,
        slug: str = "churn",
        *,
        tenant: str = "lab",
        author: str = "ana",
        content: str = "1",
        analysis: Analysis = ANALYSIS,
        **fields: Any,
    ) -> Version:
        """Publish; ``content`` decides the digest."""
        version_id = self.write(
            lambda s: review.publish(
                s,
                tenant,
                self.tenant(tenant),
                slug,
                author,
                request_of(**fields),
                analysis,
                digest_of({"content": content}),
                f"project-{content}",
                f"notebook-{content}",
                self.now,
            )
        )
        return self.version(version_id)

    def version(self, version_id: UUID) -> Version:
        return self.read(lambda s: versions.get(s, version_id))

    def run(self, run_id: UUID) -> Run:
        return self.read(lambda s: runs.get(s, run_id))

    def claim(
        self, tenant: str = "lab", *, author: str | None = None, run: UUID | None = None
    ) -> Assignment | None:
        host = HostIdentity(tenant=tenant, author=author, run=run)
        seen = self.read(lambda s: dispatch.finds_work(s, self.tenants, host, self.now))
        found = self.write(
            lambda s: dispatch.claim(s, self.tenants, host, LeaseRequest(host="h1"), self.now)
        )
        assert seen or found is None, "a host that only looks would have missed it"
        return found

    def must_claim(self, tenant: str = "lab", *, author: str | None = None) -> Assignment:
        found = self.claim(tenant, author=author)
        assert found is not None
        return found

    def start(self, work: Assignment) -> None:
        self.write(lambda s: dispatch.start(s, work.attempt, work.fencing, self.now))

    def finish(
        self,
        work: Assignment,
        state: AttemptState = AttemptState.SUCCEEDED,
        *,
        failure_class: FailureClass | None = None,
        error: CellError | None = None,
        metrics: dict[str, float] | None = None,
        rehearsal: dict[str, Any] | None = None,
    ) -> Run:
        outcome = Outcome(
            fencing=work.fencing,
            state=state,
            failure_class=failure_class,
            error=error,
            metrics=metrics or {},
            duration_s=3.5,
            peak_memory=1000,
            cells=2,
        )

        def both(session: Session) -> Run:
            run = dispatch.finish(session, work.attempt, outcome, self.now, rehearsal=rehearsal)
            review.settle_rehearsals(session, self.tenants, self.now)
            return run

        return self.write(both)

    def reap(self) -> list[UUID]:
        def both(session: Session) -> list[UUID]:
            moved = dispatch.reap(session, self.now)
            review.settle_rehearsals(session, self.tenants, self.now)
            return moved

        return self.write(both)

    def keep_reaping(self, seconds: int) -> list[UUID]:
        """Let time pass while the reaper runs each second; return the runs that moved."""
        moved: list[UUID] = self.reap()
        for _ in range(seconds):
            self.later(seconds=1)
            moved += self.reap()
        return moved

    def rehearse(self, version: Version) -> Version:
        """Let the rehearsal pass."""
        work = self.claim(version.tenant, author=version.author, run=version.rehearsal_run)
        assert work is not None
        self.start(work)
        self.finish(work)
        return self.version(version.id)

    def decide(
        self,
        version: Version,
        gate: Gate,
        reviewer: str,
        verdict: Verdict = Verdict.APPROVE,
        *,
        digest: str | None = None,
    ) -> Version:
        request = DecisionRequest(
            gate=gate, verdict=verdict, digest=digest or version.digest or "", comment="looked"
        )
        return self.write(
            lambda s: review.decide(
                s, self.tenant(version.tenant), version.id, request, reviewer, self.now
            )
        )

    def approve(self, version: Version) -> Version:
        self.decide(version, Gate.LEAD, "lee")
        return self.decide(version, Gate.MLE, "max")

    def live(self, slug: str = "churn", **fields: Any) -> Version:
        """Publish, rehearse and approve."""
        version = self.rehearse(self.publish(slug, **fields))
        return self.approve(version) if version.gates else version

    def request(self, slug: str = "churn", *, tenant: str = "lab", **fields: Any) -> Run:
        """Ask for a run now."""
        request = RunRequest.model_validate(fields)
        return self.write(
            lambda s: dispatch.request_run(
                s, tenant, self.tenant(tenant), slug, request, "ben", self.now
            )
        )
