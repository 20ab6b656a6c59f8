"""Which version a run may be of: the live one, or another that was approved."""

from __future__ import annotations

from sqlalchemy.orm import Session

from galley.domain.model import in_words
from galley.domain.versions import VersionState
from galley.errors import Conflict
from galley.store import deployments, versions
from galley.store.tables import PipelineRow, VersionRow


def version(session: Session, pipeline: PipelineRow, number: int | None) -> VersionRow:
    """Return version ``number`` of a pipeline, or its live one.

    Raises:
        NotFound: there is no such version.
        Conflict: nothing is live, or the version is not approved.
    """
    if number is None:
        live = deployments.current(session, pipeline.id)
        if live is None:
            raise Conflict(
                f"The pipeline {pipeline.slug!r} has no live version yet: it can run once a "
                "version is approved and deployed."
            )
        return live
    found = versions.require_number(session, pipeline.tenant, pipeline.slug, number)
    if found.state is not VersionState.APPROVED:
        raise Conflict(
            f"Version {number} of {pipeline.slug!r} is {in_words(found.state)}: only approved "
            "versions can be run.",
            field="version",
            state=str(found.state),
        )
    return found
