"""From the proof that a rehearsal reports to the content that its version will have.

The rehearsal ran with its author's rights: what it reports is checked against the notebook, and
the project is built here, from what was published.
"""

from __future__ import annotations

import json
from typing import Any

from galley.domain.proof import Proof, ProofState
from galley.domain.runs import AttemptState, FailureClass, RunKind
from galley.domain.split import SplitPlan
from galley.domain.versions import CellError, TaskNode, Version
from galley.domain.work import Outcome, RehearsalReport
from galley.errors import InvalidInput, Unavailable
from galley.locking import Lock, accept_lock, lock_facts
from galley.notebook.requirements import wanted_requirements
from galley.project import archive
from galley.project.build import ProjectFacts
from galley.project.limited import check_plan_limited
from galley.project.manifest import carried
from galley.service.context import Context
from galley.service.publishing import Content
from galley.store import runs, versions


def judge(
    context: Context, attempt: runs.AttemptRef, outcome: Outcome
) -> tuple[Outcome, dict[str, Any] | None]:
    """Return the outcome, and what the attempt keeps of a rehearsal (None of a pipeline's run).

    ``evidence`` holds the proof, the lock's facts and the snapshot; ``accepted`` the digest and the
    project with the proved split and the lock, which the version takes over when its rehearsal is
    settled. A lock that is not one of what the version wants fails the rehearsal; a split that is
    not one of its notebook leaves it in one task.
    """
    if attempt.kind is not RunKind.REHEARSAL or outcome.state is not AttemptState.SUCCEEDED:
        return outcome, None
    try:
        return outcome, _findings(context, attempt, outcome)
    except InvalidInput as error:
        failed = {
            "state": AttemptState.FAILED,
            "failure_class": FailureClass.USER,
            "error": CellError(ename="InvalidInput", evalue="lock", message=error.detail),
        }
        return outcome.model_copy(update=failed), None


def _findings(context: Context, attempt: runs.AttemptRef, outcome: Outcome) -> dict[str, Any]:
    report = outcome.rehearsal or RehearsalReport()
    published = _Published(context, attempt)
    lock = None
    if outcome.lock is not None:
        lock = accept_lock(outcome.lock, wanted_requirements(published.content.analysis))
    proof = report.proof
    if proof is not None and proof.plan is not None:
        try:
            published.check(proof, proof.plan)
        except InvalidInput as error:
            proof = proof.model_copy(
                update={
                    "state": ProofState.UNEQUAL,
                    "plan": None,
                    "reason": f"the rehearsal's split was refused: {error.detail}",
                }
            )
    evidence = {
        "proof": None if proof is None else proof.model_dump(mode="json"),
        "lock": None if lock is None else lock_facts(lock).model_dump(mode="json"),
        "snapshot": None if report.snapshot is None else report.snapshot.model_dump(mode="json"),
    }
    plan = None if proof is None else proof.plan
    if plan is None and lock is None:
        return {"evidence": evidence, "accepted": None}
    return {"evidence": evidence, "accepted": published.with_(plan, lock)}


class _Published:
    """What a version was published with, read back."""

    def __init__(self, context: Context, attempt: runs.AttemptRef) -> None:
        self._context = context
        version, keys, values = context.store.read(
            lambda s: (
                versions.get(s, attempt.version_id),
                versions.blobs(s, attempt.version_id),
                versions.defaults(s, attempt.version_id),
            )
        )
        assert version.analysis is not None
        files = archive.read(context.blobs.get(keys.project))
        self.version = version
        self.content = Content(
            notebook=json.loads(context.blobs.get(keys.notebook)),
            modules=carried(files, version.analysis),
            analysis=version.analysis,
            defaults=values.defaults,
            facts=_facts(context, version),
        )

    def check(self, proof: Proof, plan: SplitPlan) -> None:
        """Do nothing if the plan may be taken over; raises InvalidInput."""
        if proof.state is not ProofState.EQUAL or not plan.is_split:
            raise InvalidInput(f"a proof that ended as {proof.state} accepts no split")
        check_plan_limited(self.content.notebook, self.content.analysis, plan)

    def with_(self, plan: SplitPlan | None, lock: Lock | None) -> dict[str, Any]:
        """Keep the project with the split and the lock; return what the version takes over."""
        digest, project = self.content.packed(
            self.version.tenant, self.version.pipeline, plan, lock
        )
        nodes = plan and [
            TaskNode(name=task.name, upstream=task.upstream, cells=task.cells).model_dump(
                mode="json"
            )
            for task in plan.tasks
        ]
        return {"digest": digest, "project": self._context.blobs.put(project), "tasks": nodes}


def _facts(context: Context, version: Version) -> ProjectFacts:
    declared = context.tenants().tenants.get(version.tenant)
    if declared is None:
        raise Unavailable(
            f"the tenant {version.tenant!r} is not in the tenants file: its rehearsal waits for it"
        )
    return ProjectFacts(
        name=version.name,
        description=version.description,
        author=version.author,
        profile=version.profile,
        datasets={name: str(dataset.mode) for name, dataset in declared.datasets.items()},
        timeout_s=version.timeout_s,
        cell_timeout_s=version.cell_timeout_s,
        retries=version.retries,
    )
