"""Hidden state: a live session against the clean run of a version's rehearsal."""

from __future__ import annotations

import json
from uuid import UUID

from fastapi import APIRouter

from galley.domain.live import LiveComparison, LiveState
from galley.domain.proof import DifferenceKind
from galley.domain.tenants import Action
from galley.domain.versions import Version
from galley.errors import NotFound
from galley.notebook.limited import compare_limited
from galley.notebook.live import CleanRun
from galley.service.context import Context, InContext, TheCaller
from galley.service.publishing import check_size
from galley.service.routes.access import the_version
from galley.store import versions

router = APIRouter(tags=["publishing"])


@router.post("/versions/{version_id}/live")
def compare_live(
    version_id: UUID, body: LiveState, caller: TheCaller, context: InContext
) -> LiveComparison:
    """Return what a session has that the version's clean run has not; nothing is kept."""
    version = the_version(context, caller, version_id, Action.PUBLISH)
    check_size(context.tenant(version.tenant), body.notebook, {})
    clean = _clean_run(context, version)
    return LiveComparison(checks=compare_limited(body, clean), reason=_missing(version, clean))


def _clean_run(context: Context, version: Version) -> CleanRun:
    evidence = version.evidence
    if evidence is None:
        return CleanRun(None)
    unstable = evidence.proof.unstable if evidence.proof is not None else ()
    key = context.store.read(lambda s: versions.rehearsal_notebook(s, version.id))
    executed = None
    if key is not None:
        try:
            executed = json.loads(context.artifacts.get(key))
        except (NotFound, ValueError):
            executed = None
    return CleanRun(
        snapshot=evidence.snapshot,
        executed=executed if isinstance(executed, dict) else None,
        parameters=evidence.parameters,
        unstable=frozenset(one.what for one in unstable if one.kind is DifferenceKind.VARIABLE),
        unstable_cells=frozenset(
            one.cell
            for one in unstable
            if one.kind is DifferenceKind.OUTPUT and one.cell is not None
        ),
        drawing=frozenset(evidence.proof.drawing if evidence.proof is not None else ()),
    )


def _missing(version: Version, clean: CleanRun) -> str | None:
    """Return why names or outputs are not compared; None where they are."""
    what = f"version {version.number}"
    if version.evidence is None:
        return f"{what} has not been rehearsed yet, so only the order of your cells was looked at"
    if clean.snapshot is None and clean.executed is None:
        return f"the rehearsal of {what} kept neither its variables nor its notebook"
    if clean.snapshot is None:
        return f"the rehearsal of {what} kept no variables, so only outputs were compared"
    if clean.executed is None:
        return f"the rehearsal of {what} kept no notebook, so only variables were compared"
    return None
