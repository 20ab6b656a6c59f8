"""From the proof that a rehearsal reports to the content that its version will have.

The rehearsal ran with its author's rights: what it reports is checked against the notebook, and
the project is built here, from what was published.
"""

from __future__ import annotations

import json
from typing import Any

from galley.domain.proof import Proof, ProofState
from galley.domain.runs import RunKind
from galley.domain.split import SplitPlan
from galley.domain.versions import Version
from galley.domain.work import Outcome, RehearsalReport
from galley.errors import InvalidInput
from galley.notebook.plan_check import check_plan
from galley.notebook.source import read_cells
from galley.project import archive
from galley.project.build import ProjectFacts
from galley.service.context import Context
from galley.service.publishing import Content
from galley.store import runs, versions


def findings(context: Context, attempt: runs.AttemptRef, outcome: Outcome) -> dict[str, Any] | None:
    """Return what the attempt keeps of a rehearsal; None where it found nothing.

    ``evidence`` holds the proof and the snapshot; ``accepted`` the digest and the project of the
    proved split, which the version takes over when its rehearsal is settled.
    """
    report = outcome.rehearsal
    if report is None or attempt.kind is not RunKind.REHEARSAL:
        return None
    accepted = None
    if report.proof is not None and report.proof.plan is not None:
        try:
            accepted = _accept(context, attempt, report.proof, report.proof.plan)
        except InvalidInput as error:
            report = RehearsalReport(
                proof=report.proof.model_copy(
                    update={
                        "state": ProofState.UNEQUAL,
                        "plan": None,
                        "reason": f"the rehearsal's split was refused: {error.detail}",
                    }
                ),
                snapshot=report.snapshot,
            )
    return {"evidence": report.model_dump(mode="json"), "accepted": accepted}


def _accept(
    context: Context, attempt: runs.AttemptRef, proof: Proof, plan: SplitPlan
) -> dict[str, str]:
    """Return digest and project of the split version; raises InvalidInput."""
    if proof.state is not ProofState.EQUAL or not plan.is_split:
        raise InvalidInput(f"a proof that ended as {proof.state} accepts no split", field="plan")
    version, keys, values = context.store.read(
        lambda s: (
            versions.get(s, attempt.version_id),
            versions.blobs(s, attempt.version_id),
            versions.defaults(s, attempt.version_id),
        )
    )
    analysis = version.analysis
    assert analysis is not None
    notebook = json.loads(context.blobs.get(keys.notebook))
    check_plan(read_cells(notebook), analysis.parameters, plan)
    files = archive.read(context.blobs.get(keys.project))
    modules = {path: data.decode() for path, data in files.items() if path.endswith(".py")}
    content = Content(notebook, modules, analysis, values.defaults, _facts(context, version))
    digest, project = content.packed(version.tenant, version.pipeline, plan)
    return {"digest": digest, "project": context.blobs.put(project)}


def _facts(context: Context, version: Version) -> ProjectFacts:
    datasets = context.tenant(version.tenant).datasets
    return ProjectFacts(
        name=version.name,
        description=version.description,
        author=version.author,
        profile=version.profile,
        datasets={name: str(dataset.mode) for name, dataset in datasets.items()},
        timeout_s=version.timeout_s,
        retries=version.retries,
    )
